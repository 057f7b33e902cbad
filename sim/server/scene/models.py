"""The model library as data: every body that can move, with levels of detail, in one set of flat arrays.

Model frame = CARLA actor frame (x forward, y right, z up, metres) with the origin on the ground under the
centre of the footprint, for people too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LODS = 3
CHARTS = 4  # side, top, front, rear


@dataclass(frozen=True)
class ModelLibrary:
    """Concatenated models. ``faces`` index from the first vertex of their (model, LOD) range.

    ranges (n, LODS, 4): first vertex, vertex count, first face, face count.
    uv (v, 2) position 0..1 in the chart of the face, only meaningful on PAINT faces, baked per vertex.
    chart (f,) which of the model's charts a PAINT face reads.
    atlas (k,) flat uint8: texels of 4 weights (paint, glass, lamp, dark trim), chart by chart with its mips; what is
    missing to 255 is bright trim (plates, chrome); row 0 is v = 0;
    mip_offset (n, CHARTS, MIPS) first byte, mip_shape (n, CHARTS, MIPS, 2) height, width; n models share rows
    where they share charts; -1 where a model has none.
    wheel (f,) 0 = body, 1.. = index of the wheel that the face turns with (0 on people).
    wheels_m (n, 4, 4) centre x y z and radius of up to four wheels (radius 0 = none): FL, FR, BL, BR.
    lamps_m (n, 8, 4): x y z and kind (1 head, 2 tail, 3 left blinker, 4 right blinker, 5 reverse, 6 beacon; 0 none).
    size_m (n, 3): length, width, height. tag (n,): semantic tag of the body. rider (f,): face belongs to a rider.
    pose (n,): index of the walk phase of a person model (models ``NAME@0`` .. ``NAME@7``), 0 elsewhere. People have
    ``NAME@stand`` next to them; bicycles have the eight positions of the cranks as ``NAME@0`` .. ``NAME@7``.
    """

    names: tuple[str, ...]
    vertices_m: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    faces: npt.NDArray[np.uint32]
    material: npt.NDArray[np.uint8]
    chart: npt.NDArray[np.uint8]
    wheel: npt.NDArray[np.uint8]
    rider: npt.NDArray[np.bool_]
    ranges: npt.NDArray[np.int64]
    size_m: npt.NDArray[np.float32]
    tag: npt.NDArray[np.uint8]
    pose: npt.NDArray[np.int32]
    wheels_m: npt.NDArray[np.float32]
    lamps_m: npt.NDArray[np.float32]
    atlas: npt.NDArray[np.uint8]
    mip_offset: npt.NDArray[np.int64]
    mip_shape: npt.NDArray[np.int32]

    def index(self, name: str) -> int:
        """Row of a model. Raises KeyError naming it."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no model {name!r}; there are {len(self.names)}, for example {self.names[:5]}") from None
