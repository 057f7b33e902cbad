"""The annotated video of a run (WebM, VP8: plays in every browser, encoded by OpenCV itself)."""

from __future__ import annotations

from pathlib import Path

import cv2

from sim.log.reader import LogReader
from sim.report.draw import composite


class VideoError(OSError):
    """A video that cannot be written."""


def write_video(log: Path, path: Path) -> None:
    """Draw every tick of a log. Raises VideoError where OpenCV has no encoder or the disk takes no more."""
    reader = LogReader(log)
    video: cv2.VideoWriter | None = None
    try:
        for tick in reader.ticks():
            assert tick.frame is not None
            picture = composite(tick.frame, tick.detections, tick.tracks, tick.plan, reader.world.lane_graph)
            if video is None:
                size = (picture.shape[1], picture.shape[0])
                video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 1.0 / reader.world.step_s, size)
                if not video.isOpened():
                    raise VideoError(f"{path}: OpenCV cannot write WebM here; run with log.video=false")
            video.write(picture)
    finally:
        if video is not None:
            video.release()
