"""What each vehicle blueprint is as a machine: size, mass, engine, gears, brakes, tyres.

The records at the top are the values of the protocol's vehicle structs, field by field, in the protocol's
units (they travel to the client as they are); every name says its unit. The catalogue below holds published
figures of the real vehicles; engine curve, gears, brakes and steering lock follow from them, so that
a car reaches its published top speed and turns in its published circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

GRAVITY_MPS2 = 9.81
LOCK_RESERVE = 2.0
"""Steering lock over the angle of the published turning circle. The client's traffic manager commands at most 0.8 and
its gains are made for CARLA's lock of 70 degrees: with a real car's 35 it runs wide in junctions, metres off its
lane (measured on Town02)."""
FRONT_BRAKE_SHARE = 0.65
"""The front axle carries two thirds of a car that brakes at 1 g."""
IDLE_RPM = 800.0
IDLE_SHARE = 0.2
"""Large engines, which turn slowly, idle at this share of their highest speed."""
DOWN_RATIO, UP_RATIO = 0.40, 0.90
"""Engine speeds, of the highest, at which the automatic shifts: late enough to use the engine's power."""
TOP_SPEED_SHARE = 0.97
"""Engine speed at the published top speed."""
LIMITED_SHARE = 0.85
"""A vehicle that needs less of its power than this for its published top speed is held back by its makers; it gets no
gear in which it would go faster."""
MAX_LOCK_DEG = 70.0
"""CARLA's lock."""
TIRE_FRICTION = 3.5
"""``tire_friction`` of every CARLA vehicle as delivered; the grip of a spec is what its tyres have at this value."""
TIPPING_RESERVE = 0.9
"""A vehicle as delivered slides before it tips, whatever the client's traffic manager does: the height that counts for
tipping is at most this share of track / (2 grip). One that the client raises does tip."""
RADPS_PER_RPM = 2.0 * math.pi / 60.0


@dataclass(frozen=True)
class VehicleControl:
    """Last command to a vehicle. In what ``Dynamics.control`` returns, ``gear`` is the engaged gear (-1 reverse)."""

    throttle: float = 0.0  # 0..1
    steer: float = 0.0  # -1 left .. 1 right
    brake: float = 0.0  # 0..1
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0


@dataclass(frozen=True)
class AckermannControl:
    """Target of the Ackermann controller; 0 speed and 0 acceleration is a full stop."""

    steer_rad: float = 0.0
    steer_speed_radps: float = 0.0  # 0: as fast as the rack goes
    speed_mps: float = 0.0  # negative drives backwards
    acceleration_mps2: float = 0.0  # bound on the acceleration that reaches the speed; 0: the controller's own
    jerk_mps3: float = 0.0


@dataclass(frozen=True)
class AckermannSettings:
    """Gains of the Ackermann controller, CARLA's defaults."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01


@dataclass(frozen=True)
class Gear:
    """A forward gear; shifts happen where engine speed / ``max_rpm`` passes the two shift ratios."""

    ratio: float = 1.0
    down_ratio: float = 0.5
    up_ratio: float = 0.65


@dataclass(frozen=True)
class WheelPhysics:
    """One wheel. ``position_cm`` is in the vehicle frame in a spec and in the world in what the server reports."""

    tire_friction: float = 2.0  # 3.5 is the spec's grip, and grip is proportional to it
    damping_rate: float = 0.25  # N m s/rad, bearing and tyre
    max_steer_angle_deg: float = 70.0  # of the Ackermann centre line; 0 for a wheel that does not steer
    radius_cm: float = 30.0
    max_brake_torque_nm: float = 1500.0
    max_handbrake_torque_nm: float = 3000.0
    lat_stiff_max_load: float = 2.0  # load / rest load at which the cornering stiffness stops growing
    lat_stiff_value: float = 17.0  # cornering stiffness per rest load, 1/rad
    long_stiff_value: float = 1000.0  # slip stiffness per gravity, kg
    position_cm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class VehiclePhysics:
    """The protocol's VehiclePhysicsControl, library defaults; wheels in the order FL FR BL BR (or front, back)."""

    torque_curve: tuple[tuple[float, float], ...] = ((0.0, 500.0), (5000.0, 500.0))  # rpm, N m
    max_rpm: float = 5000.0
    moi_kgm2: float = 1.0
    damping_rate_full_throttle: float = 0.15  # N m s/rad of the engine, as the next two
    damping_rate_zero_throttle_clutch_engaged: float = 2.0
    damping_rate_zero_throttle_clutch_disengaged: float = 0.35
    use_gear_autobox: bool = True
    gear_switch_time_s: float = 0.5
    clutch_strength: float = 10.0  # N m s/rad between engine and gearbox
    final_ratio: float = 4.0
    forward_gears: tuple[Gear, ...] = ()
    mass_kg: float = 1000.0
    drag_coefficient: float = 0.3
    center_of_mass_m: tuple[float, float, float] = (0.0, 0.0, 0.0)  # from footprint centre at the spec's height
    steering_curve: tuple[tuple[float, float], ...] = ((0.0, 1.0), (10.0, 0.5))  # km/h, factor
    wheels: tuple[WheelPhysics, ...] = ()
    use_sweep_wheel_collision: bool = False


