"""Which model stands for which blueprint of CARLA 0.9.16."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.server.scene.mesh import Tag
from sim.server.world.blueprint_tables import ADULT_HALF_M, PROPS, VEHICLES, WALKER_HALF_M, WALKERS


@dataclass(frozen=True)
class ModelChoice:
    """What a blueprint looks like.

    name: model of the library; of people and bicycles the base name, whose phases are ``name@0`` .. ``name@7``
    (people also ``name@stand``). size_m: length, width, height that the actor shall have; the world scales the
    model to it. tag: semantic tag reported for the actor.
    """

    name: str
    size_m: tuple[float, float, float]
    tag: Tag


VEHICLE_MODELS: dict[str, tuple[str, Tag]] = {
    "audi.a2": ("hatch", Tag.CAR),
    "audi.etron": ("suv", Tag.CAR),
    "audi.tt": ("coupe", Tag.CAR),
    "bmw.grandtourer": ("mpv", Tag.CAR),
    "chevrolet.impala": ("sedan", Tag.CAR),
    "citroen.c3": ("hatch", Tag.CAR),
    "dodge.charger_2020": ("muscle", Tag.CAR),
    "dodge.charger_police": ("police", Tag.CAR),
    "dodge.charger_police_2020": ("police", Tag.CAR),
    "ford.crown": ("taxi", Tag.CAR),
    "ford.mustang": ("mustang", Tag.CAR),
    "jeep.wrangler_rubicon": ("offroad", Tag.CAR),
    "lincoln.mkz_2017": ("sedan", Tag.CAR),
    "lincoln.mkz_2020": ("sedan", Tag.CAR),
    "mercedes.coupe": ("coupe", Tag.CAR),
    "mercedes.coupe_2020": ("coupe", Tag.CAR),
    "micro.microlino": ("micro", Tag.CAR),
    "mini.cooper_s": ("mini", Tag.CAR),
    "mini.cooper_s_2021": ("mini", Tag.CAR),
    "nissan.micra": ("hatch", Tag.CAR),
    "nissan.patrol": ("suv", Tag.CAR),
    "nissan.patrol_2021": ("big_suv", Tag.CAR),
    "seat.leon": ("hatch", Tag.CAR),
    "tesla.model3": ("liftback", Tag.CAR),
    "toyota.prius": ("liftback", Tag.CAR),
    "carlamotors.carlacola": ("box_truck", Tag.TRUCK),
    "carlamotors.european_hgv": ("hgv", Tag.TRUCK),
    "carlamotors.firetruck": ("fire_truck", Tag.TRUCK),
    "tesla.cybertruck": ("cybertruck", Tag.TRUCK),
    "ford.ambulance": ("ambulance", Tag.CAR),
    "mercedes.sprinter": ("delivery_van", Tag.CAR),
    "volkswagen.t2": ("camper", Tag.CAR),
    "volkswagen.t2_2021": ("camper", Tag.CAR),
    "mitsubishi.fusorosa": ("bus", Tag.BUS),
    "harley-davidson.low_rider": ("cruiser", Tag.MOTORCYCLE),
    "kawasaki.ninja": ("sport_bike", Tag.MOTORCYCLE),
    "vespa.zx125": ("scooter", Tag.MOTORCYCLE),
    "yamaha.yzf": ("sport_bike", Tag.MOTORCYCLE),
    "bh.crossbike": ("bicycle", Tag.BICYCLE),
    "diamondback.century": ("racing_bicycle", Tag.BICYCLE),
    "gazelle.omafiets": ("city_bicycle", Tag.BICYCLE),
}

WHEELCHAIRS: dict[str, tuple[float, float, float]] = {
    "man_wheelchair": (0.95, 0.84, 1.44),
    "man_heavy_wheelchair": (0.95, 0.85, 1.40),
    "woman_wheelchair": (0.91, 0.74, 1.37),
    "woman_heavy_wheelchair": (0.91, 0.74, 1.37),
    "boy_wheelchair": (0.71, 0.69, 1.06),
    "girl_wheelchair": (0.71, 0.69, 1.06),
}
"""Length, width and height of those who sit in one, hands on the rims."""
PARKED_CYCLES: dict[str, tuple[float, float, float]] = {
    "bicycle_parked": (1.51, 0.66, 0.91),
    "racing_bicycle_parked": (1.63, 0.50, 0.99),
    "city_bicycle_parked": (1.84, 0.60, 1.07),
    "cruiser_parked": (2.37, 0.83, 1.17),
    "sport_bike_parked": (2.05, 0.78, 1.12),
    "scooter_parked": (1.88, 0.78, 1.03),
}
"""Length, width and height of two-wheelers without riders, upright."""
RIDERLESS: Mapping[str, str] = {"driver_id": "none"}
"""What to ask ``model_for`` with for a two-wheeler on its stand; elsewhere they have riders."""

MEN = ("man", "man_coat", "man_backpack", "man_heavy", "man_shorts")
WOMEN = ("woman", "woman_skirt", "woman_coat", "woman_heavy", "woman_backpack")
POLICE_WALKERS = frozenset((30, 32))

PROP_MODELS: tuple[tuple[str, str], ...] = (
    ("cone", "prop_cone"),
    ("barrel", "prop_barrel"),
    ("barrier", "prop_barrier"),
    ("bench", "prop_bench"),
    ("swingcouch", "prop_bench"),
    ("sign", "prop_sign"),
    ("warning", "prop_sign"),
    ("calibrator", "prop_sign"),
    ("maptable", "prop_sign"),
    ("plantpot", "prop_plant"),
    ("tree", "prop_tree"),
    ("palm", "prop_tree"),
    ("table", "prop_table"),
    ("chair", "prop_chair"),
    ("trashcan", "prop_bin"),
    ("bin", "prop_bin"),
    ("gardenlamp", "prop_post"),
    ("mailbox", "prop_post"),
    ("gnome", "prop_post"),
    ("streetfountain", "prop_post"),
    ("fountain", "prop_barrel"),
    ("haybale", "prop_barrel"),
    ("colacan", "prop_barrel"),
    ("trampoline", "prop_table"),
    ("pergola", "prop_table"),
    ("busstop", "prop_shelter"),
    ("swing", "prop_shelter"),
    ("clothesline", "prop_shelter"),
    ("bag", "prop_bag"),
    ("garbage", "prop_bag"),
    ("debris", "prop_bag"),
    ("helmet", "prop_bag"),
    ("purse", "prop_bag"),
    ("cart", "prop_cart"),
    ("trolley", "prop_cart"),
)
"""Part of a prop's name and the shape it gets; the first that fits counts, everything else is a box."""

