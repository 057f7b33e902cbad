"""Mends a log that was cut off: what is whole is kept, and the file gets its end."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcap.exceptions import McapError
from mcap.records import Attachment, Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from zstandard import ZstdError

from sim.log import schema
from sim.log.writer import CHUNK_BYTES


def mend_log(path: Path) -> tuple[int, float]:
    """Rewrite a cut-off log with its whole frames and a proper end.

    Returns their number and the simulated seconds from the first to the last; (0, 0.0) where there is no whole frame,
    and then the file, if there is one, stays as it is.
    """
    if not path.is_file():
        return 0, 0.0
    mended = path.with_suffix(".mended")
    with mended.open("wb") as file:
        frames, simulated_s = _copy(path, file)
    if frames:
        os.replace(mended, path)
    else:
        mended.unlink()
    return frames, simulated_s


def _copy(path: Path, file: Any) -> tuple[int, float]:
    writer = McapWriter(file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
    writer.start(profile="", library="roadlab")
    schema_ids: dict[int, int] = {0: 0}
    channel_ids: dict[int, int] = {}
    topics: dict[int, str] = {}
    pending: list[Message] = []  # since the last whole frame
    times_ns: list[int] = []
    for record in _records(path):
        if isinstance(record, Schema):
            schema_ids[record.id] = writer.register_schema(record.name, record.encoding, record.data)
        elif isinstance(record, Channel):
            channel_ids[record.id] = writer.register_channel(
                record.topic, record.message_encoding, schema_ids[record.schema_id], record.metadata
            )
            topics[record.id] = record.topic
        elif isinstance(record, Metadata):
            writer.add_metadata(record.name, record.metadata)
        elif isinstance(record, Attachment):
            writer.add_attachment(record.create_time, record.log_time, record.name, record.media_type, record.data)
        elif isinstance(record, Message):
            pending.append(record)
            if topics[record.channel_id] != schema.FRAME_TOPIC:
                continue
            for message in pending:
                writer.add_message(
                    channel_ids[message.channel_id], message.log_time, message.data, message.publish_time
                )
            times_ns.append(record.log_time)
            pending = []
    writer.finish()  # type: ignore[no-untyped-call]
    return len(times_ns), (times_ns[-1] - times_ns[0]) * 1e-9 if times_ns else 0.0


def _records(path: Path) -> Iterator[Any]:
    """Records up to the first that is broken or missing."""
    with path.open("rb") as file:
        seen: set[tuple[type, int]] = set()
        try:
            for record in StreamReader(file, validate_crcs=True).records:
                if isinstance(record, Schema | Channel):  # an intact log repeats them at its end
                    if (type(record), record.id) in seen:
                        continue
                    seen.add((type(record), record.id))
                yield record
        except (McapError, ZstdError, EOFError, ValueError, struct.error):
            return
