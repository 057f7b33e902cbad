"""Which messages reach a V2X receiver, and how strong: the radio channel of CARLA's V2X sensors.

Path loss after ETSI TR 103 257-1 V1.1.1 (2019-05): the WINNER+ formulas, or geometric models (two-ray ground
reflection in line of sight, log-distance behind buildings, free space with a knife edge behind vehicles), plus
shadow fading of its table 6. A link is in line of sight, behind a vehicle (NLOSv) or behind anything else (NLOSb),
by what lies on the straight line between the two antennas, which stand on the roofs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material, Tag
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.instances import Instances
from sim.server.sensors.rays import RayCaster

Array = npt.NDArray[np.float64]

LIGHT_MPS = 299_792_458.0
GROUND_PERMITTIVITY = 1.02
"""Relative permittivity of the ground in the two-ray model, as CARLA has it."""
ANTENNA_M = 0.02
"""Height of an antenna over the roof it stands on, as in CARLA."""
MAX_LEAVES = 8
"""Leaf surfaces that a link may pass before it counts as blocked: crowns have no collision in CARLA."""
PAST_LEAF_M = 0.01
VEHICLE_TAGS = frozenset(int(t) for t in (Tag.CAR, Tag.TRUCK, Tag.BUS, Tag.TRAIN, Tag.MOTORCYCLE, Tag.BICYCLE))
ETSI_FADING_DB = {
    "los": {"highway": 3.3, "rural": 4.25, "urban": 5.2},
    "nlosb": {"highway": 6.8, "rural": 6.8, "urban": 6.8},
    "nlosv": {"highway": 3.8, "rural": 4.55, "urban": 5.3},
}
"""Standard deviation of the shadow fading; rural is the middle of the others, as in CARLA."""


class PathState(IntEnum):
    """What lies between two antennas."""

    LOS = 0
    NLOSV = 1
    NLOSB = 2


@dataclass(frozen=True)
class Antenna:
    """One end of a link: the actor that carries it, its position (3,) on the ground, and its height above that."""

    actor_id: int
    position_m: Array
    height_m: float

    @property
    def top_m(self) -> Array:
        """Where the antenna is."""
        return self.position_m + np.array([0.0, 0.0, self.height_m])


@dataclass(frozen=True)
class RadioSettings:
    """Attributes of a V2X sensor: dBm, dB, GHz, m."""

    transmit_dbm: float
    sensitivity_dbm: float
    frequency_ghz: float
    gain_db: float
    scenario: str  # highway, rural, urban
    winner: bool
    exponent: float
    reference_m: float
    filter_m: float
    etsi_fading: bool
    fading_db: float

    @staticmethod
    def of(values: Attributes) -> RadioSettings:
        """Checked attributes. Raises ValueError."""
        scenario = values.values.get("scenario", "highway")
        if scenario not in ETSI_FADING_DB["los"]:
            raise ValueError(
                f"{values.type_id}: attribute 'scenario' must be highway, rural or urban, got {scenario!r}"
            )
        return RadioSettings(
            transmit_dbm=values.number("transmit_power", 21.5),
            sensitivity_dbm=values.number("receiver_sensitivity", -99.0),
            frequency_ghz=values.number("frequency_ghz", 5.9, 1e-3, 1e3),
            gain_db=values.number("combined_antenna_gain", 10.0),
            scenario=scenario,
            winner=values.values.get("path_loss_model", "winner") == "winner",
            exponent=values.number("path_loss_exponent", 2.7),
            reference_m=values.number("d_ref", 1.0, 1e-3),
            filter_m=values.number("filter_distance", 500.0, 0.0),
            etsi_fading=values.boolean("use_etsi_fading", True),
            fading_db=values.number("custom_fading_stddev", 0.0, 0.0),
        )

    @property
    def wave_m(self) -> float:
        """Wave length."""
        return LIGHT_MPS / (self.frequency_ghz * 1e9)


class Channel:
    """Links of one receiver."""

    def __init__(self, settings: RadioSettings, caster: RayCaster, rng: np.random.Generator) -> None:
        self.settings, self._caster, self._rng = settings, caster, rng

    def received_dbm(
        self, receiver: Antenna, sender: Antenna, transmit_dbm: float, bodies: Instances, size_m: Array
    ) -> float | None:
        """Power of a sender's messages at the receiver, None where they are too weak or too far.

        size_m (n, 3): length, width, height of the bodies.
        """
        s = self.settings
        distance = float(np.linalg.norm(sender.top_m - receiver.top_m))
        if distance >= s.filter_m:
            return None
        state, blockers = self.path(receiver, sender, bodies, size_m)
        base = min(receiver.position_m[2], sender.position_m[2])
        heights = (receiver.top_m[2] - base, sender.top_m[2] - base)
        loss = self.loss_db(state, max(distance, 1e-3), heights, self._knife_edge_db(receiver, sender, blockers, base))
        power = transmit_dbm + s.gain_db - loss - self._fading_db(state)
        return float(power) if power >= s.sensitivity_dbm else None

    def path(
        self, receiver: Antenna, sender: Antenna, bodies: Instances, size_m: Array
    ) -> tuple[PathState, list[tuple[Array, float]]]:
        """State of a link, and the vehicles on it: position (3,) and height."""
        start, way = receiver.top_m, sender.top_m - receiver.top_m
        length = float(np.linalg.norm(way))
        if length < 1e-6:
            return PathState.LOS, []
        if self._blocked(start, way / length, length):
            return PathState.NLOSB, []
        rows = _boxes_on(start, way, bodies, size_m)
        ends = (receiver.actor_id, sender.actor_id)
        between = [k for k in rows if int(bodies.actor_id[k]) not in ends and int(bodies.tag[k]) in VEHICLE_TAGS]
        blockers = [(bodies.position_m[k], float(size_m[k, 2]) + ANTENNA_M) for k in between]
        return (PathState.NLOSV if blockers else PathState.LOS), blockers

    def _blocked(self, start: Array, direction: Array, length: float) -> bool:
        """Whether anything static but leaves is in the way."""
        gone = 0.0
        for _ in range(MAX_LEAVES):
            ray = np.concatenate([start + direction * gone, direction]).astype(np.float32)[None]
            hits = self._caster.cast_rays(ray, length - gone)
            if not np.isfinite(hits.range_m[0]):
                return False
            if hits.material[0] != Material.LEAF:
                return True
            gone += float(hits.range_m[0]) + PAST_LEAF_M
            if gone >= length:
                return False
        return True

    def loss_db(self, state: PathState, distance_m: float, heights_m: tuple[float, float], edge_db: float) -> float:
        """Path loss without fading; edge_db is what vehicles in between add. heights_m: antennas over the lower end."""
        s = self.settings
        if s.winner:
            return self._winner_db(state, distance_m) + (edge_db if state == PathState.NLOSV else 0.0)
        if state == PathState.LOS:
            return two_ray_db(distance_m, *heights_m, s.wave_m)
        if state == PathState.NLOSB:
            free = 20.0 * math.log10(4.0 * math.pi * s.reference_m / s.wave_m)
            return free + 10.0 * s.exponent * math.log10(distance_m / s.reference_m)
        return 20.0 * math.log10(4.0 * math.pi * distance_m / s.wave_m) + edge_db

    def _winner_db(self, state: PathState, distance_m: float) -> float:
        far, ghz = math.log10(distance_m), math.log10(self.settings.frequency_ghz)
        if state == PathState.NLOSB:
            return 36.85 + 30.0 * far + 18.9 * ghz
        if self.settings.scenario == "highway":
            return 32.4 + 20.0 * far + 20.0 * ghz
        return 38.77 + 16.7 * far + 18.2 * ghz

    def _knife_edge_db(
        self, receiver: Antenna, sender: Antenna, blockers: Sequence[tuple[Array, float]], base_m: float
    ) -> float:
        """Loss over the worst single vehicle (ITU-R P.526), with its height over the lower end, as CARLA has it."""
        worst = 0.0
        for place, height in blockers:
            one = max(math.dist(receiver.position_m[:2], place[:2]), 1e-3)
            two = max(math.dist(sender.position_m[:2], place[:2]), 1e-3)
            over = float(place[2]) - base_m + height
            v = over * math.sqrt(2.0 * (one + two) / (self.settings.wave_m * one * two))
            if v >= -0.78:
                worst = max(worst, 6.9 + 20.0 * math.log10(math.sqrt((v - 0.1) ** 2 + 1.0) + v - 0.1))
        return worst

    def _fading_db(self, state: PathState) -> float:
        s = self.settings
        spread = ETSI_FADING_DB[state.name.lower()][s.scenario] if s.etsi_fading else s.fading_db
        return float(self._rng.normal(0.0, spread))


def two_ray_db(distance_m: float, one_m: float, two_m: float, wave_m: float) -> float:
    """Loss of the direct ray and its reflection from the ground, for antennas of these heights."""
    level = math.sqrt(max(distance_m**2 - (one_m - two_m) ** 2, 1e-6))
    bounced = math.sqrt(distance_m**2 + 4.0 * one_m * two_m)
    sine, cosine = (one_m + two_m) / bounced, level / bounced
    root = math.sqrt(GROUND_PERMITTIVITY - cosine**2)
    gamma = (sine - root) / (sine + root)
    phase = 2.0 * math.pi / wave_m * (distance_m - bounced)
    both = math.hypot(1.0 + gamma * math.cos(phase), gamma * math.sin(phase))
    return 20.0 * math.log10(4.0 * math.pi * level / wave_m / max(both, 1e-9))


def _boxes_on(start: Array, way: Array, bodies: Instances, size_m: Array) -> list[int]:
    """Rows of the bodies whose upright box the segment passes."""
    if not len(bodies.actor_id):
        return []
    yaw = bodies.rotation_rad[:, 1]
    cos, sin = np.cos(yaw), np.sin(yaw)
    offset = start - bodies.position_m
    origin = np.column_stack(
        [cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0], offset[:, 2]]
    )
    along = np.column_stack([cos * way[0] + sin * way[1], cos * way[1] - sin * way[0], np.full(len(yaw), way[2])])
    low = np.column_stack([-size_m[:, 0] / 2, -size_m[:, 1] / 2, np.zeros(len(yaw))])
    high = np.column_stack([size_m[:, 0] / 2, size_m[:, 1] / 2, size_m[:, 2]])
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (low - origin) / along, (high - origin) / along
    flat = np.abs(along) < 1e-12
    inside = (origin >= low) & (origin <= high)
    enter = np.where(flat, np.where(inside, -np.inf, np.inf), np.minimum(one, two)).max(axis=1)
    leave = np.where(flat, np.where(inside, np.inf, -np.inf), np.maximum(one, two)).min(axis=1)
    return [int(k) for k in np.flatnonzero((enter <= leave) & (leave >= 0.0) & (enter <= 1.0))]