@dataclass(frozen=True)
class WheelTelemetry:
    """One wheel in this tick."""

    tire_friction: float
    lat_slip_deg: float
    long_slip: float
    omega_radps: float
    tire_load_n: float
    normalized_tire_load: float  # load / rest load
    torque_nm: float
    long_force_n: float
    lat_force_n: float
    normalized_long_force: float  # force / (friction x load)
    normalized_lat_force: float


@dataclass(frozen=True)
class VehicleTelemetry:
    """A vehicle in this tick."""

    speed_mps: float
    steer: float
    throttle: float
    brake: float
    engine_rpm: float
    gear: int
    drag_n: float
    wheels: tuple[WheelTelemetry, ...]


@dataclass(frozen=True)
class VehicleSpec:
    """A vehicle blueprint as a body with wheels."""

    type_id: str
    base_type: str  # car, truck, van, bus, motorcycle, bicycle
    size_m: tuple[float, float, float]  # length, width, height of the bounding box
    wheel_base_m: float
    track_m: float  # 0 for two-wheelers
    mass_centre_height_m: float
    frontal_area_m2: float
    front_drive_share: float  # 1 front-wheel drive, 0 rear, 0.5 all wheels
    turning_circle_m: float  # between kerbs; the lock reaches further, see LOCK_RESERVE
    grip: float  # peak friction coefficient sideways on dry road, with ``tire_friction`` 3.5
    idle_rpm: float  # 0: the engine stops with the vehicle
    physics: VehiclePhysics = field(repr=False)

    @property
    def mass_kg(self) -> float:
        """Mass, with driver."""
        return self.physics.mass_kg

    @property
    def wheel_radius_m(self) -> float:
        """Radius of the front wheels."""
        return self.physics.wheels[0].radius_cm / 100.0

    @property
    def tipping_height_m(self) -> float:
        """Height of the mass centre that counts for tipping (``TIPPING_RESERVE``)."""
        return min(self.mass_centre_height_m, TIPPING_RESERVE * self.track_m / (2.0 * self.grip))

    @property
    def two_wheeled(self) -> bool:
        """Motorcycle or bicycle: leans into curves."""
        return self.track_m == 0.0


@dataclass(frozen=True)
class _Class:
    """What vehicles of one base type share.

    Grip is sideways; lengthwise it is 0.6 of that (``vehicle_kernel.LENGTHWISE_GRIP``). Real tyres have 1.0 both
    ways and CARLA's 3.5: the client's traffic manager, made for those, takes bends at up to 1.4 g, and with 1.3
    cars left the road on Town07 (measured).
    """

    gear_ratios: tuple[float, ...]
    top_speed_gear: int  # index of the gear in which the top speed is reached
    switch_s: float
    max_rpm: float
    grip: float
    braking: float  # of g, all brakes together
    drag_coefficient: float
    mass_height: float  # of the overall height
    area: float  # frontal area / (width x height): mirrors and wheel gaps taken off
    steering_curve: tuple[tuple[float, float], ...]


