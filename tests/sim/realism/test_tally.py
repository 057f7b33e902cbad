"""Rates, their intervals, and the tables made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.realism.rule import Group
from sim.realism.tables import cell, judge_text, short
from sim.realism.tally import Asked, Said, rate, summary


def asked(
    kind: str, weather: str, found: bool, height: float = 50.0, distance: float = 15.0, seen: float = 1.0
) -> Asked:
    return Asked(
        "p", "m", weather, kind, f"vehicle.{kind}", (0, 0, 1, 1), height, seen, distance, found, found, found, 0.6
    )


def said(group: Group, right: bool) -> Said:
    return Said("p", "m", "noon", group, 2, 0.5, (0, 0, 1, 1), right)


def test_wilson_interval_of_nine_in_ten():
    # Wilson 1927, z = 1.96: (0.9 + .19208) / 1.38416 -+ 1.96 / 1.38416 * sqrt(.009 + .0096040)
    got = rate(9, 10)
    assert got.share == 0.9
    assert got.low == pytest.approx(0.5958, abs=1e-3)
    assert got.high == pytest.approx(0.9821, abs=1e-3)


def test_a_rate_of_nothing_is_not_zero():
    assert rate(0, 0).share is None
    assert short({"total": 0}) == "–"
    assert rate(0, 5).share == 0.0
    assert rate(0, 5).low == pytest.approx(0.0, abs=1e-12)


def test_classes_pool_their_kinds_and_bins_hold_each_row_once():
    rows = [asked("car", "noon", True), asked("truck", "noon", False, 30.0, 40.0, 0.7),
            asked("van", "fog", True, 200.0), asked("rider", "fog", True)]  # fmt: skip
    out = summary(rows, [said(Group.VEHICLE, True), said(Group.VEHICLE, False)])
    assert (out["vehicles"]["all"]["hits"], out["vehicles"]["all"]["total"]) == (2, 3)
    assert out["vehicles"]["weather"]["noon"]["total"] == 2
    assert out["cars"]["all"]["total"] == 2
    assert out["persons"]["all"]["total"] == 1
    assert sum(part["total"] for part in out["vehicles"]["height_px"].values()) == 3
    assert out["vehicles"]["height_px"][">= 100"]["total"] == 1
    assert out["vehicles"]["distance_m"][">= 35"]["hits"] == 0
    assert {label: part["total"] for label, part in out["vehicles"]["share_visible"].items()} == {
        "0.5-0.7": 0, "0.7-0.9": 1, ">= 0.9": 2,
    }  # fmt: skip
    assert out["precision"]["vehicle"]["all"]["share"] == 0.5
    assert out["precision"]["person"]["all"]["share"] is None


def test_tables_tell_share_interval_and_counts():
    text = judge_text(summary([asked("car", "noon", True)] * 9 + [asked("car", "noon", False)], []))
    assert "| cars |  | .900 (.596–.982) 9/10 | .900 (10) | .900 (10) |" in text
    assert cell({"total": 2, "hits": 2, "share": 1.0, "low": 0.34, "high": 1.0}) == "1.000 (.340–1.000) 2/2"


def test_noticed_counts_for_two_wheelers_in_a_row_of_its_own() -> None:
    rows = [replace(asked("bicycle", "noon", False), noticed=True), asked("motorcycle", "noon", True)]
    counts = summary(rows, [])
    assert [counts[name]["all"]["hits"] for name in ("two_wheelers", "two_wheelers_or_riders", "bicycles")] == [1, 2, 0]
