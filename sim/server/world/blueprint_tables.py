"""The blueprint library of CARLA 0.9.16 as tables: ids, attributes and sizes. Data, no code.

Vehicle sizes are those of the reference server's bounding boxes; prop sizes are estimates of the objects that
their names tell (the reference publishes none).
"""

from __future__ import annotations

from typing import NamedTuple


class VehicleRow(NamedTuple):
    """name after ``vehicle.``, base_type, generation, special_type, lights, doors, length, width, height m."""

    name: str
    base_type: str
    generation: int
    special_type: str
    lights: bool
    doors: bool
    length_m: float
    width_m: float
    height_m: float


VEHICLES: tuple[VehicleRow, ...] = (
    VehicleRow("audi.a2", "car", 1, "", False, False, 3.705, 1.789, 1.549),
    VehicleRow("audi.etron", "car", 1, "electric", False, False, 4.856, 2.033, 1.649),
    VehicleRow("audi.tt", "car", 1, "", False, False, 4.181, 1.994, 1.385),
    VehicleRow("bmw.grandtourer", "car", 1, "", False, False, 4.611, 2.242, 1.667),
    VehicleRow("chevrolet.impala", "car", 1, "", False, False, 5.357, 2.033, 1.411),
    VehicleRow("citroen.c3", "car", 1, "", False, False, 3.988, 1.851, 1.617),
    VehicleRow("dodge.charger_2020", "car", 2, "", True, True, 5.008, 1.882, 1.535),
    VehicleRow("dodge.charger_police", "car", 1, "emergency", False, False, 4.974, 2.038, 1.542),
    VehicleRow("dodge.charger_police_2020", "car", 2, "emergency", True, True, 5.238, 1.930, 1.638),
    VehicleRow("ford.crown", "car", 2, "taxi", True, True, 5.366, 1.801, 1.575),
    VehicleRow("ford.mustang", "car", 1, "", False, False, 4.718, 1.895, 1.301),
    VehicleRow("jeep.wrangler_rubicon", "car", 1, "", False, False, 3.866, 1.905, 1.878),
    VehicleRow("lincoln.mkz_2017", "car", 1, "", False, False, 4.902, 2.128, 1.511),
    VehicleRow("lincoln.mkz_2020", "car", 2, "", True, True, 4.892, 1.837, 1.490),
    VehicleRow("mercedes.coupe", "car", 1, "", False, False, 5.027, 2.152, 1.651),
    VehicleRow("mercedes.coupe_2020", "car", 2, "", True, True, 4.674, 1.812, 1.442),
    VehicleRow("micro.microlino", "car", 1, "electric", False, False, 2.207, 1.481, 1.376),
    VehicleRow("mini.cooper_s", "car", 1, "", False, False, 3.806, 1.970, 1.475),
    VehicleRow("mini.cooper_s_2021", "car", 2, "", True, True, 4.553, 2.097, 1.767),
    VehicleRow("nissan.micra", "car", 1, "", False, False, 3.633, 1.845, 1.501),
    VehicleRow("nissan.patrol", "car", 1, "", False, False, 4.605, 1.932, 1.855),
    VehicleRow("nissan.patrol_2021", "car", 2, "", True, True, 5.566, 2.150, 2.045),
    VehicleRow("seat.leon", "car", 1, "", False, False, 4.193, 1.816, 1.474),
    VehicleRow("tesla.model3", "car", 1, "electric", False, False, 4.792, 2.163, 1.488),
    VehicleRow("toyota.prius", "car", 1, "electric", False, False, 4.514, 2.007, 1.525),
    VehicleRow("carlamotors.carlacola", "truck", 1, "", False, False, 5.204, 2.627, 2.467),
    VehicleRow("carlamotors.european_hgv", "truck", 2, "", False, False, 7.936, 2.891, 3.462),
    VehicleRow("carlamotors.firetruck", "truck", 2, "emergency", True, True, 8.468, 2.891, 3.827),
    VehicleRow("tesla.cybertruck", "truck", 2, "electric", False, False, 6.274, 2.390, 2.098),
    VehicleRow("ford.ambulance", "van", 2, "emergency", True, True, 6.366, 2.351, 2.431),
    VehicleRow("mercedes.sprinter", "van", 2, "", True, True, 5.915, 1.988, 2.561),
    VehicleRow("volkswagen.t2", "van", 1, "", False, False, 4.480, 2.069, 2.038),
    VehicleRow("volkswagen.t2_2021", "van", 2, "", True, True, 4.442, 1.775, 1.987),
    VehicleRow("mitsubishi.fusorosa", "bus", 2, "", True, False, 10.273, 3.944, 4.253),
    VehicleRow("harley-davidson.low_rider", "motorcycle", 1, "", False, False, 2.350, 0.766, 1.649),
    VehicleRow("kawasaki.ninja", "motorcycle", 1, "", False, False, 2.044, 0.797, 1.523),
    VehicleRow("vespa.zx125", "motorcycle", 1, "", False, False, 1.817, 0.866, 1.590),
    VehicleRow("yamaha.yzf", "motorcycle", 1, "", False, False, 2.191, 0.866, 1.530),
    VehicleRow("bh.crossbike", "bicycle", 1, "", False, False, 1.509, 0.866, 1.612),
    VehicleRow("diamondback.century", "bicycle", 1, "", False, False, 1.656, 0.582, 1.620),
    VehicleRow("gazelle.omafiets", "bicycle", 1, "", False, False, 1.843, 0.659, 1.776),
)