_CAR_CURVE = ((0.0, 1.0), (20.0, 0.9), (60.0, 0.8), (120.0, 0.7))  # CARLA's own curve for cars
_HEAVY_CURVE = ((0.0, 1.0), (20.0, 0.95), (60.0, 0.8), (120.0, 0.6))
_CYCLE_CURVE = ((0.0, 1.0), (20.0, 0.8), (60.0, 0.65), (120.0, 0.5))

_CLASSES = {
    "car": _Class((3.8, 2.2, 1.5, 1.12, 0.88, 0.72), 4, 0.25, 6500.0, 1.7, 1.05, 0.30, 0.37, 0.70, _CAR_CURVE),
    "van": _Class((3.9, 2.2, 1.45, 1.1, 0.88, 0.74), 4, 0.3, 4500.0, 1.6, 0.9, 0.36, 0.36, 0.78, _CAR_CURVE),
    "truck": _Class((6.6, 4.2, 2.7, 1.8, 1.3, 1.0), 5, 0.4, 2800.0, 1.4, 0.75, 0.60, 0.36, 0.85, _HEAVY_CURVE),
    "bus": _Class((5.4, 3.3, 2.1, 1.4, 1.0), 4, 0.4, 3000.0, 1.4, 0.7, 0.55, 0.30, 0.60, _HEAVY_CURVE),
    "motorcycle": _Class((2.7, 1.9, 1.5, 1.25, 1.1, 1.0), 5, 0.15, 10500.0, 1.8, 0.95, 0.60, 0.36, 0.50, _CYCLE_CURVE),
    "bicycle": _Class((2.2, 1.4, 1.0), 2, 0.1, 110.0, 1.7, 0.6, 1.0, 0.60, 0.50, _CYCLE_CURVE),
}
_SINGLE_SPEED_RATIO = 9.0  # reduction of an electric drive
_ELECTRIC = {
    "vehicle.audi.etron",
    "vehicle.micro.microlino",
    "vehicle.tesla.model3",
    "vehicle.tesla.cybertruck",
}

