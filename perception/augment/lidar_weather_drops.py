"""Rain, snow and fog in LiDAR sweeps after Kilic, Hegde, Sindagi, Cooper, Foster, Patel, "Lidar Light Scattering
Augmentation (LISA)" (arXiv 2107.07004).

All particles together weaken the target, P = rho exp(-2 alpha R) / R^2; alpha by Mie's theory from the distribution of
sizes. A single drop of diameter D at r answers with P = rho_w exp(-2 alpha r) / r^2 min((D / b)^2, 1), where b is the
width of the beam there and rho_w what water or ice reflects; the strongest return wins. Returns below
P_min = 0.9 / R_max^2 are lost, the others spread in range by sigma = dR / sqrt(2 SNR), SNR = P / P_min.

The paper throws every drop into the beam. Drops are a Poisson process, so the number of drops that answer more
strongly than p from before R is a Poisson number with mean

    M(p, R) = integral over r of N(D > D_p(r)) pi b(r)^2 / 4,  D_p(r): the smallest drop that answers with p,

and the strongest answer p* obeys P(p* < p) = exp(-M(p, R)). Drawing p* from a table of M, and its place from where
M comes from, gives what throwing gives, at the price of one draw a ray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from numba import njit

from perception.augment.lidar_weather import KEPT_SHARE, Fate, Float32, Returns
from perception.augment.lidar_weather_mie import ICE_INDEX, WATER_INDEX, extinction_pm

Float64 = npt.NDArray[np.float64]

SMALLEST_M = 50e-6
"""Smaller particles are too many to be single returns; the paper leaves them to the extinction."""
LARGEST_RAIN_M, LARGEST_SNOW_M = 8e-3, 20e-3
"""Larger drops burst, larger flakes are rare beyond what an exponential says."""
WATER_REFLECTS = ((WATER_INDEX - 1.0) / (WATER_INDEX + 1.0)) ** 2
ICE_REFLECTS = ((ICE_INDEX - 1.0) / (ICE_INDEX + 1.0)) ** 2
POWERS, PLACES = 96, 128
_KEPT, _ATTENUATED = np.uint8(Fate.KEPT), np.uint8(Fate.ATTENUATED)
_SCATTERED, _LOST = np.uint8(Fate.SCATTERED), np.uint8(Fate.LOST)
GAMMA_FOGS = {
    # drops per cm^3, alpha, gamma, mode radius um (Rasshofer, Spies, Spies 2011, as LISA has them)
    "strong advection": (20.0, 3.0, 1.0, 10.0),
    "moderate advection": (20.0, 3.0, 1.0, 8.0),
    "chu hogg": (20.0, 2.0, 0.5, 1.0),
}


@dataclass(frozen=True)
class Drops:
    """Particles of exponentially distributed size, N(D) = intercept exp(-slope D).

    intercept_pm4: 1/(m^3 m); 0: none large enough to be a return. slope_pm: 1/m. extinction_pm: alpha, 1/m.
    reflects: share of the light that comes back from one particle that fills the beam. divergence_rad: full width of
    the beam. max_range_m: a white target there is just seen. range_accuracy_m: dR of the range noise (0: none).
    """

    intercept_pm4: float
    slope_pm: float
    extinction_pm: float
    reflects: float = WATER_REFLECTS
    largest_m: float = LARGEST_RAIN_M
    divergence_rad: float = 3e-3
    min_range_m: float = 1.5
    max_range_m: float = 200.0
    range_accuracy_m: float = 0.09

    @staticmethod
    def rain(rate_mm_per_h: float, **sensor: float) -> Drops:
        """Marshall and Palmer's rain of this rate. ``sensor``: any other field. Raises ValueError."""
        rate = _positive("rain", rate_mm_per_h)
        intercept, slope = 8000e3, 4.1e3 * rate**-0.21
        sensor.setdefault("extinction_pm", _exponential(intercept, slope, LARGEST_RAIN_M, WATER_INDEX))
        return Drops(intercept, slope, **sensor)

    @staticmethod
    def snow(rate_mm_per_h: float, **sensor: float) -> Drops:
        """Gunn and Marshall's snow of this rate of melted water. ``sensor``: any other field. Raises ValueError."""
        rate = _positive("snow", rate_mm_per_h)
        intercept, slope = 7.6e6 * rate**-0.87, 2.55e3 * rate**-0.48
        sensor.setdefault("extinction_pm", _exponential(intercept, slope, LARGEST_SNOW_M, ICE_INDEX))
        return Drops(intercept, slope, **({"reflects": ICE_REFLECTS, "largest_m": LARGEST_SNOW_M} | sensor))

    @staticmethod
    def fog(kind: str = "strong advection", **sensor: float) -> Drops:
        """Fog of one of ``GAMMA_FOGS``: it weakens, but no drop of it is a return. Raises ValueError."""
        if kind not in GAMMA_FOGS:
            raise ValueError(f"fog: expected one of {', '.join(GAMMA_FOGS)}, got {kind!r}")
        number, alpha, gamma, mode_um = GAMMA_FOGS[kind]
        b = alpha / (gamma * mode_um**gamma)
        a = gamma * number * b ** ((alpha + 1.0) / gamma) / math.gamma((alpha + 1.0) / gamma)  # 1 / (cm^3 um)

        def density(diameter_m: Float64) -> Float64:
            radius_um = diameter_m * 0.5e6
            return a * radius_um**alpha * np.exp(-b * radius_um**gamma) * 1e6 * 0.5e6

        sensor.setdefault("extinction_pm", extinction_pm(density, 0.1e-6, 400e-6))
        return Drops(0.0, 1.0, **sensor)

    @property
    def weakest(self) -> float:
        """P_min: the weakest return that is told from noise."""
        return 0.9 / self.max_range_m**2

    def table(self) -> DropTable:
        """The table of M for these drops; a few milliseconds."""
        return DropTable.of(self)

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """See ``WeatherModel``."""
        return self.table().strike(range_m, reflectivity, rng)