WITHOUT_COLOR = frozenset(
    ("dodge.charger_police", "dodge.charger_police_2020", "carlamotors.firetruck", "ford.ambulance")
)
"""Liveries that cannot be painted."""

COLORS: tuple[str, ...] = (
    "17,37,103", "180,44,44", "150,150,150", "25,25,25", "227,227,227", "44,92,70", "137,0,0", "66,65,63",
    "84,84,84", "28,30,52", "186,186,186", "233,187,12",
)  # fmt: skip
"""Paints offered; a vehicle's own list is this one rotated by its row, so defaults differ."""

DRIVERS: tuple[str, ...] = tuple(str(i) for i in range(1, 15))


class WalkerRow(NamedTuple):
    """Two digits of ``walker.pedestrian.00NN``, gender, age, generation, whether it may use a wheelchair."""

    number: int
    gender: str
    age: str
    generation: int
    wheelchair: bool


def _walker(number: int) -> WalkerRow:
    children = {9, 10, 11, 12, 13, 14, 48, 49}
    elderly = {17, 24, 33, 42}
    age = "child" if number in children else "elderly" if number in elderly else "adult"
    generation = 1 if number <= 14 else 2
    return WalkerRow(number, "female" if number % 2 else "male", age, generation, generation == 2 and age != "child")


WALKERS: tuple[WalkerRow, ...] = tuple(_walker(n) for n in range(1, 53))
WALKER_HALF_M: dict[int, tuple[float, float, float]] = {
    **dict.fromkeys((9, 10, 11, 48, 49), (0.25, 0.25, 0.55)),
    **dict.fromkeys((12, 13, 14), (0.188, 0.188, 0.65)),
}
"""Half sizes of the children; adults are ``ADULT_HALF_M``."""
ADULT_HALF_M = (0.188, 0.188, 0.93)
WALKER_SPEEDS: dict[str, tuple[str, str, str]] = {
    "child": ("0.0", "1.0", "2.0"),
    "adult": ("0.0", "1.4", "2.6"),
    "elderly": ("0.0", "0.9", "1.6"),
}
"""Stand, walk, run in m/s."""