# Length, width, height: bounding boxes of a 0.9.16 server. Mass with driver, wheel base, track, wheel radius,
# engine power and torque, top speed, kerb-to-kerb turning circle: published figures of the model (or of a vehicle of
# its class where CARLA's body is invented, as the firetruck); power of a bicycle is a fit rider's.
# fmt: off
_CATALOGUE: tuple[tuple[str, str, float, float, float, float, float, float, float, float, float, float, float, float], ...] = (  # noqa: E501
    # id, base type, L, W, H m, mass kg, wheel base m, track m, wheel radius m, kW, N m, top km/h, circle m, front drive
    ("audi.a2", "car", 3.705, 1.789, 1.549, 1030, 2.405, 1.46, 0.29, 55, 126, 173, 10.5, 1.0),
    ("audi.etron", "car", 4.856, 2.033, 1.649, 2600, 2.928, 1.65, 0.37, 300, 664, 200, 12.2, 0.5),
    ("audi.tt", "car", 4.181, 1.994, 1.385, 1410, 2.468, 1.57, 0.32, 147, 280, 240, 10.9, 0.5),
    ("bmw.grandtourer", "car", 4.611, 2.242, 1.667, 1600, 2.780, 1.56, 0.32, 110, 330, 205, 11.7, 1.0),
    ("chevrolet.impala", "car", 5.357, 2.033, 1.411, 1680, 2.837, 1.58, 0.34, 149, 330, 200, 11.8, 1.0),
    ("citroen.c3", "car", 3.988, 1.851, 1.617, 1150, 2.540, 1.47, 0.31, 81, 205, 188, 10.9, 1.0),
    ("dodge.charger_2020", "car", 5.008, 1.882, 1.535, 1900, 3.050, 1.61, 0.36, 272, 530, 235, 11.8, 0.0),
    ("dodge.charger_police", "car", 4.974, 2.038, 1.542, 1920, 3.050, 1.61, 0.36, 272, 530, 225, 11.8, 0.0),
    ("dodge.charger_police_2020", "car", 5.238, 1.930, 1.638, 1950, 3.050, 1.61, 0.36, 272, 530, 225, 11.8, 0.0),
    ("ford.crown", "car", 5.366, 1.801, 1.575, 1870, 2.913, 1.60, 0.34, 178, 370, 195, 12.2, 0.0),
    ("ford.mustang", "car", 4.718, 1.895, 1.301, 1380, 2.743, 1.42, 0.34, 135, 340, 190, 11.6, 0.0),
    ("jeep.wrangler_rubicon", "car", 3.866, 1.905, 1.878, 1900, 2.424, 1.57, 0.40, 209, 347, 180, 10.6, 0.5),
    ("lincoln.mkz_2017", "car", 4.902, 2.128, 1.511, 1750, 2.850, 1.58, 0.35, 180, 366, 210, 11.6, 1.0),
    ("lincoln.mkz_2020", "car", 4.892, 1.837, 1.490, 1750, 2.850, 1.58, 0.35, 183, 373, 210, 11.6, 1.0),
    ("mercedes.coupe", "car", 5.027, 2.152, 1.651, 1960, 2.945, 1.62, 0.36, 270, 500, 250, 11.6, 0.0),
    ("mercedes.coupe_2020", "car", 4.674, 1.812, 1.442, 1680, 2.840, 1.58, 0.34, 190, 370, 250, 11.2, 0.0),
    ("micro.microlino", "car", 2.207, 1.481, 1.376, 590, 1.567, 1.22, 0.27, 12.5, 89, 90, 8.4, 0.0),
    ("mini.cooper_s", "car", 3.806, 1.970, 1.475, 1250, 2.467, 1.46, 0.31, 128, 240, 225, 10.7, 1.0),
    ("mini.cooper_s_2021", "car", 4.553, 2.097, 1.767, 1370, 2.670, 1.54, 0.32, 131, 280, 225, 11.4, 1.0),
    ("nissan.micra", "car", 3.633, 1.845, 1.501, 1000, 2.430, 1.46, 0.29, 59, 110, 165, 9.8, 1.0),
    ("nissan.patrol", "car", 4.605, 1.932, 1.855, 2450, 2.850, 1.60, 0.39, 180, 400, 190, 12.2, 0.5),
    ("nissan.patrol_2021", "car", 5.566, 2.150, 2.045, 2750, 3.075, 1.71, 0.40, 298, 560, 210, 12.5, 0.5),
    ("seat.leon", "car", 4.193, 1.816, 1.474, 1300, 2.578, 1.53, 0.31, 92, 200, 200, 10.9, 1.0),
    ("tesla.model3", "car", 4.792, 2.163, 1.488, 1845, 2.875, 1.58, 0.34, 208, 375, 225, 11.6, 0.0),
    ("toyota.prius", "car", 4.514, 2.007, 1.525, 1400, 2.700, 1.53, 0.31, 100, 207, 180, 10.8, 1.0),
    ("carlamotors.carlacola", "truck", 5.204, 2.627, 2.467, 5500, 2.900, 1.75, 0.42, 130, 560, 110, 13.5, 0.0),
    ("carlamotors.european_hgv", "truck", 7.936, 2.891, 3.462, 9500, 4.100, 2.05, 0.50, 340, 2200, 105, 17.0, 0.0),
    ("carlamotors.firetruck", "truck", 8.468, 2.891, 3.827, 14000, 4.500, 2.05, 0.50, 330, 1800, 110, 17.5, 0.0),
    ("tesla.cybertruck", "truck", 6.274, 2.390, 2.098, 3100, 3.800, 1.75, 0.44, 450, 800, 180, 13.5, 0.5),
    ("ford.ambulance", "van", 6.366, 2.351, 2.431, 4200, 3.900, 1.80, 0.38, 240, 640, 150, 14.5, 0.0),
    ("mercedes.sprinter", "van", 5.915, 1.988, 2.561, 2500, 3.665, 1.72, 0.35, 120, 380, 160, 13.4, 0.0),
    ("volkswagen.t2", "van", 4.480, 2.069, 2.038, 1350, 2.400, 1.42, 0.32, 51, 140, 127, 11.1, 0.0),
    ("volkswagen.t2_2021", "van", 4.442, 1.775, 1.987, 1350, 2.400, 1.42, 0.32, 57, 160, 130, 11.1, 0.0),
    ("mitsubishi.fusorosa", "bus", 10.273, 3.944, 4.253, 6500, 5.400, 2.30, 0.45, 150, 470, 110, 19.0, 0.0),
    ("harley-davidson.low_rider", "motorcycle", 2.350, 0.766, 1.649, 390, 1.630, 0.0, 0.33, 64, 150, 180, 6.2, 0.0),
    ("kawasaki.ninja", "motorcycle", 2.044, 0.797, 1.523, 270, 1.410, 0.0, 0.30, 90, 110, 250, 6.4, 0.0),
    ("vespa.zx125", "motorcycle", 1.817, 0.866, 1.590, 190, 1.280, 0.0, 0.22, 9, 12, 95, 4.6, 0.0),
    ("yamaha.yzf", "motorcycle", 2.191, 0.866, 1.530, 275, 1.405, 0.0, 0.30, 147, 115, 285, 6.6, 0.0),
    ("bh.crossbike", "bicycle", 1.509, 0.866, 1.612, 88, 1.050, 0.0, 0.33, 0.40, 55, 33, 3.6, 0.0),
    ("diamondback.century", "bicycle", 1.656, 0.582, 1.620, 85, 1.000, 0.0, 0.34, 0.45, 55, 38, 3.6, 0.0),
    ("gazelle.omafiets", "bicycle", 1.843, 0.659, 1.776, 95, 1.110, 0.0, 0.34, 0.35, 50, 28, 3.8, 0.0),
)
# fmt: on


