"""Batches read straight from their bytes: the same values as the general reader's, or none at all."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.server.protocol.command_batch import CONTROL, TRANSFORM, WALKER_STATE, read_batch
from sim.server.protocol.wire import RpcReader

_float = st.floats(-1e6, 1e6, width=32)
_actor = st.integers(0, (1 << 32) - 1)
_vector = st.lists(_float, min_size=3, max_size=3)
_control = st.tuples(_float, _float, _float, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 9)).map(list)
_command = st.one_of(
    st.tuples(_actor, _control).map(lambda body: [[CONTROL, list(body)]]),
    st.tuples(_actor, st.tuples(_vector, _vector).map(list)).map(lambda body: [[TRANSFORM, list(body)]]),
    st.tuples(_actor, st.tuples(_vector, _vector).map(list), _float).map(lambda body: [[WALKER_STATE, list(body)]]),
)


def packed(commands: list[object], message_id: int = 70_000, tick: bool = False) -> bytes:
    """A request as the client packs it: floats in 32 bits."""
    packer = msgpack.Packer(use_single_float=True)
    data: bytes = packer.pack([0, message_id, "apply_batch", [[False], commands, tick]])
    return data


def flat(value: object) -> list[float]:
    """Numbers of nested lists, in order."""
    if isinstance(value, list):
        return [number for part in value for number in flat(part)]
    return [float(value)]  # type: ignore[arg-type]


@given(st.lists(_command, max_size=40), st.integers(0, (1 << 32) - 1), st.booleans())
def test_columns_hold_what_the_general_reader_reads(commands: list[object], message_id: int, tick: bool) -> None:
    data = packed(commands, message_id, tick)
    batch = read_batch(data + b"next")
    assert batch is not None
    assert (batch.message_id, batch.tick, batch.asynchronous, batch.used) == (message_id, tick, False, len(data))
    assert batch.commands.commands() == commands
    for row, command in enumerate(commands):
        index, (actor_id, *rest) = command[0]  # type: ignore[index]
        numbers = flat(list(rest))
        assert (batch.commands.kind[row], batch.commands.actor_id[row]) == (index, actor_id)
        assert batch.commands.values[row, : len(numbers)].tolist() == numbers


@given(st.lists(_command, min_size=1, max_size=5), st.data())
def test_a_batch_that_is_not_all_there_is_not_read(commands: list[object], data: st.DataObject) -> None:
    whole = packed(commands)
    assert read_batch(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(st.binary(max_size=60), st.data())
def test_garbage_in_the_middle_never_harms(garbage: bytes, data: st.DataObject) -> None:
    whole = packed([[[CONTROL, [7, [0.5, 0.0, 0.0, False, False, False, 1]]]]] * 3)
    at = data.draw(st.integers(0, len(whole)))
    read_batch(whole[:at] + garbage + whole[at:])


@pytest.mark.parametrize(
    "command",
    [
        [[1, [7]]],  # another command
        [[CONTROL, [7, [float("nan"), 0.0, 0.0, False, False, False, 1]]]],
        [[CONTROL, [7, [0.5, 0.0, 0.0, False, False, False, -1]]]],  # reverse gear
        [[CONTROL, [7, [1, 0.0, 0.0, False, False, False, 1]]]],  # an integer where floats are
        [[CONTROL, [-7, [0.5, 0.0, 0.0, False, False, False, 1]]]],
        [[TRANSFORM, [7, [[0.0, 0.0, float("inf")], [0.0, 0.0, 0.0]]]]],
    ],
)
def test_what_is_unusual_is_left_to_the_general_reader(command: object) -> None:
    assert read_batch(packed([command])) is None


def test_a_reader_takes_batches_whole_or_in_pieces() -> None:
    control = [[CONTROL, [7, [0.5, 0.0, 0.0, False, False, False, 1]]]]
    data = packed([control], 1) + msgpack.packb([0, 2, "version", [[False]]]) + packed([control, control], 3)
    reader = RpcReader()
    whole = list(reader.feed(data))
    assert [request.message_id for request in whole] == [1, 2, 3]
    assert np.all(whole[0].arguments[0].values[0] == (0.5, 0, 0, 0, 0, 0, 1))
    reader = RpcReader()
    pieces = [request for k in range(len(data)) for request in reader.feed(data[k : k + 1])]
    assert [request.message_id for request in pieces] == [1, 2, 3]
    assert pieces[2].arguments[0] == [control, control]