_VEHICLE_SIZES = {row.name: (row.length_m, row.width_m, row.height_m) for row in VEHICLES}
_WALKERS = {row.number: row for row in WALKERS}
_SIZE_CLASS_M = {"tiny": 0.3, "small": 0.6, "medium": 1.2, "big": 2.2, "huge": 4.0}


def model_for(type_id: str, attributes: Mapping[str, str] | None = None) -> ModelChoice:
    """Model, size and tag of a blueprint.

    Of ``attributes`` the blueprint's ``gender``, ``age`` and ``use_wheelchair`` (walkers), ``size`` (props) and
    ``driver_id`` (two-wheelers, see ``RIDERLESS``) are read; what is missing comes from the tables. Raises KeyError
    for an id that has no body (sensors, controllers, unknown vehicles).
    """
    known = attributes or {}
    kind, _, name = type_id.partition(".")
    if kind == "vehicle":
        if name not in VEHICLE_MODELS:
            raise KeyError(f"no body for {type_id!r}; the {len(VEHICLE_MODELS)} vehicles of CARLA 0.9.16 have one")
        model, tag = VEHICLE_MODELS[name]
        parked = f"{model}_parked"
        if known.get("driver_id") == "none" and parked in PARKED_CYCLES:
            return ModelChoice(parked, PARKED_CYCLES[parked], tag)
        return ModelChoice(model, _VEHICLE_SIZES[name], tag)
    if type_id.startswith("walker.pedestrian."):
        return _walker(type_id.removeprefix("walker.pedestrian."), known)
    if type_id.startswith("static.prop."):
        return _prop(type_id.removeprefix("static.prop."), known)
    raise KeyError(f"{type_id!r} has no body; vehicle.*, walker.pedestrian.* and static.prop.* have")


def _walker(digits: str, attributes: Mapping[str, str]) -> ModelChoice:
    number = int(digits) if digits.isdigit() else 0
    row = _WALKERS.get(number)
    gender = attributes.get("gender", row.gender if row else "other")
    age = attributes.get("age", row.age if row else "adult")
    half = WALKER_HALF_M.get(number, ADULT_HALF_M)
    size = (2 * half[0], 2 * half[1], 2 * half[2])
    if age == "child":
        name = "small_child" if number % 3 == 0 else "girl" if gender == "female" else "boy"
    elif number in POLICE_WALKERS:
        name = "officer"
    else:
        names = WOMEN if gender == "female" else MEN if gender == "male" else MEN + WOMEN
        name = names[(number // 2) % len(names)]
    if in_wheelchair(attributes):
        seated = _seated(name, gender)
        return ModelChoice(seated, WHEELCHAIRS[seated], Tag.PEDESTRIANS)
    return ModelChoice(name, size, Tag.PEDESTRIANS)


def in_wheelchair(attributes: Mapping[str, str]) -> bool:
    """Whether a walker with these attributes sits in a wheelchair."""
    return attributes.get("use_wheelchair", "false").lower() == "true"


def _seated(name: str, gender: str) -> str:
    """Who sits in place of one who walks; coats, skirts and bags stay at home."""
    if name == "small_child":
        name = "girl" if gender == "female" else "boy"
    while f"{name}_wheelchair" not in WHEELCHAIRS:
        name = name.rpartition("_")[0] or "man"
    return f"{name}_wheelchair"


def _prop(name: str, attributes: Mapping[str, str]) -> ModelChoice:
    edge = _SIZE_CLASS_M.get(attributes.get("size", ""), 1.0)
    size_class, *size = PROPS.get(name, ("", edge, edge, edge))
    model = next((shape for word, shape in PROP_MODELS if word in name), "prop_box")
    small = attributes.get("size", size_class) in ("tiny", "small")
    return ModelChoice(model, (size[0], size[1], size[2]), Tag.DYNAMIC if small else Tag.STATIC)