def torque_curve(power_kw: float, torque_nm: float, max_rpm: float, electric: bool) -> tuple[tuple[float, float], ...]:
    """Full-load curve ``(rpm, N m)``: constant torque up to where the power limit begins, constant power beyond.

    A combustion engine gives 60 % of its torque at the bottom and full torque from a quarter of its speed range.
    """
    knee_rpm = min(power_kw * 1000.0 / torque_nm / RADPS_PER_RPM, 0.95 * max_rpm)
    start = [(0.0, torque_nm)] if electric else [(0.0, 0.6 * torque_nm), (min(0.25 * max_rpm, knee_rpm), torque_nm)]
    beyond = [knee_rpm + (max_rpm - knee_rpm) * k / 4 for k in range(5)]
    return (*start, *((rpm, min(torque_nm, power_kw * 1000.0 / (rpm * RADPS_PER_RPM))) for rpm in beyond))


def turning_angle_rad(turning_circle_m: float, wheel_base_m: float, track_m: float) -> float:
    """Steering angle of the centre line at which the outer front wheel runs on the published circle."""
    rear_radius_m = math.sqrt((turning_circle_m / 2) ** 2 - wheel_base_m**2) - track_m / 2
    return math.atan(wheel_base_m / rear_radius_m)


def _power_kw_at(kind: _Class, speed_kmh: float, mass_kg: float, area_m2: float) -> float:
    """What drag and rolling resistance (0.015 of the weight) take at a speed."""
    speed_mps = speed_kmh / 3.6
    force_n = 0.6 * kind.drag_coefficient * area_m2 * speed_mps**2 + 0.015 * mass_kg * GRAVITY_MPS2
    return force_n * speed_mps / 1000.0


