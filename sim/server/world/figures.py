"""What the vehicles can do, measured on a level dry road: ``python -m sim.server.world.figures`` prints the table of
``docs/vehicles.md``.

Acceleration, top speed and braking are driven with full pedals as a client would. The turning circle is the path of the
outer front wheel, wall to wall of its tread, in a slow circle: with the wheels turned as far as the real vehicle's go,
and with full lock, which is wider (``vehicle_spec.LOCK_RESERVE``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.server.scene.ground import ROAD, Ground
from sim.server.sensors.instances import Weather
from sim.server.world.dynamics import Dynamics
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl, VehicleSpec, turning_angle_rad

TICK_S = 0.05
HUNDRED_MPS = 100.0 / 3.6
LONGEST_RUN_S = 120.0
"""A loaded bus gets to its top speed within two minutes."""
STEADY_MPS2 = 0.01
"""The top speed is reached where a vehicle gains less than this."""
CIRCLE_MPS = 0.3
"""So slow that neither the tyres slip nor the steering curve takes anything off the lock."""
NAMES = (
    "tesla.model3",
    "audi.tt",
    "mini.cooper_s",
    "ford.mustang",
    "dodge.charger_2020",
    "lincoln.mkz_2020",
    "nissan.patrol",
    "toyota.prius",
    "nissan.micra",
    "mercedes.sprinter",
    "carlamotors.firetruck",
    "mitsubishi.fusorosa",
    "kawasaki.ninja",
    "yamaha.yzf",
    "bh.crossbike",
)


@dataclass(frozen=True)
class Figures:
    """Measured performance of one vehicle; None where it does not get that fast."""

    to_100_s: float | None
    braking_100_m: float | None
    top_kmh: float
    circle_m: float
    full_lock_circle_m: float


def _road() -> Ground:
    """Twelve kilometres of level road, 400 m wide, from x = 0."""
    corners = np.array([(-500.0, -200.0, 0.0), (11500.0, -200.0, 0.0), (11500.0, 200.0, 0.0), (-500.0, 200.0, 0.0)])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return Ground(corners, faces, np.full(2, ROAD, np.uint8), np.full((2, 2), -100.0), (0.0, 0.0), 1.0)


class _Track:
    """One vehicle on the road, and its clock."""

    def __init__(self, ground: Ground, spec: VehicleSpec) -> None:
        self.dynamics = Dynamics(ground, (), np.random.default_rng(0))
        self.dynamics.add_vehicle(1, spec, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def drive(self, control: VehicleControl, until: Callable[[], bool]) -> float:
        """Seconds until something holds, at most ``LONGEST_RUN_S``."""
        self.dynamics.set_vehicle_control(1, control)
        seconds = 0.0
        while seconds < LONGEST_RUN_S and not until():
            self.dynamics.step(TICK_S, Weather())
            seconds += TICK_S
        return seconds

    @property
    def speed_mps(self) -> float:
        return float(np.linalg.norm(self.dynamics.velocity_mps[0]))


def measure(spec: VehicleSpec, ground: Ground) -> Figures:
    """All figures of one vehicle."""
    track = _Track(ground, spec)
    seconds = track.drive(VehicleControl(throttle=1.0), lambda: track.speed_mps >= HUNDRED_MPS)
    fast = track.speed_mps >= HUNDRED_MPS
    past: list[float] = []

    def steady() -> bool:
        past.append(track.speed_mps)
        return len(past) > 40 and past[-1] - past[-41] < STEADY_MPS2 * 40 * TICK_S

    track.drive(VehicleControl(throttle=1.0), steady)
    top_kmh = 3.6 * max(past)
    return Figures(
        to_100_s=seconds if fast else None,
        braking_100_m=_braking_m(spec, ground) if fast else None,
        top_kmh=top_kmh,
        circle_m=_circle_m(spec, ground, _published_steer(spec)),
        full_lock_circle_m=_circle_m(spec, ground, 1.0),
    )


def _braking_m(spec: VehicleSpec, ground: Ground) -> float:
    track = _Track(ground, spec)
    track.dynamics.set_velocity(1, (HUNDRED_MPS, 0.0, 0.0))
    track.drive(VehicleControl(brake=1.0), lambda: track.speed_mps == 0.0)
    return float(track.dynamics.position_m[0, 0])


def _published_steer(spec: VehicleSpec) -> float:
    """Steering command that turns the wheels as far as those of the real vehicle go."""
    lock = math.radians(spec.physics.wheels[0].max_steer_angle_deg)
    return turning_angle_rad(spec.turning_circle_m, spec.wheel_base_m, spec.track_m) / lock


def _circle_m(spec: VehicleSpec, ground: Ground, steer: float) -> float:
    track = _Track(ground, spec)
    track.dynamics.set_constant_velocity(1, (CIRCLE_MPS, 0.0, 0.0))
    elapsed = [0.0]

    def turned() -> bool:
        elapsed[0] += TICK_S
        return elapsed[0] > 3.0

    track.drive(VehicleControl(steer=steer / spec.physics.steering_curve[0][1]), turned)
    rear_radius_m = CIRCLE_MPS / float(track.dynamics.angular_velocity_radps[0, 2])
    return 2.0 * math.hypot(rear_radius_m + spec.track_m / 2.0, spec.wheel_base_m)


def table(names: Sequence[str] = NAMES) -> list[str]:
    """Markdown rows of the named vehicles, without ``vehicle.``."""
    ground = _road()
    lines = [
        "| vehicle | 0-100 km/h | 100-0 km/h | top speed | turning circle | at full lock |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        f = measure(VEHICLES[f"vehicle.{name}"], ground)
        sprint = "-" if f.to_100_s is None else f"{f.to_100_s:.1f} s"
        braking = "-" if f.braking_100_m is None else f"{f.braking_100_m:.1f} m"
        lines.append(
            f"| {name} | {sprint} | {braking} | {f.top_kmh:.0f} km/h | {f.circle_m:.1f} m"
            f" | {f.full_lock_circle_m:.1f} m |"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
