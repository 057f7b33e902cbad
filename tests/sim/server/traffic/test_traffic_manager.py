"""What the client's traffic manager does on this server, by the numbers of ``scenarios``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sim.server.serving import ROOT, running_server

Facts = dict[str, Any]
MOST_S = 400.0
"""For all scenarios: they take half a minute on a free machine."""


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Facts]]:
    with running_server("real", "Roadlab01") as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.sim.server.traffic.scenarios", str(server.port)],
            cwd=ROOT, capture_output=True, text=True, timeout=MOST_S,
        )  # fmt: skip
        found: dict[str, Facts] = {}
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                found.update(json.loads(line))
        assert found, done.stderr
        yield found


def of(facts: dict[str, Facts], name: str) -> Facts:
    assert "error" not in facts[name], facts[name]["error"]
    return facts[name]


def test_a_car_waits_before_a_red_light_until_it_is_told_to_ignore_lights(facts: dict[str, Facts]) -> None:
    seen = of(facts, "red_light")
    assert seen["speed"] < 0.01
    assert seen["at_light"]
    assert 1.8 < seen["to_line_m"] < 10.0  # from the middle of a car of 3.7 m, the box begins 6 m before the line
    assert seen["waits"]
    assert seen["drives_on"]


def test_a_car_stops_at_a_stop_sign_and_drives_on_unless_it_ignores_signs(facts: dict[str, Facts]) -> None:
    seen = of(facts, "stop_sign")
    assert 2.0 <= seen["obeys"]["stood_s"] < 6.0
    assert seen["ignores"]["stood_s"] == 0.0
    assert min(seen["obeys"]["beyond_m"], seen["ignores"]["beyond_m"]) > 5.0


def test_speed_wishes_and_shares_of_the_limit_are_kept(facts: dict[str, Facts]) -> None:
    seen = of(facts, "speeds")
    wish, share, common = seen["top_kmh"]
    limits = seen["limit_kmh"]
    assert wish == pytest.approx(20.0, rel=0.08)
    assert share == pytest.approx(0.8 * limits[1], rel=0.08)
    assert common == pytest.approx(0.5 * limits[2], rel=0.08)


def test_the_distance_to_the_leading_vehicle_is_kept(facts: dict[str, Facts]) -> None:
    seen = of(facts, "gaps")
    assert 0.8 < seen["near"] < 4.0
    assert seen["far"] > seen["near"] + 3.0


def test_lanes_are_kept_changed_and_driven_beside_their_line(facts: dict[str, Facts]) -> None:
    seen = of(facts, "lanes")
    assert seen["kept"] == seen["start"]
    assert seen["changed"]
    assert seen["aside_m"] == pytest.approx(0.6, abs=0.15)


def test_routes_and_paths_are_followed(facts: dict[str, Facts]) -> None:
    seen = of(facts, "routes")
    assert -120.0 < seen["Left"] < -60.0
    assert 60.0 < seen["Right"] < 120.0
    assert abs(seen["Straight"]) < 25.0
    assert seen["path_m"] < 3.0


def test_hybrid_physics_moves_far_cars_smoothly_along_their_lane(facts: dict[str, Facts]) -> None:
    seen = of(facts, "hybrid")
    assert seen["apart_m"] > 45.0
    assert seen["moved_m"]["far"] > 20.0
    assert seen["moved_m"]["near"] > 15.0
    assert seen["moved_m"]["hero"] < 0.5
    assert seen["largest_step_m"] < 2.0
    assert seen["aside_m"] < 0.5


def test_vehicle_lights_follow_night_and_brakes(facts: dict[str, Facts]) -> None:
    seen = of(facts, "lamps")
    assert seen == {"beam_by_night": True, "beam_by_noon": False, "brake": True}


def test_a_car_stops_before_a_person_unless_it_ignores_people(facts: dict[str, Facts]) -> None:
    seen = of(facts, "walker")
    assert seen["stops"] > 0.5
    assert seen["ignores"] < 0.5


def test_managers_on_two_ports_and_from_a_second_process_drive_their_cars(facts: dict[str, Facts]) -> None:
    seen = of(facts, "managers")
    assert seen["helper"] == 0
    assert seen["remote_port"] == seen["port"]
    assert min(seen["moved_m"]) > 8.0


def test_the_same_seed_gives_the_same_drive(facts: dict[str, Facts]) -> None:
    seen = of(facts, "determinism")
    assert seen["first"] == seen["again"]
    assert seen["first"] != seen["other"]