def _physics_of(
    kind: _Class,
    electric: bool,
    area_m2: float,
    mass_kg: float,
    wheel_base_m: float,
    track_m: float,
    radius_m: float,
    power_kw: float,
    torque_nm: float,
    top_kmh: float,
    circle_m: float,
) -> VehiclePhysics:
    top_radps = top_kmh / 3.6 / radius_m
    if electric:
        max_rpm = top_radps * _SINGLE_SPEED_RATIO / RADPS_PER_RPM / 0.97  # the limiter sits just above top speed
        gears: tuple[Gear, ...] = (Gear(1.0, 0.0, 2.0),)  # never shifts
        final = _SINGLE_SPEED_RATIO
    else:
        max_rpm = kind.max_rpm
        ratios = kind.gear_ratios
        if _power_kw_at(kind, top_kmh, mass_kg, area_m2) < LIMITED_SHARE * power_kw:  # held back by its limiter
            ratios = ratios[: kind.top_speed_gear + 1]
        gears = tuple(Gear(ratio, DOWN_RATIO, UP_RATIO) for ratio in ratios)
        final = TOP_SPEED_SHARE * max_rpm * RADPS_PER_RPM / (top_radps * ratios[kind.top_speed_gear])
    count = 4 if track_m else 2
    wheel = WheelPhysics(
        tire_friction=TIRE_FRICTION,
        damping_rate=0.25 if track_m else 0.02,
        max_steer_angle_deg=min(
            math.degrees(LOCK_RESERVE * turning_angle_rad(circle_m, wheel_base_m, track_m)), MAX_LOCK_DEG
        ),
        radius_cm=100.0 * radius_m,
        max_brake_torque_nm=kind.braking * mass_kg * GRAVITY_MPS2 * radius_m / count,
        max_handbrake_torque_nm=0.0,
    )
    lock_nm = 3.0 * wheel.max_brake_torque_nm  # the hand brake locks the rear wheels
    x, y = 50.0 * wheel_base_m, 50.0 * track_m
    sides = (-y, y) if track_m else (0.0,)
    front = [
        replace(
            wheel,
            max_brake_torque_nm=2.0 * FRONT_BRAKE_SHARE * wheel.max_brake_torque_nm,
            position_cm=(x, side, 100.0 * radius_m),
        )
        for side in sides
    ]
    # a stiffer rear axle makes every vehicle understeer slightly, hence stable at any speed
    rear = [
        replace(
            wheel,
            max_steer_angle_deg=0.0,
            max_brake_torque_nm=2.0 * (1.0 - FRONT_BRAKE_SHARE) * wheel.max_brake_torque_nm,
            max_handbrake_torque_nm=lock_nm,
            lat_stiff_value=20.0,
            position_cm=(-x, side, 100.0 * radius_m),
        )
        for side in sides
    ]
    return VehiclePhysics(
        torque_curve=torque_curve(power_kw, torque_nm, max_rpm, electric),
        max_rpm=max_rpm,
        moi_kgm2=0.0006 * torque_nm,  # 0.18 kg m^2 for a 300 N m engine with flywheel
        damping_rate_full_throttle=0.0,  # the curve is net torque
        # engine braking: an eighth of the full torque at half the speed range
        damping_rate_zero_throttle_clutch_engaged=0.125 * torque_nm / (0.5 * max_rpm * RADPS_PER_RPM),
        damping_rate_zero_throttle_clutch_disengaged=0.05 * torque_nm / (0.5 * max_rpm * RADPS_PER_RPM),
        gear_switch_time_s=0.0 if electric else kind.switch_s,
        clutch_strength=torque_nm / (0.05 * max_rpm * RADPS_PER_RPM),  # slips a twentieth of the range at full torque
        final_ratio=final,
        forward_gears=gears,
        mass_kg=mass_kg,
        drag_coefficient=kind.drag_coefficient,
        steering_curve=kind.steering_curve,
        wheels=(*front, *rear),
    )


def _catalogue() -> dict[str, VehicleSpec]:
    specs = {}
    for name, base, length, width, height, mass, base_m, track, radius, kw, nm, top, circle, front_drive in _CATALOGUE:
        type_id = f"vehicle.{name}"
        electric = type_id in _ELECTRIC
        kind = _CLASSES["car" if electric else base]
        area = kind.area * width * height
        specs[type_id] = VehicleSpec(
            type_id=type_id,
            base_type=base,
            size_m=(length, width, height),
            wheel_base_m=base_m,
            track_m=track,
            mass_centre_height_m=kind.mass_height * height,
            frontal_area_m2=area,
            front_drive_share=front_drive,
            turning_circle_m=circle,
            grip=kind.grip,
            idle_rpm=0.0 if electric or base == "bicycle" else min(IDLE_RPM, IDLE_SHARE * kind.max_rpm),
            physics=_physics_of(kind, electric, area, mass, base_m, track, radius, kw, nm, top, circle),
        )
    return specs


VEHICLES: dict[str, VehicleSpec] = _catalogue()
"""Spec of every vehicle id of CARLA 0.9.16."""