def _positive(what: str, rate: float) -> float:
    if not 0.0 < rate <= 1000.0:
        raise ValueError(f"{what}: rate_mm_per_h must be within 0..1000 and not 0, got {rate}")
    return rate


def _exponential(intercept: float, slope: float, largest_m: float, index: float) -> float:
    return extinction_pm(lambda d: intercept * np.exp(-slope * d), SMALLEST_M, largest_m, index)


@dataclass(frozen=True)
class DropTable:
    """M by power (rows, log-spaced upwards from P_min) and range (columns, log-spaced from the shortest)."""

    drops: Drops
    log_power: Float64 = field(repr=False)
    log_range: Float64 = field(repr=False)
    mean: Float64 = field(repr=False)

    @staticmethod
    def of(drops: Drops) -> DropTable:
        """Integrates over range."""
        d = drops
        near = d.min_range_m
        # the largest drop answers with P_min from here at most (the extinction only brings it nearer)
        far = (d.largest_m / d.divergence_rad) ** 0.5 * (d.reflects / d.weakest) ** 0.25
        far = max(min(far, (d.reflects / d.weakest) ** 0.5, d.max_range_m), near * 1.01)
        r = np.geomspace(near, far, PLACES)
        power = np.geomspace(d.weakest, max(d.reflects / near**2, d.weakest * 2.0), POWERS)
        width = d.divergence_rad * r
        whole = d.reflects * np.exp(-2.0 * d.extinction_pm * r) / r**2  # of a drop that fills the beam
        least = np.maximum(SMALLEST_M, width * np.sqrt(power[:, None] / whole))
        least = np.where(power[:, None] <= whole, least, np.inf)
        tail = np.exp(-d.slope_pm * least) - math.exp(-d.slope_pm * d.largest_m)
        flux = d.intercept_pm4 / d.slope_pm * np.maximum(tail, 0.0) * math.pi / 4.0 * width**2
        steps = 0.5 * (flux[:, 1:] + flux[:, :-1]) * np.diff(r)
        mean = np.concatenate([np.zeros((POWERS, 1)), np.cumsum(steps, axis=1)], axis=1)
        return DropTable(d, np.log(power), np.log(r), np.ascontiguousarray(mean))

    def expected(self, power: float, range_m: float) -> float:
        """M: mean number of drops nearer than ``range_m`` that answer more strongly than ``power``."""
        return float(_mean(self.mean, *self._axes(), math.log(power), math.log(range_m)))

    def _axes(self) -> tuple[float, float, float, float]:
        p, r = self.log_power, self.log_range
        return float(p[0]), float(1.0 / (p[1] - p[0])), float(r[0]), float(1.0 / (r[1] - r[0]))

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """See ``WeatherModel``."""
        n, d = len(range_m), self.drops
        chance = rng.standard_exponential(n, dtype=np.float32)
        place = rng.random(n, dtype=np.float32)
        noise = rng.standard_normal(n if d.range_accuracy_m > 0.0 else 0, dtype=np.float32)
        out = Returns(np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8))
        _strike(
            range_m, reflectivity, chance, place, noise, self.mean, *self._axes(), d.extinction_pm, d.weakest,
            d.range_accuracy_m, out.range_m, out.strength, out.fate,
        )  # fmt: skip
        return out


