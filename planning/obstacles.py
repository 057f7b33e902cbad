"""Other road users seen along the reference: where each forecast is in Frenet coordinates, and what it blocks when.

Every track becomes an upright box in (s, d): half sizes projected on the line's direction. For one lateral position of
the ego the boxes that come into its corridor turn into *blocks*: an arc length to stay behind at each time. A thing
that moves along with the lane blocks while it is (or soon will be) in the corridor; a thing that crosses blocks from
now
until it has left, unless the ego is through before it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray, VehicleModel
from perception.objects import IntArray, ObjectClass, Tracks
from planning.network import wrap_array
from planning.records import Forecasts
from planning.reference import Reference
from planning.speed import PLAN_STEP_S

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ObstacleConfig:
    """What counts as being in the way."""

    min_age: int = 2  # frames; a thing seen once may be noise
    max_misses: int = 8  # frames since it was last detected (0.8 s at 10 Hz)
    sure_score: float = 0.25  # a track below this is believed only ...
    weak_age: int = 6  # ... when it has a class and has been there for so many frames, or is near,
    fast_mps: float = 3.0  # a nameless thing that moves like this for so long is real, too
    weak_misses: int = 1  # ... and was detected in this frame or the last
    near_m: float = 12.0  # one second at town speed
    view_m: float = 40.0  # as far as the front camera names vehicles ...
    view_side: float = 0.85  # ... within this tangent of straight ahead
    view_score: float = 0.2  # a vehicle there that scores less was seen by the LiDAR alone: clutter, nine times of ten
    widest_m: float = 3.2  # a nameless box wider than any vehicle is a house or a hedge, whatever its track says
    solid_m: float = 8.0  # what has no class, stands in view and so near ...
    solid_age: int = 10  # ... for so many frames is solid all the same
    margin_m: float = 0.3  # free space beside the car
    walker_margin_m: float = 0.7  # people are given more room
    std_share: float = 0.5  # of the forecast's standard deviation, added to the margin ...
    std_most_m: float = 0.4  # ... but no more than this, or nothing could ever be passed
    min_probability: float = 0.2  # hypotheses less likely only count for the next ``sure_s``
    sure_s: float = 0.4
    lookahead_s: float = 1.5  # a cut-in is answered this long before it enters the corridor
    before_s: float = 1.2  # pass in front of a crosser only with this much time to spare
    after_s: float = 0.5  # and behind it with this much
    crossing_slope: float = 0.84  # speed across over speed along: 40 degrees; less is a merge, more a crossing
    moving_mps: float = 0.5
    crossing_mps: float = 1.0  # across the line; slower vehicles are waited for like standing ones
    walker_crossing_mps: float = 0.3  # across the line; less is walking along it
    firm_s: float = 2.5  # a crossing further ahead in time is a reason for comfortable braking only
    far_m: float = 120.0


@dataclass(frozen=True)
class Obstacles:
    """Forecasts along the reference: n tracks, m hypotheses, h times.

    ids, classes (n,); s_m, d_m (n, m, h) of the centre; half_s_m, half_d_m (n, m, h); v_s_mps, v_d_mps (n, m, h);
    heading_rad (n, m, h) relative to the line; margin_m (n, m, h); counts (n, m, h) 1 where a hypothesis is
    considered at a time, else 0.
    """

    ids: IntArray
    classes: IntArray
    speed_mps: FloatArray
    s_m: FloatArray
    d_m: FloatArray
    half_s_m: FloatArray
    half_d_m: FloatArray
    v_s_mps: FloatArray
    v_d_mps: FloatArray
    heading_rad: FloatArray
    margin_m: FloatArray
    counts: FloatArray
    times_s: FloatArray


def select(tracks: Tracks, vehicle: VehicleModel, config: ObstacleConfig) -> IntArray:
    """Rows of the tracks that are believed: finite, seen often enough or close, and not the ego itself."""
    ego = tracks.ego.world_from_ego
    rel = (tracks.boxes_world_m[:, :2] - ego[:2, 3]) @ ego[:2, :2]  # (n, 2) in the ego frame
    finite = np.isfinite(tracks.boxes_world_m).all(1) & np.isfinite(tracks.velocity_world_mps).all(1)
    inside = (np.abs(rel[:, 0]) < 0.4 * vehicle.length_m) & (np.abs(rel[:, 1]) < 0.4 * vehicle.width_m)
    with np.errstate(invalid="ignore"):
        distance = np.hypot(rel[:, 0], rel[:, 1])
        sure = (tracks.scores >= config.sure_score) & (tracks.misses <= config.max_misses)
        fast = np.hypot(*tracks.velocity_world_mps.T) > config.fast_mps
        named = tracks.classes != ObjectClass.UNKNOWN
        view = (rel[:, 0] > 2.0) & (np.abs(rel[:, 1]) < config.view_side * rel[:, 0]) & (distance < config.view_m)
        solid = (distance < config.solid_m) & (tracks.age >= config.solid_age)
        vehicle_like = (tracks.classes != ObjectClass.PEDESTRIAN) & (tracks.scores < config.view_score)
        grown = np.where(named | fast, tracks.age >= config.weak_age, False) | (distance < config.near_m)
        weak = grown & (tracks.misses <= config.weak_misses) & ~(view & vehicle_like & ~solid)
        scenery = ~named & (tracks.boxes_world_m[:, 3:5].min(1) > config.widest_m)
        keep = finite & ~inside & ~scenery & (tracks.age >= config.min_age) & (sure | weak) & (distance < config.far_m)
    return np.flatnonzero(keep)


def take(tracks: Tracks, rows: IntArray) -> Tracks:
    """The same tracks, only some rows."""
    return Tracks(
        tracks.index, tracks.t_us, tracks.ego, tracks.ids[rows], tracks.boxes_world_m[rows],
        tracks.velocity_world_mps[rows], tracks.yaw_rate_radps[rows], tracks.scores[rows], tracks.classes[rows],
        tracks.age[rows], tracks.misses[rows], tracks.covariance[rows], tracks.lights,
    )  # fmt: skip


def along_reference(
    tracks: Tracks, forecasts: Forecasts, reference: Reference, s_m: float, config: ObstacleConfig
) -> Obstacles:
    """The forecasts in Frenet coordinates, searched from 30 m behind the ego to 150 m ahead."""
    means = forecasts.means_world_m  # (n, m, h, 3)
    n, m, h = means.shape[:3]
    s, d = reference.project(means[..., :2].reshape(-1, 2), s_m - 30.0, s_m + 150.0)
    s, d = s.reshape(n, m, h), d.reshape(n, m, h)
    _, line_yaw, _ = reference.at(s)
    heading = wrap_array(means[..., 2] - line_yaw)
    length, width = forecasts.half_size_m[:, 0, None, None], forecasts.half_size_m[:, 1, None, None]
    step = forecasts.times_s[1] - forecasts.times_s[0]
    v = np.gradient(means[..., :2], step, axis=2)  # (n, m, h, 2)
    c, si = np.cos(line_yaw), np.sin(line_yaw)
    base = np.where(tracks.classes == ObjectClass.PEDESTRIAN, config.walker_margin_m, config.margin_m)
    sure = forecasts.times_s <= config.sure_s
    likely = forecasts.probabilities >= config.min_probability
    counts = likely[..., None] | (sure & (forecasts.probabilities > 0.0)[..., None])
    return Obstacles(
        ids=tracks.ids,
        classes=tracks.classes,
        speed_mps=np.hypot(tracks.velocity_world_mps[:, 0], tracks.velocity_world_mps[:, 1]),
        s_m=s,
        d_m=d,
        half_s_m=np.abs(np.cos(heading)) * length + np.abs(np.sin(heading)) * width,
        half_d_m=np.abs(np.sin(heading)) * length + np.abs(np.cos(heading)) * width,
        v_s_mps=v[..., 0] * c + v[..., 1] * si,
        v_d_mps=-v[..., 0] * si + v[..., 1] * c,
        heading_rad=heading,
        margin_m=base[:, None, None] + np.minimum(config.std_share * forecasts.std_m, config.std_most_m),
        counts=counts.astype(np.float64),
        times_s=forecasts.times_s,
    )


@dataclass(frozen=True)
class Blocks:
    """Arc lengths (k, plan steps) that the ego origin must stay behind (inf: nothing), the speed of what is there,
    whether it is there at that time (1) or only will be soon (0), and the row of the obstacle."""

    s_m: FloatArray
    speed_mps: FloatArray
    firm: FloatArray
    row: IntArray


def blocks(
    obstacles: Obstacles, free_s_m: FloatArray, offset_m: FloatArray, vehicle: VehicleModel, config: ObstacleConfig
) -> Blocks:
    """What blocks an ego that would be at ``free_s_m`` (h,) and ``offset_m`` (h,) at the forecast times if nothing were
    there."""
    half_l, half_w = 0.5 * vehicle.length_m, 0.5 * vehicle.width_m
    o, times = obstacles, obstacles.times_s
    near, far = o.s_m - o.half_s_m, o.s_m + o.half_s_m  # (n, m, h)
    gap = np.abs(o.d_m - offset_m) - o.half_d_m - half_w - o.margin_m
    front = free_s_m[0] + half_l
    ahead = near[..., 0] > front - 0.5
    # what is beside the ego may still cut in, if it is further ahead than the ego and moves along
    beside = ~ahead & (o.s_m[..., 0] > free_s_m[0]) & (gap[..., 0] > -0.2) & (o.v_s_mps[..., 0] > 0.0)
    hit = (gap < 0.0) & (o.counts > 0.0) & (ahead | beside)[..., None] & (far > free_s_m[0] - half_l)
    rows: list[int] = []
    found: list[FloatArray] = []
    for i, j in np.argwhere(hit.any(axis=2)):
        if _crosses(o, i, j, int(np.argmax(hit[i, j])), config):
            block = _crossing_block(o, i, j, hit[i, j], near[i, j], far[i, j], free_s_m, half_l, config)
        else:
            block = _leading_block(o.v_s_mps[i, j], hit[i, j], near[i, j] - half_l, times, config)
        if block is not None:
            rows.append(int(i))
            found.append(block)
    if not rows:
        nothing = np.zeros((0, 0))
        return Blocks(nothing, nothing, nothing, np.zeros(0, np.int64))
    return Blocks(*_on_plan_grid(np.array(found), times), np.array(rows, np.int64))


def _crosses(o: Obstacles, i: int, j: int, first: int, config: ObstacleConfig) -> bool:
    if o.speed_mps[i] <= config.moving_mps:
        return False
    if o.classes[i] == ObjectClass.PEDESTRIAN:
        return bool(abs(o.v_d_mps[i, j, 0]) > config.walker_crossing_mps)
    # by the motion, not by the box: the yaw of a slow car's box turns with every missed corner
    across, along = abs(o.v_d_mps[i, j, first]), abs(o.v_s_mps[i, j, first])
    return bool(across > max(config.crossing_slope * along, config.crossing_mps))


def _crossing_block(
    o: Obstacles, i: int, j: int, flags: BoolArray, near: FloatArray, far: FloatArray, free_s_m: FloatArray,
    half_l: float, config: ObstacleConfig,
) -> FloatArray | None:  # fmt: skip
    """(3, h) arc length, speed, firmness: wait before the crossing until it is free; None where the ego is through
    before."""
    times = o.times_s
    h = len(times)
    first, last = int(np.argmax(flags)), h - 1 - int(np.argmax(flags[::-1]))
    through = int(np.searchsorted(free_s_m, float(far[first : last + 1].max()) + half_l))
    if first > 0 and through < h and times[through] + config.before_s < times[first]:
        return None
    out = np.zeros((3, h))
    until = times[last] + config.after_s if last < h - 1 else np.inf
    out[0] = np.where(times <= until, float(near[first : last + 1].min()) - half_l, np.inf)
    out[2] = float(times[first] <= config.firm_s)
    return out


def _leading_block(
    v_s_mps: FloatArray, flags: BoolArray, s_m: FloatArray, times: FloatArray, config: ObstacleConfig
) -> FloatArray:
    """(3, h) arc length, speed, firmness: stay behind while it is in the corridor, and a little before it comes."""
    h = len(times)
    first, last = int(np.argmax(flags)), h - 1 - int(np.argmax(flags[::-1]))
    there = flags.copy()
    there[first : last + 1] |= v_s_mps[first : last + 1] > 1.0
    active = there.copy()
    for k in range(1, int(config.lookahead_s / (times[1] - times[0]) + 0.5) + 1):
        active[: h - k] |= flags[k:]
    return np.stack([np.where(active, s_m, np.inf), np.where(active, v_s_mps, 0.0), there.astype(np.float64)])


def _on_plan_grid(found: FloatArray, times_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(k, 3, h) on the forecast grid -> each (k, steps) on the plan's; arc lengths move on between two samples."""
    grid = np.arange(0.0, times_s[-1] + 1e-9, PLAN_STEP_S)
    row = np.minimum((grid / (times_s[1] - times_s[0]) + 1e-6).astype(np.int64), len(times_s) - 1)
    rest = grid - times_s[row]
    s, v, firm = (np.ascontiguousarray(found[:, k, row]) for k in range(3))
    return s + v * rest, v, firm