PROPS: dict[str, tuple[str, float, float, float]] = {
    "advertisement": ("medium", 0.35, 1.3, 2.4),
    "atm": ("medium", 0.8, 0.9, 1.9),
    "barbeque": ("medium", 0.6, 1.1, 1.1),
    "barrel": ("medium", 0.6, 0.6, 0.9),
    "bench01": ("medium", 0.6, 1.6, 0.9),
    "bench02": ("medium", 0.6, 1.8, 0.5),
    "bench03": ("medium", 0.7, 1.9, 0.9),
    "bikehelmet": ("tiny", 0.3, 0.2, 0.2),
    "bikeparking": ("medium", 0.8, 2.4, 0.9),
    "bin": ("small", 0.5, 0.5, 0.9),
    "box01": ("small", 0.6, 0.6, 0.6),
    "box02": ("small", 0.5, 0.4, 0.4),
    "box03": ("small", 0.4, 0.4, 0.3),
    "briefcase": ("tiny", 0.15, 0.45, 0.35),
    "brokentile01": ("tiny", 0.4, 0.4, 0.06),
    "brokentile02": ("tiny", 0.4, 0.3, 0.06),
    "brokentile03": ("tiny", 0.3, 0.3, 0.06),
    "brokentile04": ("tiny", 0.3, 0.2, 0.06),
    "busstop": ("big", 1.6, 4.2, 2.7),
    "busstoplb": ("big", 1.6, 4.2, 2.7),
    "calibrator": ("medium", 0.1, 1.2, 1.6),
    "chainbarrier": ("small", 0.3, 1.5, 0.9),
    "chainbarrierend": ("small", 0.3, 0.3, 0.9),
    "clothcontainer": ("medium", 1.2, 1.4, 1.8),
    "clothesline": ("medium", 0.8, 2.0, 1.7),
    "coconutpalm": ("huge", 0.5, 0.5, 7.0),
    "colacan": ("tiny", 0.07, 0.07, 0.12),
    "constructioncone": ("small", 0.4, 0.4, 0.6),
    "container": ("big", 1.6, 2.4, 1.6),
    "creasedbox01": ("small", 0.6, 0.5, 0.3),
    "creasedbox02": ("small", 0.6, 0.5, 0.2),
    "creasedbox03": ("small", 0.5, 0.5, 0.2),
    "cypresstree": ("huge", 0.5, 0.5, 6.0),
    "dirtdebris01": ("small", 1.2, 1.2, 0.15),
    "dirtdebris02": ("small", 1.0, 1.2, 0.15),
    "dirtdebris03": ("small", 0.8, 0.8, 0.15),
    "doghouse": ("medium", 1.0, 0.9, 1.0),
    "foodcart": ("big", 2.2, 1.6, 2.4),
    "fountain": ("huge", 5.0, 5.0, 2.5),
    "garbage01": ("tiny", 0.4, 0.4, 0.1),
    "garbage02": ("tiny", 0.3, 0.3, 0.1),
    "garbage03": ("tiny", 0.5, 0.4, 0.1),
    "garbage04": ("tiny", 0.4, 0.3, 0.1),
    "garbage05": ("tiny", 0.5, 0.5, 0.15),
    "garbage06": ("tiny", 0.6, 0.5, 0.15),
    "gardenlamp": ("small", 0.2, 0.2, 0.6),
    "glasscontainer": ("medium", 1.4, 1.4, 1.7),
    "gnome": ("small", 0.25, 0.25, 0.5),
    "guitarcase": ("small", 0.25, 0.45, 1.2),
    "haybale": ("medium", 1.0, 1.6, 1.0),
    "haybalelb": ("medium", 1.2, 1.2, 1.2),
    "ironplank": ("small", 1.2, 2.4, 0.05),
    "kiosk_01": ("huge", 2.6, 3.2, 3.0),
    "mailbox": ("small", 0.5, 0.5, 1.2),
    "maptable": ("medium", 0.3, 1.6, 1.9),
    "mesh": ("unknown", 1.0, 1.0, 1.0),
    "mobile": ("tiny", 0.08, 0.15, 0.03),
    "motorhelmet": ("tiny", 0.35, 0.28, 0.3),
    "pergola": ("huge", 3.0, 3.0, 2.6),
    "plantpot01": ("small", 0.6, 0.6, 0.9),
    "plantpot02": ("small", 0.8, 0.8, 0.8),
    "plantpot03": ("small", 0.6, 1.6, 0.7),
    "plantpot04": ("small", 0.5, 0.5, 0.8),
    "plantpot05": ("small", 0.5, 0.5, 0.6),
    "plantpot06": ("small", 0.9, 0.9, 0.7),
    "plantpot07": ("small", 0.4, 0.4, 0.5),
    "plantpot08": ("small", 0.4, 0.4, 0.7),
    "plasticbag": ("tiny", 0.35, 0.3, 0.35),
    "plasticchair": ("small", 0.6, 0.6, 0.85),
    "plastictable": ("medium", 0.9, 0.9, 0.75),
    "platformgarbage01": ("big", 1.6, 2.6, 0.8),
    "purse": ("tiny", 0.15, 0.35, 0.3),
    "shoppingbag": ("tiny", 0.2, 0.35, 0.4),
    "shoppingcart": ("small", 0.9, 0.6, 1.0),
    "shoppingtrolley": ("small", 0.4, 0.4, 1.0),
    "slide": ("big", 3.2, 0.8, 2.0),
    "streetbarrier": ("small", 0.5, 1.2, 1.0),
    "streetfountain": ("small", 0.5, 0.5, 1.1),
    "streetsign": ("medium", 0.15, 0.8, 2.3),
    "streetsign01": ("medium", 0.15, 0.8, 2.3),
    "streetsign04": ("medium", 0.15, 0.8, 2.3),
    "swing": ("big", 2.0, 3.2, 2.3),
    "swingcouch": ("medium", 1.2, 2.0, 1.7),
    "table": ("medium", 1.0, 1.6, 0.75),
    "trafficcone01": ("small", 0.45, 0.45, 0.75),
    "trafficcone02": ("small", 0.35, 0.35, 0.7),
    "trafficwarning": ("medium", 1.4, 1.0, 2.3),
    "trampoline": ("big", 3.4, 3.4, 2.3),
    "trashbag": ("tiny", 0.5, 0.5, 0.5),
    "trashcan01": ("small", 0.5, 0.5, 1.0),
    "trashcan02": ("small", 0.6, 0.6, 1.1),
    "trashcan03": ("small", 0.7, 0.7, 1.1),
    "trashcan04": ("small", 0.6, 0.6, 1.0),
    "trashcan05": ("small", 0.6, 0.6, 1.0),
    "travelcase": ("tiny", 0.3, 0.5, 0.7),
    "vendingmachine": ("medium", 0.9, 1.1, 1.9),
    "warningaccident": ("medium", 0.6, 0.9, 1.0),
    "warningconstruction": ("medium", 0.6, 0.9, 1.0),
    "wateringcan": ("tiny", 0.45, 0.25, 0.35),
}
"""static.prop.NAME: size class and length, width, height in metres."""

