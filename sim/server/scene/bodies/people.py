"""People: clothed figures of smooth tubes around a skeleton, in eight phases of a walk and standing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.parts import Floats, Part, ellipsoid, tube
from sim.server.scene.bodies.skeleton import SIDES, WALK_PHASES, Build, Joints, upright
from sim.server.scene.mesh import Material, Tag

AROUND = (14, 8, 6)  # points around the trunk and the head
LIMB = (10, 6, 5)
RINGS = (1, 2, 3)  # every how many rings of a limb or trunk are kept

# share of the trunk from the hip joints (0) to the shoulder joints (1): half width, half depth, in metres at girth 1
TRUNK_MALE = ((-0.2, 0.166, 0.122), (-0.02, 0.174, 0.130), (0.22, 0.162, 0.117), (0.42, 0.158, 0.112),
              (0.62, 0.174, 0.122), (0.8, 0.192, 0.122), (0.93, 0.196, 0.105), (1.02, 0.168, 0.088),
              (1.09, 0.105, 0.070), (1.14, 0.062, 0.058))  # fmt: skip
TRUNK_FEMALE = ((-0.2, 0.172, 0.124), (-0.02, 0.178, 0.130), (0.22, 0.150, 0.110), (0.42, 0.136, 0.100),
                (0.62, 0.150, 0.115), (0.76, 0.164, 0.130), (0.92, 0.170, 0.100), (1.01, 0.148, 0.082),
                (1.08, 0.092, 0.064), (1.13, 0.054, 0.052))  # fmt: skip
LEG = ((0.0, 0.076), (0.25, 0.082), (0.6, 0.071), (0.92, 0.058), (1.08, 0.056), (1.3, 0.060), (1.6, 0.052),
       (1.96, 0.046), (2.1, 0.046))  # fmt: skip
TROUSERS = ((0.0, 0.081), (0.25, 0.087), (0.6, 0.086), (0.92, 0.071), (1.08, 0.069), (1.3, 0.073), (1.6, 0.064),
            (1.96, 0.057), (2.1, 0.057))  # fmt: skip
ARM = ((-0.09, 0.020), (-0.05, 0.036), (0.03, 0.047), (0.18, 0.053), (0.5, 0.047), (0.9, 0.042), (1.1, 0.042),
       (1.4, 0.039), (1.9, 0.030))  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """How a person looks. hair: short, long, bun, none; legs: trousers, shorts, skirt; sleeves: long, short."""

    name: str
    build: Build
    female: bool = False
    hair: str = "short"
    legs: str = "trousers"
    sleeves: str = "long"
    coat_m: float = 0.0  # how far a coat reaches below the hip joints
    bag: str = ""  # "backpack", "shoulder" or none
    hat: bool = False
    helmet: bool = False
    biker: bool = False  # full-face helmet
    leather: str = ""  # "suit" or "jacket", black, with gloves; or none


ADULT = Build()
WOMAN = Build(1.67, 0.166, 0.088, 0.405, 0.39, 0.08, 0.495, 0.265, 0.235, 0.225, 0.94)
HEAVY = replace(ADULT, height_m=1.75, shoulder_m=0.212, girth=1.17, belly=0.07)
HEAVY_WOMAN = replace(WOMAN, height_m=1.65, girth=1.16, belly=0.05)
CHILD = Build(1.15, 0.118, 0.062, 0.255, 0.24, 0.06, 0.335, 0.185, 0.155, 0.195, 0.72)
SMALL_CHILD = Build(1.02, 0.11, 0.058, 0.215, 0.205, 0.055, 0.305, 0.165, 0.14, 0.19, 0.68)

FIGURES = (
    Figure("man", ADULT),
    Figure("man_coat", ADULT, coat_m=0.28, hat=True),
    Figure("man_backpack", ADULT, sleeves="short", bag="backpack"),
    Figure("man_heavy", HEAVY, sleeves="short", hair="none"),
    Figure("man_shorts", replace(ADULT, height_m=1.8), legs="shorts", sleeves="short"),
    Figure("woman", WOMAN, female=True, hair="long", bag="shoulder"),
    Figure("woman_skirt", WOMAN, female=True, hair="bun", legs="skirt", sleeves="short"),
    Figure("woman_coat", WOMAN, female=True, hair="long", coat_m=0.32),
    Figure("woman_heavy", HEAVY_WOMAN, female=True, hair="short"),
    Figure("woman_backpack", WOMAN, female=True, hair="bun", sleeves="short", bag="backpack"),
    Figure("officer", ADULT, hat=True),
    Figure("boy", CHILD, sleeves="short", legs="shorts"),
    Figure("girl", CHILD, female=True, hair="long", legs="skirt"),
    Figure("small_child", SMALL_CHILD, sleeves="long"),
)


def _thin(count: int, detail: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` rings a level of detail keeps: both ends always."""
    return np.unique(np.append(np.arange(0, count, RINGS[detail]), count - 1))


