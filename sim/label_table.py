"""What ``sensor.camera.labels`` sends: no picture but a table of float32.

It comes as a ``carla.OpticalFlowImage``, whose pixels are two float32 each: the client leaves them alone, while it
makes every fourth byte of ordinary pictures 255. A row of pixels is a row of the table, ``WIDTH`` long. Row 0 is the
head: version, number of rows that follow, width and height of the camera in pixels, its horizontal field of view in
degrees. Every further row is an outline (``COLUMNS``), rows by actor, then part. Read it with
``numpy.frombuffer(image.raw_data, numpy.float32).reshape(image.height, 2 * image.width)``.

Columns: actor_id; part (0 the whole body, 1 the bicycle or motorcycle alone, 2 its rider; bodies without a rider have
only 0); tag (CARLA's semantic tag); visible_px and visible x0 y0 x1 y1 of the pixels that show it; amodal_px: pixels
inside the picture that would show it if nothing stood before it; amodal x0 y0 x1 y1 of its whole outline, which may
reach beyond the picture; depth_m: mean over the body's visible pixels along the optical axis, -1 where none is
visible; order: 0 for the nearest body, counted up by depth. Parts have the depth and order of their body.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

VERSION = 1
COLUMNS = (
    "actor_id", "part", "tag", "visible_px", "visible_x0", "visible_y0", "visible_x1", "visible_y1", "amodal_px",
    "amodal_x0", "amodal_y0", "amodal_x1", "amodal_y1", "depth_m", "order",
)  # fmt: skip
WIDTH = 16
"""Floats a row: the columns and one to spare."""
F32 = npt.NDArray[np.float32]


def encode(rows: F32, size: tuple[int, int], fov_deg: float) -> F32:
    """Pixels ``(n + 1, WIDTH / 2, 2)`` of a table ``(n, len(COLUMNS))``; size is width, height of the camera."""
    table = np.zeros((len(rows) + 1, WIDTH), "<f4")
    table[0, :5] = VERSION, len(rows), *size, fov_deg
    table[1:, : len(COLUMNS)] = rows
    return table.reshape(len(table), WIDTH // 2, 2).astype(np.float32)


def decode(raw: bytes | memoryview) -> F32:
    """Table ``(n, len(COLUMNS))`` of an image's raw data. Raises ValueError where it is none."""
    if len(raw) < 4 * WIDTH or len(raw) % (4 * WIDTH):
        raise ValueError(f"label table: expected rows of {4 * WIDTH} bytes, got {len(raw)} bytes")
    table = np.frombuffer(raw, "<f4").reshape(-1, WIDTH)
    if table[0, 0] != VERSION or int(table[0, 1]) != len(table) - 1:
        raise ValueError(f"label table: expected version {VERSION} and {len(table) - 1} rows, got {table[0, :2]}")
    return np.ascontiguousarray(table[1:, : len(COLUMNS)], np.float32)