@njit(cache=True, nogil=True)
def _mean(mean, p0, per_p, r0, per_r, log_p, log_r):  # type: ignore[no-untyped-def]
    """M between the nodes of its table; none beyond its strongest power or before its shortest range."""
    rows, columns = mean.shape
    x = min((log_r - r0) * per_r, columns - 1.0)
    y = max((log_p - p0) * per_p, 0.0)
    if x <= 0.0 or y >= rows - 1:
        return 0.0
    i, j = min(int(x), columns - 2), int(y)
    u, v = x - i, y - j
    return (1.0 - v) * ((1.0 - u) * mean[j, i] + u * mean[j, i + 1]) + v * (
        (1.0 - u) * mean[j + 1, i] + u * mean[j + 1, i + 1]
    )


@njit(cache=True, nogil=True)
def _strongest(mean, p0, per_p, r0, per_r, log_p, log_r, chance):  # type: ignore[no-untyped-def]
    """log p* where M(p*, R) = chance; M at log_p is larger than that."""
    low, high = log_p, p0 + (mean.shape[0] - 1) / per_p
    for _ in range(20):
        middle = 0.5 * (low + high)
        if _mean(mean, p0, per_p, r0, per_r, middle, log_r) > chance:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@njit(cache=True, nogil=True)
def _where(mean, p0, per_p, r0, per_r, log_p, log_r, place):  # type: ignore[no-untyped-def]
    """log r of a drop that answers with about p: M's growth along the range, between the rows round p."""
    rows, columns = mean.shape
    j = max(0, min(int((log_p - p0) * per_p), rows - 2))
    x = min((log_r - r0) * per_r, columns - 1.0)
    last = int(x)
    end = mean[j, last] - mean[j + 1, last]
    if last < columns - 1:
        end += (x - last) * (mean[j, last + 1] - mean[j + 1, last + 1] - end)
    want = place * end
    low, high = 0, min(last + 1, columns - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if mean[j, middle] - mean[j + 1, middle] <= want:
            low = middle
        else:
            high = middle
    a, b = mean[j, low] - mean[j + 1, low], mean[j, high] - mean[j + 1, high]
    share = (want - a) / (b - a) if b > a else 0.5
    return r0 + min(low + min(max(share, 0.0), 1.0), x) / per_r


@njit(cache=True, nogil=True)
def _strike(  # type: ignore[no-untyped-def]
    ranges, reflectivity, chance, place, noise, mean, p0, per_p, r0, per_r, alpha, weakest, accuracy, new_range,
    strength, fate,
):  # fmt: skip
    most = mean[0, -1]  # drops that a sensor could see at all
    for k in range(len(ranges)):
        r = ranges[k]
        share = math.exp(-2.0 * alpha * r)
        power = reflectivity[k] * share / (r * r) if r > 0.0 else 0.0
        new_range[k] = r
        fate[k] = _KEPT if share >= KEPT_SHARE else _ATTENUATED
        beaten = False
        if most > chance[k] and r > 0.0:
            log_r, log_p = math.log(r), math.log(max(power, weakest))
            beaten = _mean(mean, p0, per_p, r0, per_r, log_p, log_r) > chance[k]
        if beaten:
            log_p = _strongest(mean, p0, per_p, r0, per_r, log_p, log_r, chance[k])
            power = math.exp(log_p)
            new_range[k] = math.exp(_where(mean, p0, per_p, r0, per_r, log_p, log_r, place[k]))
            fate[k] = _SCATTERED
        elif power < weakest:
            fate[k] = _LOST
            strength[k] = 0.0
            continue
        strength[k] = min(power * new_range[k] * new_range[k], 1.0)
        if len(noise):
            new_range[k] = max(0.0, new_range[k] + noise[k] * accuracy * math.sqrt(0.5 * weakest / power))