def _chain(joints: tuple[Floats, Floats, Floats], profile: tuple[tuple[float, float], ...], detail: int,
           lo: float, hi: float, scale: float) -> tuple[Floats, Floats]:  # fmt: skip
    """Points and radii along a limb between the shares lo..hi (0 root, 1 middle joint, 2 end)."""
    at, radius = np.array(profile).T
    share = np.unique(np.concatenate([[lo], at[(at > lo) & (at < hi)], [hi]]))
    share = share[_thin(len(share), detail)]
    if detail == 2:
        share = np.unique([lo, *([1.0] if lo < 1.0 < hi else []), hi])
    a, b, c = joints
    s = share[:, None]
    path = np.where(s < 1.0, a + (b - a) * s, b + (c - b) * (s - 1.0))
    return path, np.interp(share, at, radius) * scale


def figure_parts(figure: Figure, j: Joints, detail: int) -> list[Part]:
    """The figure in a pose; its feet are where the joints say."""
    parts = [*_trunk(figure, j, detail), *_head(figure, j, detail)]
    for side in (0, 1):
        parts += _leg(figure, j, side, detail) + _arm(figure, j, side, detail)
    if figure.bag:
        parts.append(_bag(figure, j, detail))
    return [_in_leather(part, figure.leather) for part in parts] if figure.leather else parts


def _in_leather(part: Part, what: str) -> Part:
    """The same part in black leather: jacket and gloves, of a suit the trousers too."""
    leather = [int(Material.TOP), int(Material.SKIN)] + ([int(Material.BOTTOM)] if what == "suit" else [])
    worn = np.isin(part.material, leather)
    return replace(part, material=np.where(worn, int(Material.PLASTIC), part.material).astype(np.uint8))


def _trunk(figure: Figure, j: Joints, detail: int) -> list[Part]:
    b = figure.build
    profile = np.array(TRUNK_FEMALE if figure.female else TRUNK_MALE)
    scale = b.girth * (b.trunk_m / (0.495 if figure.female else 0.53)) ** 0.3
    keep = _thin(len(profile), detail) if detail < 2 else np.array([0, 2, 5, 7, 9])
    at, width, depth = profile[keep].T
    belly = b.belly * np.exp(-(((at - 0.28) / 0.25) ** 2))
    spine = j.chest - j.pelvis
    path = j.pelvis + at[:, None] * spine + np.outer(belly * 0.6, [1.0, 0.0, 0.0])
    radii = np.stack([width * scale + belly * 0.35, depth * scale + belly * 0.7], axis=1)
    n = AROUND[detail]
    parts = [tube(path, radii, n, Material.TOP)]
    seat = j.pelvis + np.array([[-0.11], [-0.07], [0.0], [0.03]]) * spine / np.linalg.norm(spine) * 1.4
    parts.append(tube(seat, np.array([[0.09, 0.07], [0.145, 0.105], [0.15, 0.108], [0.12, 0.09]]) * scale, n,
                      Material.BOTTOM))  # fmt: skip
    if figure.coat_m > 0.0 or figure.legs == "skirt":
        reach = figure.coat_m or b.thigh_m * 0.85
        kind = Material.TOP if figure.coat_m > 0.0 else Material.BOTTOM
        stride = float(np.ptp(j.knee[:, 0])) * 0.5 * min(reach / b.thigh_m, 1.0)
        middle = np.array([float(j.knee[:, 0].mean()) * 0.5 * reach / b.thigh_m, 0.0, -reach])
        top = j.pelvis + 0.12 * spine
        path = np.stack([top, j.pelvis, j.pelvis + middle * 0.5, j.pelvis + middle])
        flare = np.array([[0.160, 0.118], [0.186, 0.138], [0.204, 0.158], [0.21, 0.165]]) * scale
        flare[2:, 1] += [stride * 0.55, stride * 1.05]
        parts.append(tube(path, flare, n, kind))
    return parts


