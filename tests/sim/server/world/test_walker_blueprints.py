"""Blueprints of walkers: what programs ask of them."""

from __future__ import annotations

import pytest

from sim.server.world.blueprints import find, library

WALKERS = [name for name in library() if name.startswith("walker.pedestrian.")]


def test_there_are_those_of_0_9_16_with_the_attributes_programs_read() -> None:
    assert sorted(WALKERS) == [f"walker.pedestrian.{number:04d}" for number in range(1, 53)]
    for name in WALKERS:
        values = {attribute.name: attribute.values for attribute in find(name).attributes}
        assert set(values) == {
            "role_name", "gender", "generation", "age", "speed",
            "can_use_wheelchair", "use_wheelchair", "is_invincible",
        }  # fmt: skip
        stand, walk, run = (float(value) for value in values["speed"])
        assert 0.0 == stand < walk < run


@pytest.mark.parametrize("name", ["walker.pedestrian.0009", "walker.pedestrian.0028"])
@pytest.mark.parametrize("value", ["true", "True", "false"])
def test_a_wheelchair_may_be_asked_for_whoever_it_is_for(name: str, value: str) -> None:
    assert find(name).completed({"use_wheelchair": value})["use_wheelchair"] == value


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="true or false"):
        find("walker.pedestrian.0001").completed({"is_invincible": "perhaps"})