# Attribute lists below: (id, type letter, default); B bool, I int, F float, S string.
CAMERA: tuple[tuple[str, str, str], ...] = (
    ("image_size_x", "I", "800"), ("image_size_y", "I", "600"), ("fov", "F", "90.0"),
    ("lens_circle_falloff", "F", "5.0"), ("lens_circle_multiplier", "F", "0.0"), ("lens_k", "F", "-1.0"),
    ("lens_kcube", "F", "0.0"), ("lens_x_size", "F", "0.08"), ("lens_y_size", "F", "0.08"),
)  # fmt: skip

POST_PROCESS: tuple[tuple[str, str, str], ...] = (
    ("enable_postprocess_effects", "B", "true"), ("gamma", "F", "2.2"), ("motion_blur_intensity", "F", "0.45"),
    ("motion_blur_max_distortion", "F", "0.35"), ("motion_blur_min_object_screen_size", "F", "0.1"),
    ("lens_flare_intensity", "F", "0.1"), ("bloom_intensity", "F", "0.675"), ("shutter_speed", "F", "200.0"),
    ("iso", "F", "100.0"), ("fstop", "F", "1.4"), ("min_fstop", "F", "1.2"), ("slope", "F", "0.88"),
    ("shoulder", "F", "0.26"), ("white_clip", "F", "0.04"), ("tint", "F", "0.0"),
    ("chromatic_aberration_offset", "F", "0.0"), ("exposure_mode", "S", "histogram|manual"),
    ("exposure_compensation", "F", "0.0"), ("exposure_min_bright", "F", "10.0"), ("exposure_max_bright", "F", "12.0"),
    ("exposure_speed_up", "F", "3.0"), ("exposure_speed_down", "F", "1.0"), ("calibration_constant", "F", "16.0"),
    ("focal_distance", "F", "1000.0"), ("blur_amount", "F", "1.0"), ("blur_radius", "F", "0.0"),
    ("blade_count", "I", "5"), ("toe", "F", "0.55"), ("black_clip", "F", "0.0"), ("temp", "F", "6500.0"),
    ("chromatic_aberration_intensity", "F", "0.0"),
)  # fmt: skip
"""A ``|`` separates the only values allowed; the first is the default."""

SEEN_WEATHER: tuple[tuple[str, str, str], ...] = (
    ("snowfall", "F", "0.0"), ("snow_cover", "F", "0.0"), ("lens_dirt", "F", "0.0"), ("lens_drops", "F", "-1.0"),
)  # fmt: skip
"""Not CARLA's: snow and what sits on the lens, see ``sensors/conditions.py``. The defaults leave CARLA's look."""

_RAYS: tuple[tuple[str, str, str], ...] = (
    ("channels", "I", "32"), ("range", "F", "10.0"), ("points_per_second", "I", "56000"),
    ("rotation_frequency", "F", "10.0"), ("upper_fov", "F", "10.0"), ("lower_fov", "F", "-30.0"),
    ("horizontal_fov", "F", "360.0"),
)  # fmt: skip

_RADIO: tuple[tuple[str, str, str], ...] = (
    ("noise_seed", "I", "0"), ("transmit_power", "F", "21.5"), ("receiver_sensitivity", "F", "-99.0"),
    ("frequency_ghz", "F", "5.9"), ("combined_antenna_gain", "F", "10.0"), ("scenario", "S", "highway|rural|urban"),
    ("path_loss_model", "S", "winner|geometric"), ("path_loss_exponent", "F", "2.7"), ("d_ref", "F", "1.0"),
    ("filter_distance", "F", "500.0"), ("use_etsi_fading", "B", "true"), ("custom_fading_stddev", "F", "0.0"),
)  # fmt: skip


