"""What the sensors of one tick look at: the moving bodies as columns, lights and weather.

Built once a tick by the world and shared by every sensor of that tick. CARLA world frame (left-handed,
metres), radians. Sensors never change it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from sim.server.scene.static import Parked
from sim.server.scene.variants import Variant
from sim.server.sensors.drawing import Drawing


@dataclass(frozen=True)
class Instances:
    """Bodies, one row each (n rows), sorted by actor id; the map's parked vehicles, which are no actors, come last."""

    actor_id: npt.NDArray[np.int64]  # (n,)
    model: npt.NDArray[np.int32]  # (n,) row in the ModelLibrary (people: the model of the current walk phase)
    position_m: npt.NDArray[np.float64]  # (n, 3) of the model origin: on the ground
    rotation_rad: npt.NDArray[np.float64]  # (n, 3) pitch, yaw, roll
    scale: npt.NDArray[np.float32]  # (n, 3) along x, y, z: fits the model to the blueprint's size
    color: npt.NDArray[np.float32]  # (n, 3) sRGB 0..1 of the paint, or of the prop
    seed: npt.NDArray[np.uint32]  # (n,) picks clothing, skin, hair: a function of actor id and blueprint
    light_state: npt.NDArray[np.uint32]  # (n,) VehicleLightState bits
    wheel_angle_rad: npt.NDArray[np.float32]  # (n,) rolling angle of the wheels
    steer_rad: npt.NDArray[np.float32]  # (n,) of the front wheels
    velocity_mps: npt.NDArray[np.float32]  # (n, 3)
    tag: npt.NDArray[np.uint8]  # (n,) semantic tag reported by labels and semantic LiDAR
    variants: Mapping[int, Variant] = field(default_factory=dict)  # triangles of their own, by row

    @property
    def parked(self) -> npt.NDArray[np.bool_]:
        """Which rows (n,) are parked vehicles of the map."""
        return self.actor_id >= Parked.FIRST_ID

    def actors(self) -> Instances:
        """The rows that are actors."""
        count = int(np.searchsorted(self.actor_id, Parked.FIRST_ID))
        columns = {f.name: getattr(self, f.name)[:count] for f in fields(self) if f.name != "variants"}
        return Instances(**columns, variants=self.variants)

    def followed_by(self, others: Instances) -> Instances:
        """These rows, then those of others, which have higher ids and look like their models."""
        columns = {
            f.name: np.concatenate([getattr(self, f.name), getattr(others, f.name)])
            for f in fields(self)
            if f.name != "variants"
        }
        return Instances(**columns, variants=self.variants)

    def without(self, actor_ids: Collection[int]) -> Instances:
        """All but these actors."""
        keep = ~np.isin(self.actor_id, sorted(actor_ids))
        row_now = np.cumsum(keep) - 1
        columns = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "variants"}
        variants = {int(row_now[row]): variant for row, variant in self.variants.items() if keep[row]}
        return Instances(**columns, variants=variants)


@dataclass(frozen=True)
class Weather:
    """CARLA's WeatherParameters, in their units (percent, degrees, metres)."""

    cloudiness: float = 0.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 0.0
    sun_azimuth_angle: float = 0.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.0
    wetness: float = 0.0
    scattering_intensity: float = 0.0
    mie_scattering_scale: float = 0.0
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0


@dataclass(frozen=True)
class Contact:
    """Two bodies touched in this tick. other_id 0 is static scenery with the semantic tag other_tag."""

    actor_id: int
    other_id: int
    other_tag: int
    impulse_ns: tuple[float, float, float]  # on actor_id, world frame, N s
    point_m: tuple[float, float, float]


@dataclass(frozen=True)
class View:
    """All that a sensor may need of one tick."""

    frame: int
    elapsed_s: float
    instances: Instances
    signal_state: npt.NDArray[np.uint8]  # (len(scene.signals),) 0 red, 1 yellow, 2 green, 3 off; signs: 3
    weather: Weather
    contacts: tuple[Contact, ...] = ()
    imu_gravity_mps2: float = 9.81  # what ``set_imui_gravity`` says: IMUs alone feel it
    drawing: Drawing | None = None  # debug shapes, for pictures
