"""Things that stand about: one metre in every direction, scaled by the world to the size of the blueprint."""

from __future__ import annotations

from sim.server.scene.bodies.body import Body, fit
from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.parts import Part, box, ellipsoid, lathe, tube
from sim.server.scene.mesh import Material, Tag

ROUND = (20, 12, 8)
PROP, METAL, PLASTIC, CARGO = Material.PROP, Material.METAL, Material.PLASTIC, Material.CARGO


def cone(n: int) -> list[Part]:
    """Traffic cone with white bands on a square foot."""
    bands = [(0.06, 0.3, PROP), (0.3, 0.5, CARGO), (0.5, 0.68, PROP), (0.68, 0.84, CARGO), (0.84, 1.0, PROP)]
    rings = [lathe([(0.34 - 0.29 * a, a), (0.34 - 0.29 * b, b)], n, kind) for a, b, kind in bands]
    return [box((-0.5, -0.5, 0.0), (0.5, 0.5, 0.06), PLASTIC), *rings]


def barrel(n: int) -> list[Part]:
    """Upright drum with two beads."""
    return [lathe([(0.47, 0.0), (0.48, 0.3), (0.5, 0.33), (0.48, 0.36), (0.48, 0.64), (0.5, 0.67), (0.48, 0.7),
                   (0.47, 0.98), (0.43, 1.0)], n, PROP)]  # fmt: skip


def barrier(n: int) -> list[Part]:
    """Board on two feet."""
    feet = [box((-0.5, y - 0.04, 0.0), (0.5, y + 0.04, 0.07), PLASTIC) for y in (-0.4, 0.4)]
    posts = [box((-0.06, y - 0.03, 0.05), (0.06, y + 0.03, 0.95), METAL) for y in (-0.4, 0.4)]
    boards = [box((-0.1, -0.5 + k * 0.2, 0.62), (0.1, -0.3 + k * 0.2, 1.0), (PROP, CARGO)[k % 2]) for k in range(5)]
    return [*feet, *posts, *boards, box((-0.08, -0.48, 0.3), (0.08, 0.48, 0.42), PROP)]


def crate(n: int) -> list[Part]:
    """Box with a slightly wider lid."""
    return [box((-0.48, -0.48, 0.0), (0.48, 0.48, 0.9), PROP), box((-0.5, -0.5, 0.9), (0.5, 0.5, 1.0), PROP)]


def bench(n: int) -> list[Part]:
    """Seat of slats with a back rest, facing forward."""
    slats = [box((x, -0.5, 0.46), (x + 0.2, 0.5, 0.52), PROP) for x in (-0.3, -0.05, 0.2)]
    back = [box((-0.5, -0.5, z), (-0.4, 0.5, z + 0.15), PROP) for z in (0.62, 0.85)]
    legs = [box((x, y - 0.04, 0.0), (x + 0.1, y + 0.04, 0.47), METAL) for y in (-0.4, 0.4) for x in (-0.45, 0.4)]
    rests = [box((-0.42, y - 0.03, 0.4), (-0.34, y + 0.03, 1.0), METAL) for y in (-0.4, 0.4)]
    return [*slats, *back, *legs, *rests]


def table(n: int) -> list[Part]:
    """Top on four legs."""
    legs = [
        box((x - 0.05, y - 0.05, 0.0), (x + 0.05, y + 0.05, 0.92), METAL) for x in (-0.42, 0.42) for y in (-0.42, 0.42)
    ]
    return [box((-0.5, -0.5, 0.91), (0.5, 0.5, 1.0), PROP), *legs]


def chair(n: int) -> list[Part]:
    """Seat, back and four legs."""
    legs = [
        box((x - 0.05, y - 0.05, 0.0), (x + 0.05, y + 0.05, 0.5), PROP) for x in (-0.42, 0.42) for y in (-0.42, 0.42)
    ]
    return [box((-0.5, -0.5, 0.49), (0.5, 0.5, 0.56), PROP), box((-0.5, -0.46, 0.55), (-0.4, 0.46, 1.0), PROP), *legs]


def litter_bin(n: int) -> list[Part]:
    """Round bin with a dark opening and a lid."""
    return [
        lathe([(0.4, 0.0), (0.46, 0.72)], n, PROP),
        lathe([(0.36, 0.7), (0.36, 0.86)], n, PLASTIC),
        lathe([(0.5, 0.85), (0.48, 0.92), (0.3, 1.0)], n, PROP),
    ]


