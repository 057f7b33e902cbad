"""What stands in a log, as one hash a topic: two drives are the same if their streams are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mcap.records import Channel, Message
from mcap.stream_reader import StreamReader

from sim.log.schema import STEP_TOPIC

VARYING = {STEP_TOPIC}
"""Carries wall times."""


def streams(log: Path, until_us: int | None = None) -> dict[str, str]:
    """Hash of the bytes of every message by topic, in order, up to and with the frame at ``until_us``."""
    topics: dict[int, str] = {}
    hashes = {}
    with log.open("rb") as file:
        for record in StreamReader(file).records:
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Message) and (until_us is None or record.log_time <= until_us * 1000):
                told = hashes.setdefault(topics[record.channel_id], hashlib.sha256())
                told.update(record.log_time.to_bytes(8, "little") + record.data)
    return {topic: told.hexdigest() for topic, told in hashes.items() if topic not in VARYING}
