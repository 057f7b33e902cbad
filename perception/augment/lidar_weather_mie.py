"""Extinction of light by drops and flakes: Mie's efficiency of a sphere, integrated over a size distribution.

Q_ext(x, m) = 2 / x^2 sum_n (2 n + 1) Re(a_n + b_n), x = pi D / wavelength (Bohren and Huffman 1983, chapter 4:
logarithmic derivative by downward recurrence). extinction = integral of N(D) pi D^2 / 4 Q_ext(D) over D.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numba import njit

Float64 = npt.NDArray[np.float64]

WAVELENGTH_M = 905e-9
WATER_INDEX = 1.328
ICE_INDEX = 1.3031
SIZES = 240
"""Sizes of the integral, spaced evenly in the logarithm: ripples of Q average out, and half a percent is left."""


@njit(cache=True, nogil=True)
def _efficiency(size, index):  # type: ignore[no-untyped-def]
    """Q_ext of a sphere that absorbs nothing, of size parameter x."""
    last = int(size + 4.05 * size ** (1.0 / 3.0) + 2.0)
    inside = index * size
    start = int(max(float(last), inside)) + 16
    slope = np.zeros(start + 1)
    for n in range(start, 0, -1):
        slope[n - 1] = n / inside - 1.0 / (slope[n] + n / inside)
    psi0, psi1 = math.cos(size), math.sin(size)
    chi0, chi1 = -math.sin(size), math.cos(size)
    total = 0.0
    for n in range(1, last + 1):
        psi = (2.0 * n - 1.0) / size * psi1 - psi0
        chi = (2.0 * n - 1.0) / size * chi1 - chi0
        for kind in range(2):
            d = (slope[n] / index if kind == 0 else slope[n] * index) + n / size
            # a_n or b_n = u / (u - i w): real part u^2 / (u^2 + w^2)
            u, w = d * psi - psi1, d * chi - chi1
            total += (2.0 * n + 1.0) * u * u / (u * u + w * w)
        psi0, psi1, chi0, chi1 = psi1, psi, chi1, chi
    return 2.0 / (size * size) * total


def efficiency(diameter_m: npt.ArrayLike, index: float = WATER_INDEX, wavelength_m: float = WAVELENGTH_M) -> Float64:
    """Extinction efficiency of transparent spheres with these diameters (n,) and this index of refraction."""
    sizes = np.pi * np.atleast_1d(np.asarray(diameter_m, np.float64)) / wavelength_m
    return np.array([_efficiency(float(size), index) for size in sizes])


def extinction_pm(
    density: Callable[[Float64], Float64], smallest_m: float, largest_m: float, index: float = WATER_INDEX
) -> float:
    """Extinction 1/m of spheres; density(D m) gives their number per m^3 and per m of diameter."""
    diameter = np.geomspace(smallest_m, largest_m, SIZES)
    area = density(diameter) * np.pi / 4.0 * diameter**2 * efficiency(diameter, index)
    return float(np.trapezoid(area * diameter, np.log(diameter)))
