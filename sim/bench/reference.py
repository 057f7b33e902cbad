"""The reference workload: a fixed amount of work in one thread that every CPU-bound number can be held against.

One *reference unit* copies 8 MB and multiplies two 160 x 160 matrices in float32 with a plain loop: memory bandwidth
and arithmetic, as the simulator uses both. It takes 1 to 3 ms on machines of the 2020s. Numba compiles it, so that it
does not depend on a BLAS library and its threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

SIDE = 160
COPY_BYTES = 8 << 20
NAME = "reference"


class Reference:
    """Call it to do one unit of work. The same numbers every time."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._left = rng.random((SIDE, SIDE), dtype=np.float32)
        self._right = rng.random((SIDE, SIDE), dtype=np.float32)
        self._product = np.zeros((SIDE, SIDE), np.float32)
        self._source = rng.integers(0, 256, COPY_BYTES).astype(np.uint8)
        self._target = np.zeros_like(self._source)
        self()  # compiled, or loaded from the cache

    def __call__(self) -> float:
        """One unit; a number that depends on all of the work, so that none of it can be left out."""
        np.copyto(self._target, self._source)
        _multiply(self._left, self._right, self._product)
        return float(self._product[-1, -1]) + float(self._target[-1])


@njit(cache=True, nogil=True)
def _multiply(left: npt.NDArray[Any], right: npt.NDArray[Any], product: npt.NDArray[Any]) -> None:
    """Matrix product in the order of rows: contiguous, and in one thread."""
    for i in range(left.shape[0]):
        product[i, :] = 0.0
        for k in range(left.shape[1]):
            factor = left[i, k]
            for j in range(right.shape[1]):
                product[i, j] += factor * right[k, j]
