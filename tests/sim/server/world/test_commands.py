"""The commands of every tick in one pass do what each call does by itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.server.calls.batch import apply_batch
from sim.server.protocol.command_batch import CONTROL, TRANSFORM, WALKER_STATE, read_batch
from sim.server.world.dynamics import Dynamics
from sim.server.world.vehicle_spec import VEHICLES, AckermannControl, VehicleControl
from tests.sim.server.fakes import FAKE_PARTS
from tests.sim.server.protocol.test_command_batch import packed
from tests.sim.server.world.conftest import plane
from tests.sim.server.world.test_world import Recorded

CAR, VAN, WALKER = 3, 5, 8


def crowd() -> Dynamics:
    """Two vehicles and a walker."""
    dynamics = Dynamics(plane(), [], np.random.default_rng(0))
    dynamics.add_vehicle(CAR, VEHICLES["vehicle.tesla.model3"], (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    dynamics.add_vehicle(VAN, VEHICLES["vehicle.mercedes.sprinter"], (20.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    dynamics.add_walker(WALKER, 0.93, 0.2, (0.0, 10.0, 0.93), (0.0, 0.0, 0.0))
    return dynamics


def test_one_pass_equals_single_calls() -> None:
    together, singly = crowd(), crowd()
    rows = [
        (CONTROL, CAR, (1.5, -0.25, -0.5, 0, 1, 1, 2)),
        (TRANSFORM, VAN, (5.0, 6.0, 1.0, 10.0, 120.0, -5.0, 0)),
        (WALKER_STATE, WALKER, (1.0, 12.0, 0.2, 0.0, 45.0, 0.0, 1.5)),
        (TRANSFORM, CAR, (1.0, 2.0, 3.0, 0.0, -90.0, 0.0, 0)),
        (CONTROL, CAR, (0.5, 2.0, 0.1, 1, 0, 0, 1)),
    ]
    kind, actor = (np.array([row[k] for row in rows], np.int64) for k in range(2))
    assert together.apply_commands(kind, actor, np.array([row[2] for row in rows], np.float64))
    singly.set_vehicle_control(CAR, VehicleControl(1.0, -0.25, 0.0, False, True, True, 2))
    singly.teleport(VAN, (5.0, 6.0, 1.0), np.radians((10.0, 120.0, -5.0)))
    quarter = math.radians(45.0)
    singly.set_walker_state(WALKER, (1.0, 12.0, 0.2 + 0.93), (0.0, quarter, 0.0), 1.5)
    singly.teleport(CAR, (1.0, 2.0, 3.0), np.radians((0.0, -90.0, 0.0)))
    singly.set_vehicle_control(CAR, VehicleControl(0.5, 1.0, 0.1, True, False, False, 1))
    for name in together.bodies.dtype.names or ():
        np.testing.assert_array_equal(together.bodies[name], singly.bodies[name], err_msg=name)


@pytest.mark.parametrize(
    "last",
    [
        (CONTROL, 99, (1.0, 0, 0, 0, 0, 0, 1)),  # nobody
        (CONTROL, WALKER, (1.0, 0, 0, 0, 0, 0, 1)),  # no vehicle
        (WALKER_STATE, CAR, (1.0, 0, 0, 0, 0, 0, 1)),  # no walker
        (TRANSFORM, VAN, (0, 0, 0, 0, 0, 180.0, 0)),  # on its roof
        (TRANSFORM, VAN, (1e8, 0, 0, 0, 0, 0, 0)),  # off the world
    ],
)
def test_nothing_happens_where_one_command_needs_more_care(last: tuple[int, int, tuple[float]]) -> None:
    dynamics = crowd()
    before = dynamics.bodies.copy()
    values = np.array([(0.7, 0, 0, 0, 0, 0, 1), last[2]], np.float64)
    assert not dynamics.apply_commands(np.array((CONTROL, last[0])), np.array((CAR, last[1])), values)
    np.testing.assert_array_equal(dynamics.bodies, before)


def test_ackermann_control_ends_by_the_general_way() -> None:
    dynamics = crowd()
    dynamics.apply_ackermann_control(CAR, AckermannControl(0.0, 0.0, 5.0, 1.0, 0.0))
    assert not dynamics.apply_commands(np.array((CONTROL,)), np.array((VAN,)), np.zeros((1, 7)))


_place = st.lists(st.floats(-500.0, 500.0, width=32), min_size=3, max_size=3)
_tilt, _yaw = st.floats(-40.0, 40.0, width=32), st.floats(-2000.0, 2000.0, width=32)
_pose = st.tuples(_place, st.tuples(_tilt, _yaw, _tilt).map(list)).map(list)
_pedal = st.floats(-2.0, 2.0, width=32)
_control = st.tuples(_pedal, _pedal, _pedal, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 9)).map(list)
_command = st.one_of(
    _control.map(lambda control: (CONTROL, "car", control)),
    st.tuples(st.sampled_from(("car", "walker")), _pose).map(lambda to: (TRANSFORM, *to)),
    st.tuples(_pose, st.floats(0.0, 8.0, width=32)).map(lambda to: (WALKER_STATE, "walker", *to)),
)


def peopled() -> tuple[Recorded, dict[str, int]]:
    """A session with a car and a walker, and their ids."""
    recorded = Recorded(parts=replace(FAKE_PARTS, make_dynamics=lambda scene, rng: Dynamics(plane(), [], rng)))
    kinds = {"car": "vehicle.audi.tt", "walker": "walker.pedestrian.0001"}
    return recorded, {
        name: recorded.spawn(kind, 10.0 + 10.0 * k).actor_id for k, (name, kind) in enumerate(kinds.items())
    }


@given(st.lists(_command, min_size=1, max_size=5))
def test_how_a_batch_was_cut_on_its_way_changes_no_bit(commands: list[tuple[int, str, list[object]]]) -> None:
    """A batch that comes in one piece is read into columns; one that comes in two goes by the general reader."""
    (whole, ids), (pieces, _) = PEOPLED
    wired = [[[kind, [ids[who], *body]]] for kind, who, *body in commands]
    batch = read_batch(packed(wired))
    assert batch is not None
    assert apply_batch(whole.session, [batch.commands, False]) == apply_batch(
        pieces.session, [batch.commands.commands(), False]
    )
    for name in whole.world.dynamics.bodies.dtype.names:
        np.testing.assert_array_equal(
            whole.world.dynamics.bodies[name], pieces.world.dynamics.bodies[name], err_msg=name
        )


PEOPLED = peopled(), peopled()