def _zeros(*names: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, "F", "0.0") for name in names)


SENSORS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "sensor.camera.rgb": CAMERA + POST_PROCESS + SEEN_WEATHER,
    "sensor.camera.depth": CAMERA,
    "sensor.camera.normals": CAMERA,
    "sensor.camera.semantic_segmentation": CAMERA,
    "sensor.camera.instance_segmentation": CAMERA,
    "sensor.camera.optical_flow": CAMERA,
    "sensor.camera.cosmos_visualization": CAMERA,
    "sensor.camera.labels": CAMERA,  # this server's own: ``sim.label_table``
    "sensor.camera.dvs": CAMERA
    + POST_PROCESS
    + (
        ("positive_threshold", "F", "0.3"), ("negative_threshold", "F", "0.3"),
        ("sigma_positive_threshold", "F", "0.0"), ("sigma_negative_threshold", "F", "0.0"),
        ("refractory_period_ns", "I", "0"), ("use_log", "B", "true"), ("log_eps", "F", "0.001"),
    ),
    "sensor.lidar.ray_cast": (
        *_RAYS,
        ("atmosphere_attenuation_rate", "F", "0.004"), ("dropoff_general_rate", "F", "0.45"),
        ("dropoff_intensity_limit", "F", "0.8"), ("dropoff_zero_intensity", "F", "0.4"),
        ("noise_stddev", "F", "0.0"), ("noise_seed", "I", "0"),
        # ours: without effect in clear air as they stand
        ("weather", "B", "true"), ("snowfall", "F", "0.0"), ("reflectivity", "S", "carla|material"),
        ("beam_divergence", "F", "0.0"), ("dual_return", "B", "false"), ("rolling_shutter", "B", "false"),
        ("noise_intensity_stddev", "F", "0.0"),
    ),
    "sensor.lidar.ray_cast_semantic": (
        *_RAYS,
        ("weather", "B", "false"), ("snowfall", "F", "0.0"), ("rolling_shutter", "B", "false"),
    ),
    "sensor.other.radar": (
        ("horizontal_fov", "F", "30.0"), ("vertical_fov", "F", "30.0"), ("range", "F", "100.0"),
        ("points_per_second", "I", "1500"), ("noise_seed", "I", "0"),
        ("rcs", "B", "false"), ("clutter", "F", "0.0"), ("snowfall", "F", "0.0"),  # ours
    ),
    "sensor.other.imu": (
        ("noise_seed", "I", "0"),
        *_zeros(*(f"noise_{kind}_{axis}" for kind in ("accel_stddev", "gyro_stddev", "gyro_bias") for axis in "xyz")),
    ),
    "sensor.other.gnss": (
        ("noise_seed", "I", "0"),
        *_zeros(*(f"noise_{axis}_{kind}" for kind in ("stddev", "bias") for axis in ("alt", "lat", "lon"))),
    ),
    "sensor.other.obstacle": (
        ("distance", "F", "5.0"), ("hit_radius", "F", "0.5"), ("only_dynamics", "B", "false"),
        ("debug_linetrace", "B", "false"),
    ),
    "sensor.other.collision": (),
    "sensor.other.lane_invasion": (),
    "sensor.other.rss": (),
    "sensor.other.v2x": (
        *_RADIO,
        ("gen_cam_min", "F", "0.1"), ("gen_cam_max", "F", "1.0"), ("fixed_rate", "B", "false"),
        *_zeros(*(f"noise_{axis}_{kind}" for axis in ("lat", "lon", "alt", "head") for kind in ("stddev", "bias"))),
        *_zeros(*(f"noise_accel_stddev_{axis}" for axis in "xyz")),
        *_zeros("noise_yawrate_stddev", "noise_yawrate_bias", "noise_vel_stddev_x"),
    ),
    "sensor.other.v2x_custom": _RADIO,
}  # fmt: skip

WITHOUT_SENSOR_TICK = frozenset(("sensor.other.collision", "sensor.other.lane_invasion", "sensor.other.rss"))
CLIENT_SIDE = frozenset(("sensor.other.lane_invasion", "sensor.other.rss"))
"""Sensors that the client computes itself: they have no stream, and a message to one would end the client."""
PLACES: tuple[str, ...] = (
    "front", "back", "left", "right", "front_left", "front_right", "back_left", "back_right",
)  # fmt: skip
"""Recommended role names of sensors that look somewhere; the others have ``default``."""
WITHOUT_PLACE = frozenset(
    ("sensor.other.gnss", "sensor.other.imu", "sensor.other.radar", "sensor.other.v2x", "sensor.other.v2x_custom")
)