def _head(figure: Figure, j: Joints, detail: int) -> list[Part]:
    h, n = figure.build.head_m, AROUND[detail]
    c = j.head
    top = j.chest + (c - j.chest) * 0.15
    parts = [tube([top, c - [0.01, 0.0, h * 0.25]], [h * 0.245, h * 0.225], LIMB[detail], Material.SKIN)]
    # skull and face: rings from the chin to the crown, (height, forward shift, half width, half depth) in heads
    rings = np.array([(-0.5, 0.10, 0.10, 0.12), (-0.42, 0.08, 0.22, 0.26), (-0.25, 0.04, 0.285, 0.36),
                      (0.0, 0.0, 0.325, 0.405), (0.22, -0.03, 0.325, 0.41), (0.38, -0.04, 0.26, 0.33),
                      (0.47, -0.04, 0.14, 0.19)])  # fmt: skip
    rings = rings[_thin(len(rings), min(detail, 1))]
    path = c + np.stack([rings[:, 1] * h, np.zeros(len(rings)), rings[:, 0] * h], axis=1)
    parts.append(tube(path, rings[:, 2:] * h, n, Material.SKIN))
    if detail == 0:
        parts.append(ellipsoid(_near(c, h * 0.42, 0, -h * 0.07), (h * 0.10, h * 0.065, h * 0.12), Material.SKIN, 8))
        ears = [_near(c, 0, s * h * 0.325, -h * 0.03) for s in SIDES]
        parts += [ellipsoid(ear, (h * 0.07, h * 0.05, h * 0.13), Material.SKIN, 6) for ear in ears]
    if figure.biker:
        parts.append(ellipsoid(_near(c, -h * 0.01, 0, h * 0.05), (h * 0.60, h * 0.53, h * 0.60), Material.HELMET, n))
        if detail < 2:
            visor = ellipsoid(_near(c, h * 0.16, 0, h * 0.08), (h * 0.47, h * 0.43, h * 0.21), Material.SHOE, n)
            parts.append(visor)
        return parts
    if figure.helmet:
        parts.append(ellipsoid(_near(c, -h * 0.02, 0, h * 0.13), (h * 0.56, h * 0.46, h * 0.47), Material.HELMET, n))
        return parts
    parts += _hair(figure, c, h, n)
    if figure.hat:
        parts.append(ellipsoid(_near(c, 0, 0, h * 0.33), (h * 0.45, h * 0.42, h * 0.27), Material.BAG, n))
        if detail < 2:
            parts.append(ellipsoid(_near(c, h * 0.12, 0, h * 0.24), (h * 0.56, h * 0.42, h * 0.05), Material.BAG, n))
    return parts


def _near(point: Floats, x: float, y: float, z: float) -> Floats:
    return point + np.array([x, y, z])


def _hair(figure: Figure, c: Floats, h: float, n: int) -> list[Part]:
    if figure.hair == "none":
        return []
    parts = [ellipsoid(_near(c, -h * 0.09, 0, h * 0.15), (h * 0.42, h * 0.365, h * 0.40), Material.HAIR, n)]
    if figure.hair == "long":
        parts.append(ellipsoid(_near(c, -h * 0.24, 0, -h * 0.32), (h * 0.23, h * 0.37, h * 0.62), Material.HAIR, n))
    if figure.hair == "bun":
        parts.append(ellipsoid(_near(c, -h * 0.5, 0, h * 0.22), (h * 0.18, h * 0.2, h * 0.2), Material.HAIR, n))
        parts.append(ellipsoid(_near(c, -h * 0.2, 0, -h * 0.1), (h * 0.25, h * 0.33, h * 0.36), Material.HAIR, n))
    return parts


