"""Two-wheelers that nobody rides, on their stands: for the map's parked ones.

The models stand upright, and whoever parks them leans them by ``LEAN_RAD`` on a side stand that is as long as that
asks; scooters stand upright on a centre stand.
"""

from __future__ import annotations

import math

import numpy as np

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.cycle_parts import METAL, PLASTIC, TUBE, Cycle
from sim.server.scene.bodies.cycles import CYCLES, paint_cycle, wheel_parts
from sim.server.scene.bodies.parts import Part, box, tube

SUFFIX = "_parked"
LEAN_RAD = {"bicycle": 0.11, "racing_bicycle": 0.11, "city_bicycle": 0.09, "cruiser": 0.17, "sport_bike": 0.19}
"""To the left, as side stands let them; others stand upright."""
CRANK_RAD = 0.5
"""Of the right crank, before the top: one pedal is up and forward, as it was when its rider got off."""
STAND_OUT_M = {"bicycle": 0.20, "racing_bicycle": 0.20, "city_bicycle": 0.20, "cruiser": 0.30, "sport_bike": 0.28}


def build_parked_cycle(c: Cycle) -> Body:
    """A two-wheeler on its stand, centred over its length."""
    lods = []
    shift = 0.0
    for detail in range(3):
        machine = [p.scaled(c.stretch) for p in c.build(c, detail)]
        parts = [*machine, *(p.turning(0) for p in wheel_parts(c, detail)), *_pedals(c, detail), *_stand(c, detail)]
        if detail == 0:
            x = np.concatenate([p.points_m[:, 0] for p in parts])
            shift = -float(x.max() + x.min()) / 2
        lods.append([p.moved((shift, 0.0, 0.0)) for p in parts])
    length, width, height = np.ptp(np.concatenate([p.points_m for p in lods[0]]), axis=0)
    frame = ChartFrame(float(length), float(width), float(height))
    return Body(c.name + SUFFIX, c.tag, frame, (lods[0], lods[1], lods[2]), paint_cycle(c, frame))


def _pedals(c: Cycle, detail: int) -> list[Part]:
    """Cranks and pedals, which elsewhere come with the rider's feet."""
    if c.crank_m == 0.0:
        return []
    parts = []
    for s in (-1.0, 1.0):
        axle = np.array([c.feet[0], s * c.feet[1] * 0.6, c.feet[2]]) * c.stretch
        turn = CRANK_RAD if s > 0.0 else CRANK_RAD + math.pi
        tip = axle + c.crank_m * np.array([math.sin(turn) * c.stretch[0], 0.0, math.cos(turn) * c.stretch[2]])
        parts.append(tube([axle, tip], 0.014, TUBE[detail], METAL))
        low, high = sorted((tip[1], tip[1] + s * 0.09))
        parts.append(box((tip[0] - 0.045, low, tip[2] - 0.012), (tip[0] + 0.045, high, tip[2] + 0.012), PLASTIC))
    return parts


def _stand(c: Cycle, detail: int) -> list[Part]:
    """Side stand that reaches the ground once the machine leans; of a scooter two legs."""
    n = TUBE[detail]
    if c.name not in LEAN_RAD:
        foot = [[(-0.10, s * 0.06, 0.24), (-0.16, s * 0.15, 0.008)] for s in (-1.0, 1.0)]
        return [tube(legs, 0.012, n, METAL) for legs in foot]
    lean, out = LEAN_RAD[c.name], STAND_OUT_M[c.name]
    x = (c.hubs[1] * 0.45 if c.crank_m else -0.15) * c.stretch[0]
    top = (x, -0.03, c.radius_m * c.stretch[2] * (0.8 if c.crank_m else 0.95))
    end = (x + (-0.05 if c.crank_m else 0.10), -out * math.cos(lean), out * math.sin(lean) + 0.004)
    return [tube([top, end], 0.009 if c.crank_m else 0.014, n, METAL)]


def build_parked_cycles() -> list[Body]:
    """Every two-wheeler on its stand."""
    return [build_parked_cycle(c) for c in CYCLES]
