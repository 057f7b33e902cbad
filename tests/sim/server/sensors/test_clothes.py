"""Clothes and paint are kept from tick to tick, and change when the bodies do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.server.sensors.bodies import Clothes, body_table
from sim.server.sensors.columns import BODY_RGB, LIT_BRAKE, TOP_RGB
from sim.server.sensors.instances import Instances
from tests.sim.server.sensors import builders

BRAKE = 8


def three() -> Instances:
    rows = [(k, (4.0 * k, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) for k in (1, 2, 3)]
    return replace(builders.instances(*rows), seed=np.array([7, 8, 9], np.uint32))


def test_what_is_kept_is_what_would_be_made_anew() -> None:
    bodies, library, clothes = three(), builders.library(), Clothes()
    body_table(bodies, library, 0.0, 0.0, clothes)
    braking = replace(bodies, light_state=np.full(3, BRAKE, np.uint32))
    kept, fresh = body_table(braking, library, 0.0, 0.0, clothes), body_table(braking, library, 0.0, 0.0)
    assert kept.tobytes() == fresh.tobytes()
    assert (kept[:, LIT_BRAKE] > 0.0).all()
    assert (body_table(bodies, library, 0.0, 0.0, clothes)[:, LIT_BRAKE] == 0.0).all()


def test_new_paint_new_people_and_fewer_bodies_show_at_once() -> None:
    bodies, library, clothes = three(), builders.library(), Clothes()
    before = body_table(bodies, library, 0.0, 0.0, clothes)
    color = bodies.color.copy()
    color[1] = (1.0, 0.0, 0.0)
    painted = body_table(replace(bodies, color=color), library, 0.0, 0.0, clothes)
    assert painted[1, BODY_RGB] > 10.0 * painted[1, BODY_RGB + 1]
    others = replace(bodies, seed=np.array([70, 80, 90], np.uint32))
    assert not np.array_equal(
        body_table(others, library, 0.0, 0.0, clothes)[:, TOP_RGB : TOP_RGB + 3], before[:, TOP_RGB : TOP_RGB + 3]
    )
    one = builders.instances((1, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    assert len(body_table(one, library, 0.0, 0.0, clothes)) == 1
