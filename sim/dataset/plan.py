"""From a configuration to the scenes of a data set: what each shows, its seed, its split.

A scene is the unit of work: rendered by one process, in a world begun anew, so that its bytes depend on nothing but
the configuration; kept whole or not at all.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sim.dataset.config import DatasetConfig

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Scene:
    """One scene to render: ``name`` is its folder, ``number`` its place in the data set."""

    number: int
    name: str
    map: str
    weather: str
    split: Split
    frames: int
    seed: int


def scenes_of(config: DatasetConfig) -> tuple[Scene, ...]:
    """All scenes, in order. Maps take turns, and on each map the weathers do; the last scene may be shorter."""
    total = -(-config.count // config.per_scene)
    rows = []
    for k in range(total):
        map_name = config.maps[k % len(config.maps)]
        weather = config.weathers[(k // len(config.maps) + k % len(config.maps)) % len(config.weathers)]
        rows.append((map_name, weather, min(config.per_scene, config.count - k * config.per_scene)))
    held = [_held_out(config, map_name, weather) for map_name, weather, _ in rows]
    free = [k for k, split in enumerate(held) if split is None]
    drawn = np.random.default_rng([config.seed, 0]).permutation(len(free))
    tests, vals = round(config.split.test_share * len(free)), round(config.split.val_share * len(free))
    splits: list[Split] = [split or "train" for split in held]
    for rank, place in enumerate(drawn):
        splits[free[int(place)]] = "test" if rank < tests else "val" if rank < tests + vals else "train"
    return tuple(
        Scene(k, f"{k:05d}_{Path(m).stem}_{w}", m, w, splits[k], frames, zlib.crc32(f"{config.seed}/{k}".encode()))
        for k, (m, w, frames) in enumerate(rows)
    )


def _held_out(config: DatasetConfig, map_name: str, weather: str) -> Split | None:
    split = config.split
    if map_name in split.test_maps or weather in split.test_weathers:
        return "test"
    if map_name in split.val_maps or weather in split.val_weathers:
        return "val"
    return None