def _leg(figure: Figure, j: Joints, side: int, detail: int) -> list[Part]:
    b, n = figure.build, LIMB[detail]
    chain = (j.hip[side], j.knee[side], j.ankle[side])
    cloth = {"trousers": 2.06, "shorts": 0.85, "skirt": 0.3}[figure.legs]
    cut = TROUSERS if figure.legs == "trousers" and figure.leather != "suit" else LEG
    path, radii = _chain(chain, cut, detail, 0.0, cloth, b.girth)
    parts = [tube(path, radii, n, Material.BOTTOM)]
    if cloth < 1.9:
        path, radii = _chain(chain, LEG, detail, cloth - 0.05, 2.04, b.girth * 0.88)
        parts.append(tube(path, radii, n, Material.SKIN))
    toe = j.toe[side] / np.linalg.norm(j.toe[side])
    up = np.array([-toe[2], 0.0, np.hypot(toe[0], toe[1])])
    size = b.ankle_m / 0.085
    sole = j.ankle[side] - up * (b.ankle_m - 0.04 * size)
    foot = [sole - toe * 0.075 * size, sole - toe * 0.05 * size, sole + toe * 0.04 * size, sole + toe * 0.13 * size,
            sole + toe * 0.185 * size]  # fmt: skip
    girth = np.array([[0.028, 0.026], [0.04, 0.044], [0.045, 0.046], [0.05, 0.034], [0.03, 0.022]]) * size
    keep = [0, 1, 2, 3, 4] if detail == 0 else [0, 2, 4]
    foot_path = np.array(foot)[keep] - up * (0.04 * size - girth[keep, 1:])
    parts.append(tube(foot_path, girth[keep] * [1.0, 1.0], n, Material.SHOE))
    return parts


def _arm(figure: Figure, j: Joints, side: int, detail: int) -> list[Part]:
    b, n = figure.build, LIMB[detail]
    chain = (j.shoulder[side], j.elbow[side], j.wrist[side])
    cloth = 1.92 if figure.sleeves == "long" else 0.62
    scale = b.girth * (1.12 if figure.coat_m > 0.0 else 1.0)
    path, radii = _chain(chain, ARM, detail, -0.09, cloth, scale * 1.06)
    parts = [tube(path, radii, n, Material.TOP)]
    if cloth < 1.9:
        path, radii = _chain(chain, ARM, detail, cloth - 0.05, 1.95, b.girth * 0.92)
        parts.append(tube(path, radii, n, Material.SKIN))
    along = (chain[2] - chain[1]) / np.linalg.norm(chain[2] - chain[1])
    size = b.forearm_m / 0.255
    hand = [chain[2] - along * 0.02, chain[2] + along * 0.03 * size, chain[2] + along * 0.10 * size,
            chain[2] + along * 0.165 * size]  # fmt: skip
    girth = np.array([[0.022, 0.028], [0.023, 0.042], [0.02, 0.04], [0.012, 0.02]]) * size
    keep = [0, 1, 2, 3] if detail < 2 else [0, 3]
    parts.append(tube(np.array(hand)[keep], girth[keep] if detail < 2 else girth[[1, 2]], max(n - 2, 4), Material.SKIN))
    return parts


def _bag(figure: Figure, j: Joints, detail: int) -> Part:
    spine = j.chest - j.pelvis
    n = AROUND[detail]
    if figure.bag == "backpack":
        centre = j.pelvis + spine * 0.68 - [0.17, 0.0, 0.0]
        return ellipsoid(centre, (0.11, 0.15, 0.24), Material.BAG, n)
    centre = j.pelvis + spine * 0.05 + np.array([0.02, 0.22, 0.0])
    return ellipsoid(centre, (0.14, 0.055, 0.12), Material.BAG, n)


def build_person(figure: Figure, phase: int | None) -> Body:
    """A figure in walk phase 0..7, or standing (None). Scaled to stand on z = 0 at exactly its height."""
    joints = upright(figure.build, None if phase is None else 2.0 * np.pi * phase / WALK_PHASES)
    lods = []
    lift = 0.0
    for detail in range(3):
        parts = figure_parts(figure, joints, detail)
        if detail == 0:
            lift = -min(float(p.points_m[:, 2].min()) for p in parts)
        lods.append([p.moved((0.0, 0.0, lift)) for p in parts])
    name = f"{figure.name}@{'stand' if phase is None else phase}"
    frame = ChartFrame(1.0, 1.0, figure.build.height_m)
    return Body(name, Tag.PEDESTRIANS, frame, (lods[0], lods[1], lods[2]), pose=phase or 0)


def build_people() -> list[Body]:
    """Every figure, walking and standing."""
    return [build_person(figure, phase) for figure in FIGURES for phase in (*range(WALK_PHASES), None)]
