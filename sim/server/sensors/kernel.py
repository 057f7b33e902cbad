"""How the camera's numba kernels are compiled, and the names their arrays go by.

Kernels are plain ``nogil`` functions over contiguous arrays; many arrays travel as one tuple. Reference counting
is off (``_nrt=False``): two threads that count the references of the same forty arrays fight for the counters'
cache lines and gain nothing over one. A kernel therefore must not allocate; small functions that they call are
compiled the same way. Literals are double precision, storage is single.

``lanes`` is for loops that are to become vector code. There literals and constants are single precision, and the
arrays that one call gets must not overlap: only then may the compiler turn look-ups in tables into gathers. Columns of
one flat array, a constant distance apart, count as apart. Wherever such a loop is cut into vectors follows from its
length alone, so the result does too.

Numba's disk cache looks only at the file of the kernel itself, not at the functions and constants that it takes
from other files: an edited helper would go on running its old code. Here every entry carries the digest of all
files that kernels are made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped, unused-ignore]
from numba import njit, types
from numba.core.cpu import CPUTargetOptions
from numba.core.options import TargetOptions
from numba.extending import intrinsic

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Tables = Any  # a tuple of arrays; mypy cannot follow numba's tuples

_mapping: Any = TargetOptions.Mapping
CPUTargetOptions.noalias = _mapping("noalias")  # numba has the flag, but ``njit`` has no name for it
_OPTIONS: dict[str, Any] = {"fastmath": True, "cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def source_digest() -> str:
    """Digest of every file that kernels take code or constants from."""
    here = Path(__file__).parent
    digest = hashlib.sha256((here.parent / "scene" / "mesh.py").read_bytes())
    for path in sorted(here.glob("*.py")):
        text = path.read_bytes()
        if path.name in ("kernel.py", "columns.py") or b"sensors.kernel import" in text:
            digest.update(text)
    return digest.hexdigest()


_DIGEST = source_digest()


def _compiled(function: Callable[..., Any], **more: Any) -> Any:
    dispatcher = njit(**_OPTIONS, **more)(function)
    index = getattr(dispatcher._cache, "_cache_file", None)  # absent where numba's JIT or cache is switched off
    if index is not None:
        index._source_stamp = _DIGEST
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """Decorator of every kernel and of the functions kernels call."""
    return _compiled(function)


def part(function: Callable[..., Any]) -> Any:
    """Decorator of a kernel's own parts, compiled into it: a call with many arrays costs as much as a little work."""
    return _compiled(function, forceinline=True)


def inline(function: Callable[..., Any]) -> Any:
    """For the few-line functions inside the innermost loops."""
    return _compiled(function, inline="always")


def lanes(function: Callable[..., Any]) -> Any:
    """Decorator of loops over columns, see the top of the file."""
    return _compiled(_in_single_precision(function), noalias=True)


def lane(function: Callable[..., Any]) -> Any:
    """Decorator of what such a loop does with one element: no loop with a call in it becomes vector code."""
    return _compiled(_in_single_precision(function), noalias=True, forceinline=True)


def _in_single_precision(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its literals and the module's constants in single precision."""

    def single(value: Any) -> Any:
        return np.float32(value) if type(value) is float else value

    code = function.__code__
    constants = {name: single(value) for name, value in function.__globals__.items()}
    rewritten = FunctionType(
        code.replace(co_consts=tuple(map(single, code.co_consts))), constants, function.__name__, function.__defaults__
    )
    rewritten.__module__, rewritten.__qualname__ = function.__module__, function.__qualname__
    rewritten.__doc__, rewritten.__annotations__ = function.__doc__, function.__annotations__
    return rewritten


@intrinsic
def _claim(_context: Any, counter: Any) -> Any:
    """The next piece of work nobody has taken yet: ``counter (1,)`` int64 as it was before one was added to it.

    Threads that take pieces as they come are never idle while there are any; pieces that do not depend on each other
    make the same picture whoever draws them.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), build


claim: Any = _claim


@intrinsic
def _bits(_context: Any, number: Any) -> Any:
    """The bits of a single-precision number as a whole number: of numbers from 0 up they are in the numbers' order."""

    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), build


@intrinsic
def _number(_context: Any, bits: Any) -> Any:
    """The single-precision number with these bits."""

    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), build


bits_of: Any = _bits
number_of: Any = _number
