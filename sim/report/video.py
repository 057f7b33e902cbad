"""The annotated video of a run (H.264 in MP4: plays in every browser)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from sim.log.reader import LogReader
from sim.report.draw import composite

QUALITY = 27
"""x264's constant rate factor: text and boxes stay crisp, a minute takes about 15 MB."""


class VideoError(OSError):
    """A video that cannot be written."""


def write_video(log: Path, path: Path) -> None:
    """Draw every tick of a log. Raises VideoError where the disk takes no more or there is no encoder."""
    reader = LogReader(log)
    try:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            rate = Fraction(1.0 / reader.world.step_s).limit_denominator(1000)
            stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": str(QUALITY)})
            stream.pix_fmt = "yuv420p"
            for tick in reader.ticks():
                assert tick.frame is not None
                picture = composite(tick.frame, tick.detections, tick.tracks, tick.plan, reader.world.lane_graph)
                picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # 4:2:0 wants even sizes
                if not stream.codec_context.is_open:
                    stream.height, stream.width = picture.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            container.mux(stream.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: cannot write the video ({error}); run with log.video=false") from error