def sign(n: int) -> list[Part]:
    """Upright board on a post, its face forward."""
    return [
        lathe([(0.5, 0.0), (0.4, 0.03)], n, PLASTIC),
        box((-0.2, -0.04, 0.02), (0.2, 0.04, 0.9), METAL),
        box((0.1, -0.5, 0.45), (0.35, 0.5, 1.0), PROP),
        box((0.34, -0.4, 0.52), (0.5, 0.4, 0.93), CARGO),
    ]


def plant(n: int) -> list[Part]:
    """Flower pot with a round shrub in it."""
    shrub = [ellipsoid(c, r, PROP, n) for c, r in (((0, 0, 0.7), (0.42, 0.42, 0.3)),
        ((0.14, 0.1, 0.6), (0.36, 0.36, 0.24)),
                                                   ((-0.14, -0.12, 0.58), (0.36, 0.36, 0.24)))]  # fmt: skip
    return [lathe([(0.3, 0.0), (0.42, 0.4), (0.45, 0.4), (0.45, 0.46)], n, CARGO), *shrub]


def tree(n: int) -> list[Part]:
    """Trunk with a tall crown."""
    crown = lathe([(0.1, 0.2), (0.5, 0.32), (0.46, 0.55), (0.3, 0.8), (0.05, 1.0)], n, PROP)
    return [lathe([(0.09, 0.0), (0.06, 0.4)], max(n // 2, 5), PLASTIC), crown]


def post(n: int) -> list[Part]:
    """Stout post with a head."""
    return [lathe([(0.3, 0.0), (0.22, 0.1), (0.18, 0.55)], n, METAL), box((-0.5, -0.5, 0.5), (0.5, 0.5, 0.95), PROP),
            box((-0.4, -0.4, 0.95), (0.4, 0.4, 1.0), PROP)]  # fmt: skip


def shelter(n: int) -> list[Part]:
    """Roof on posts with a glazed back wall."""
    posts = [
        box((x - 0.03, y - 0.015, 0.0), (x + 0.03, y + 0.015, 0.95), METAL)
        for x in (-0.42, 0.42)
        for y in (-0.47, 0.47)
    ]
    return [
        *posts,
        box((-0.5, -0.5, 0.93), (0.5, 0.5, 1.0), PROP),
        box((-0.44, -0.46, 0.08), (-0.4, 0.46, 0.9), Material.GLASS),
    ]


def bag(n: int) -> list[Part]:
    """Soft heap, tied at the top."""
    return [lathe([(0.3, 0.0), (0.47, 0.1), (0.5, 0.35), (0.36, 0.62), (0.12, 0.8), (0.1, 0.86), (0.2, 1.0)], n, PROP)]


def cart(n: int) -> list[Part]:
    """Basket on four wheels with a handle at the back."""
    wheels = [lathe([(0.07, -0.03), (0.07, 0.03)], n, Material.TYRE, axis=1).moved((x, y, 0.07))
              for x in (-0.34, 0.34) for y in (-0.38, 0.38)]  # fmt: skip
    handle = tube([(-0.38, -0.4, 0.95), (-0.46, 0.0, 0.97), (-0.38, 0.4, 0.95)], 0.04, 6, PROP)
    legs = [
        box((x - 0.03, y - 0.03, 0.07), (x + 0.03, y + 0.03, 0.45), METAL) for x in (-0.34, 0.34) for y in (-0.36, 0.36)
    ]
    return [box((-0.42, -0.5, 0.4), (0.5, 0.5, 0.85), METAL), *wheels, *legs, handle]


SHAPES = {
    "prop_cone": cone, "prop_barrel": barrel, "prop_barrier": barrier, "prop_box": crate, "prop_bench": bench,
    "prop_table": table, "prop_chair": chair, "prop_bin": litter_bin, "prop_sign": sign, "prop_plant": plant,
    "prop_tree": tree, "prop_post": post, "prop_shelter": shelter, "prop_bag": bag, "prop_cart": cart,
}  # fmt: skip


def build_props() -> list[Body]:
    """Every prop shape, one metre long, wide and high."""
    bodies = []
    for name, build in SHAPES.items():
        lods = [fit(build(n), (1.0, 1.0, 1.0))[0] for n in ROUND]
        bodies.append(Body(name, Tag.STATIC, ChartFrame(1.0, 1.0, 1.0), (lods[0], lods[1], lods[2])))
    return bodies
