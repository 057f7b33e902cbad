"""Radio channel, rules of sending and records of the V2X sensors, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.scene.mesh import Tag
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.cam import CAM_RECORD, CUSTOM_RECORD, CamWriter, Moment, Station, Trigger, station_type
from sim.server.sensors.create import SensorWorld
from sim.server.sensors.radio import Antenna, Channel, PathState, RadioSettings, two_ray_db
from tests.sim.server.sensors import builders

SIZE = np.array([builders.BOX_SIZE_M])


@pytest.fixture(scope="module")
def caster():
    return SensorWorld(builders.scene(), builders.library).caster


def channel(caster, **attributes: str) -> Channel:
    values = Attributes("sensor.other.v2x", {"use_etsi_fading": "false", **attributes})
    return Channel(RadioSettings.of(values), caster, np.random.default_rng(0))


def at(actor_id: int, x: float, y: float = 0.0, height: float = 1.5) -> Antenna:
    return Antenna(actor_id, np.array([x, y, 0.0]), height)


def one_box(x: float, actor_id: int = 9):
    return builders.instances((actor_id, (x, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))


def test_line_of_sight_on_a_highway(caster):
    power = channel(caster).received_dbm(at(1, 0.0), at(2, 10.0), 20.0, builders.instances(), np.zeros((0, 3)))
    # 20 dBm + 10 dB - (32.4 + 20 log10(10 m) + 20 log10(5.9 GHz))
    assert power == pytest.approx(30.0 - (32.4 + 20.0 + 15.417), abs=1e-2)
    urban = channel(caster, scenario="urban")
    power = urban.received_dbm(at(1, 0.0), at(2, 10.0), 20.0, builders.instances(), np.zeros((0, 3)))
    assert power == pytest.approx(30.0 - (38.77 + 16.7 + 14.029), abs=1e-2)


def test_a_wall_is_in_the_way(caster):
    state, _ = channel(caster).path(at(1, 0.0), at(2, 40.0), builders.instances(), np.zeros((0, 3)))
    assert state == PathState.NLOSB  # the wall stands at x = 20
    power = channel(caster).received_dbm(at(1, 0.0), at(2, 40.0), 20.0, builders.instances(), np.zeros((0, 3)))
    assert power == pytest.approx(30.0 - (36.85 + 30.0 * math.log10(40.0) + 18.9 * math.log10(5.9)), abs=1e-2)


def test_a_vehicle_in_between_bends_the_wave(caster):
    bodies = one_box(8.0)
    state, blockers = channel(caster).path(at(1, 0.0, height=1.2), at(2, 16.0, height=1.2), bodies, SIZE)
    assert (state, len(blockers)) == (PathState.NLOSV, 1)
    assert blockers[0][1] == pytest.approx(1.52)  # its roof and two centimetres
    over = channel(caster).path(at(1, 0.0, height=3.0), at(2, 16.0, height=3.0), bodies, SIZE)
    assert over == (PathState.LOS, [])
    own = channel(caster).path(at(9, 0.0, height=1.2), at(2, 16.0, height=1.2), bodies, SIZE)
    assert own[0] == PathState.LOS  # a box of one of the two is no obstacle
    v = 1.52 * math.sqrt(2.0 * 16.0 / (299_792_458.0 / 5.9e9 * 64.0))
    edge = 6.9 + 20.0 * math.log10(math.sqrt((v - 0.1) ** 2 + 1.0) + v - 0.1)
    clear = 32.4 + 20.0 * math.log10(16.0) + 20.0 * math.log10(5.9)
    power = channel(caster).received_dbm(at(1, 0.0, height=1.2), at(2, 16.0, height=1.2), 20.0, bodies, SIZE)
    assert power == pytest.approx(30.0 - clear - edge, abs=1e-2)


def test_weak_and_far_senders_are_not_heard(caster):
    nobody = (builders.instances(), np.zeros((0, 3)))
    assert channel(caster).received_dbm(at(1, 0.0), at(2, 10.0), -70.0, *nobody) is None
    assert channel(caster, filter_distance="9").received_dbm(at(1, 0.0), at(2, 10.0), 20.0, *nobody) is None


def test_two_rays_far_away_fall_with_the_fourth_power():
    wave = 299_792_458.0 / 5.9e9
    near, far = two_ray_db(4_000.0, 1.5, 1.5, wave), two_ray_db(8_000.0, 1.5, 1.5, wave)
    assert far - near == pytest.approx(40.0 * math.log10(2.0), abs=0.7)


def moment(t: float, x: float = 0.0, yaw: float = 0.0, speed: float = 0.0, **more) -> Moment:
    forward = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    rest = {
        "geo": (49.0, 8.0, 10.0),
        "acceleration_mps2": np.array([0.0, 0.0, 9.81]),
        "yaw_rate_radps": 0.0,
        "lights": 0,
    }
    return Moment(t, position_m=np.array([x, 0.0, 0.0]), forward=forward, speed_mps=speed, **{**rest, **more})


CAR = Station(7, 5, 4.8, 2.1)


def test_a_car_sends_when_it_moved_turned_or_changed_its_speed():
    for change in ({"x": 4.1}, {"yaw": math.radians(4.1)}, {"speed": 0.6}):
        trigger = Trigger(0.1, 1.0, False)
        assert trigger.due(CAR, moment(0.0))
        assert not trigger.due(CAR, moment(0.05, **change))  # sooner than gen_cam_min
        assert trigger.due(CAR, moment(0.1, **change))
    for change in ({"x": 3.9}, {"yaw": math.radians(3.9)}, {"speed": 0.4}):
        trigger = Trigger(0.1, 1.0, False)
        trigger.due(CAR, moment(0.0))
        assert not trigger.due(CAR, moment(0.9, **change))
        assert trigger.due(CAR, moment(1.0, **change))


def test_the_raised_rate_lasts_for_three_messages():
    trigger = Trigger(0.1, 1.0, False)
    trigger.due(CAR, moment(0.0))
    assert trigger.due(CAR, moment(0.2, x=5.0))
    sent = [k for k in range(1, 60) if trigger.due(CAR, moment(0.2 + 0.1 * k, x=5.0))]
    assert sent[:5] == [2, 4, 6, 16, 26]  # 0.2 s three times, then 1 s again


def test_a_fixed_rate_and_a_road_side_unit():
    fixed = Trigger(0.2, 1.0, True)
    assert [k for k in range(9) if fixed.due(CAR, moment(0.1 * k))] == [0, 2, 4, 6, 8]
    unit = Trigger(0.1, 1.0, False)
    station = Station(3, 15, 0.0, 0.0)
    assert [k for k in range(11) if unit.due(station, moment(0.1 * k, x=9.0 * k))] == [0, 5, 10]


def test_a_record_says_what_the_station_does():
    writer = CamWriter(Attributes("sensor.other.v2x", {}), np.random.default_rng(0))
    now = moment(
        2.5, yaw=math.pi / 2, speed=13.0, yaw_rate_radps=math.radians(5.0), lights=0x2 | 0x20,
        acceleration_mps2=np.array([1.5, -0.5, 9.81]),
    )  # fmt: skip
    record = writer.write(CAR, now)
    assert CAM_RECORD.itemsize == 464
    assert CUSTOM_RECORD.itemsize == 136
    assert (record["version"], record["message"], record["station"], record["station_type"]) == (2, 2, 7, 5)
    assert (record["latitude"], record["longitude"], record["altitude"]) == (490_000_000, 80_000_000, 1000)
    assert (record["heading"], record["speed"], record["direction"]) == (1800, 1300, 0)  # 0 is world -y
    assert (record["length"], record["width"]) == (48, 21)
    assert (record["acceleration"], record["lateral"], record["vertical"]) == (15, -5, 98)
    assert record["yaw_rate"] == 500
    assert (record["low_kind"], record["lights"]) == (1, 0b1010_0000)  # low beam and left blinker
    assert writer.write(CAR, moment(2.7))["low_kind"] == 0  # every half second only
    assert record.tobytes()[376:408] == bytes(32)  # the vector of protected zones
    assert record.tobytes()[432:464] == bytes(32)  # the path history


def test_noise_that_no_record_holds_is_refused():
    with pytest.raises(ValueError, match=r"noise_alt_bias.*1e20"):
        CamWriter(Attributes("sensor.other.v2x", {"noise_alt_bias": "1e20"}), np.random.default_rng(0))
    most = {f"noise_{a}_{b}": "1e9" for a in ("lat", "lon", "alt", "head") for b in ("stddev", "bias")}
    record = CamWriter(Attributes("sensor.other.v2x", most), np.random.default_rng(0)).write(CAR, moment(0.0))
    assert abs(int(record["latitude"])) > 10**15


def test_station_types():
    assert station_type(Tag.CAR, "") == 5
    assert station_type(Tag.CAR, "emergency") == 10
    assert station_type(Tag.TRAFFIC_LIGHT, "") == 15
    assert station_type(200, "") == 0
