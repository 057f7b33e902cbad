"""Rows of parked vehicles among the instances that sensors see."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from sim.server.scene.static import Parked
from sim.server.sensors.appearance import SIDE, Appearance, texture_of
from sim.server.sensors.bodies import body_table
from sim.server.sensors.columns import BODY_RGB, LIT_BRAKE, LIT_HEAD, LIT_LEFT, LIT_REVERSE, LIT_TAIL
from sim.server.sensors.instances import Instances
from sim.server.sensors.warm import box_library, boxes
from sim.server.world.parked import rows_of

LIBRARY = box_library()
BENCH = SimpleNamespace(
    library=lambda: LIBRARY,
    choose=lambda type_id, _: SimpleNamespace(name=LIBRARY.names[0], size_m=(4.0, 2.0, 1.5), tag=14),
)


def parked(count: int) -> Parked:
    position = np.arange(3.0 * count).reshape(count, 3)
    return Parked(
        ("vehicle.audi.a2",) * count, np.arange(count, dtype=np.int32), position, np.zeros((count, 3)),
        np.full((count, 3), 0.5), np.zeros(count), np.zeros(count, np.uint32),
    )  # fmt: skip


def look(shown: list[bool], texture: int = -1) -> Appearance:
    n = len(shown)
    red = texture_of(np.tile(np.array([1.0, 0.0, 0.0], np.float32), (SIDE, SIDE, 1)))
    return Appearance(
        np.array(shown), np.full(n, texture, np.int32), np.zeros((0, 3), np.float32), (red,) if texture >= 0 else ()
    )


def rows(shown: list[bool], texture: int = -1) -> Instances:
    return rows_of(parked(len(shown)), look(shown, texture), BENCH)


def test_only_those_that_are_there_have_rows():
    found = rows([True, False, True])
    assert found.actor_id.tolist() == [0xFFFF00, 0xFFFF02]
    assert found.position_m.tolist() == [[0.0, 1.0, 2.0], [6.0, 7.0, 8.0]]
    assert len(rows([False]).actor_id) == 0


def test_actors_come_first_and_can_be_had_alone():
    actors = boxes([(5.0, 0.0, 0.0), (9.0, 0.0, 0.0)])
    all_of_them = actors.followed_by(rows([True, True]))
    assert all_of_them.parked.tolist() == [False, False, True, True]
    assert (np.diff(all_of_them.actor_id) > 0).all()
    assert all_of_them.actors().actor_id.tolist() == actors.actor_id.tolist()
    assert all_of_them.actors().position_m.tolist() == actors.position_m.tolist()


def test_lamps_stay_off_by_night_whatever_is_asked_for():
    actors = boxes([(5.0, 0.0, 0.0)])
    bodies = actors.followed_by(rows([True]))
    bodies = replace(bodies, light_state=np.full(2, 0xFF, np.uint32))
    table = body_table(bodies, LIBRARY, 1.0, 0.0)
    for lit in (LIT_HEAD, LIT_TAIL, LIT_BRAKE, LIT_LEFT, LIT_REVERSE):
        assert table[1, lit] == 0.0
    assert table[0, LIT_BRAKE] > 0.0


def test_a_texture_gives_them_its_mean_colour():
    table = body_table(rows([True], texture=0), LIBRARY, 0.0, 0.0)
    red, green, blue = table[0, BODY_RGB : BODY_RGB + 3]
    assert red > 0.7
    assert max(green, blue) < 0.05
