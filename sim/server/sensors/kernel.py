"""How the camera's numba kernels are compiled, and the names their arrays go by.

Kernels are plain ``nogil`` functions over contiguous arrays; many arrays travel as one tuple. Reference counting
is off (``_nrt=False``): two threads that count the references of the same forty arrays fight for the counters'
cache lines and gain nothing over one. A kernel therefore must not allocate; small functions that they call are
compiled the same way. Literals are double precision, storage is single.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
Tables = Any  # a tuple of arrays; mypy cannot follow numba's tuples

_OPTIONS: dict[str, Any] = {"fastmath": True, "cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}

kernel: Any = njit(**_OPTIONS)
"""Decorator of every kernel and of the functions kernels call."""

inline: Any = njit(inline="always", **_OPTIONS)
"""For the few-line functions inside the innermost loops."""
