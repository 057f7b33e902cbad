"""A data set on disk: scenes as folders, written whole or not at all; a manifest with checksums; reading it back.

DIR/config.yaml                          the resolved configuration
DIR/scenes/SCENE/scene.json              ``SceneInfo``
DIR/scenes/SCENE/NNNNNN.json             ``Labels`` of a frame
DIR/scenes/SCENE/NNNNNN_CAMERA.jpg       the picture (or .png), and beside it
    ..._instance.png  16 bits: ids of objects, 65535 the car itself
    ..._semantic.png  8 bits: CARLA's tags
    ..._depth.png     16 bits: depth along the axis in 1/256 m, 0 where it is 256 m or more (as KITTI's)
    ..._flow.png      16 bits, red right and green down: 2**15 + 64 x pixels since the frame before (KITTI's)
DIR/scenes/SCENE/NNNNNN_LIDAR.bin        float32 x y z intensity, in the LiDAR's frame
    ..._labels.bin    uint32: lower 16 bits CARLA's tag, upper 16 bits id (as SemanticKITTI's)
DIR/manifest.json                        every scene with its split and the checksum of every file
DIR/exports/FORMAT/                      what ``sim.dataset.export`` made
DIR/datasheet.html
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim.dataset.capture import U8, Capture
from sim.dataset.label import Labelled
from sim.dataset.records import Labels, SceneInfo, from_json, to_json

FORMAT = "roadlab-dataset/1"
CONFIG, MANIFEST, SCENES, EXPORTS, SHEET = "config.yaml", "manifest.json", "scenes", "exports", "datasheet.html"
UNFINISHED = ".unfinished-"
"""What a folder's name begins with until all of it is there."""
DEPTH_STEPS = 256.0
FLOW_STEPS, FLOW_ZERO = 64.0, 2**15


class DataSetError(ValueError):
    """A data set that cannot be read or gone on with; the message says what to do."""


class DiskFull(OSError):  # noqa: N818 - a state of the machine
    """No room for what was to be written; what is whole stays."""


@dataclass(frozen=True)
class Frame:
    """One frame of a data set on disk."""

    folder: Path
    info: SceneInfo
    labels: Labels

    @property
    def stem(self) -> str:
        """Name of the frame, unique in its data set."""
        return f"{self.info.name}_{self.labels.index:06d}"

    def file(self, name: str) -> Path:
        """A file of this frame by what follows its number."""
        return self.folder / f"{self.labels.index:06d}{name}"

    def picture(self, camera: str) -> Path:
        """The camera's picture."""
        return self.file(f"_{camera}.{self.info.picture}")

    def bgr(self, camera: str) -> U8:
        """The picture ``(h, w, 3)``. Raises DataSetError where it is damaged."""
        return _read(self.picture(camera), cv2.IMREAD_COLOR)

    def instance(self, camera: str) -> npt.NDArray[np.uint16]:
        """Ids ``(h, w)``. Raises DataSetError where there is no such mask."""
        return np.asarray(_read(self.file(f"_{camera}_instance.png"), cv2.IMREAD_UNCHANGED), np.uint16)

    def semantic(self, camera: str) -> U8:
        """CARLA's tags ``(h, w)``."""
        return _read(self.file(f"_{camera}_semantic.png"), cv2.IMREAD_UNCHANGED)

    def depth_m(self, camera: str) -> npt.NDArray[np.float32]:
        """Depth ``(h, w)`` along the axis, infinite beyond 256 m."""
        steps = _read(self.file(f"_{camera}_depth.png"), cv2.IMREAD_UNCHANGED).astype(np.float32)
        return np.where(steps > 0, steps / np.float32(DEPTH_STEPS), np.float32(np.inf)).astype(np.float32)

    def flow_px(self, camera: str) -> npt.NDArray[np.float32]:
        """Motion ``(h, w, 2)`` right and down since the frame before."""
        bgr = _read(self.file(f"_{camera}_flow.png"), cv2.IMREAD_UNCHANGED).astype(np.float32)
        return ((bgr[..., [2, 1]] - np.float32(FLOW_ZERO)) / np.float32(FLOW_STEPS)).astype(np.float32)

    def points(self, lidar: str) -> npt.NDArray[np.float32]:
        """Sweep ``(n, 4)`` x y z intensity."""
        return np.fromfile(self.file(f"_{lidar}.bin"), np.float32).reshape(-1, 4)

    def point_labels(self, lidar: str) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]] | None:
        """Ids and tags ``(n,)`` of a sweep's points, None where they are not known."""
        file = self.file(f"_{lidar}_labels.bin")
        if not file.is_file():
            return None
        both = np.fromfile(file, np.uint32)
        return (both >> 16).astype(np.uint16), (both & 0xFFFF).astype(np.uint16)


def _read(file: Path, flags: int) -> U8:
    picture = cv2.imread(str(file), flags)
    if picture is None:
        raise DataSetError(f"{file}: missing or damaged; delete the scene's folder and render again")
    return np.asarray(picture)


@dataclass(frozen=True)
class DataSet:
    """A finished or unfinished data set: its scenes in order."""

    folder: Path
    scenes: tuple[SceneInfo, ...]

    @staticmethod
    def open(folder: Path) -> DataSet:
        """Raises DataSetError where there is none."""
        found = sorted(f for f in (folder / SCENES).glob("*/scene.json") if not f.parent.name.startswith(UNFINISHED))
        if not found:
            raise DataSetError(f"{folder}: holds no scene; render one with `roadlab dataset CONFIG --out {folder}`")
        return DataSet(folder, tuple(from_json(SceneInfo, file) for file in found))

    def frames(self, split: str | None = None) -> Iterator[Frame]:
        """Frames of a split (None: of all), scene by scene, in order."""
        for info in self.scenes:
            if split in (None, info.split):
                yield from self.frames_of(info)

    def frames_of(self, info: SceneInfo) -> Iterator[Frame]:
        """Frames of one scene."""
        folder = self.folder / SCENES / info.name
        for index in range(info.frames):
            yield Frame(folder, info, from_json(Labels, folder / f"{index:06d}.json"))

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that have a scene."""
        present = {info.split for info in self.scenes}
        return tuple(split for split in ("train", "val", "test") if split in present)


def write_frame(folder: Path, capture: Capture, made: Labelled, info: SceneInfo, quality: int) -> None:
    """One frame's files. Raises DiskFull."""
    stem = f"{capture.index:06d}"
    for name, camera in capture.cameras.items():
        base = f"{stem}_{name}"
        _write_picture(folder / f"{base}.{info.picture}", camera.bgr, quality)
        _write_picture(folder / f"{base}_instance.png", made.masks[name].instance)
        _write_picture(folder / f"{base}_semantic.png", made.masks[name].semantic)
        if camera.depth_m is not None:
            _write_picture(folder / f"{base}_depth.png", depth_steps(camera.depth_m))
        if camera.flow_px is not None:
            _write_picture(folder / f"{base}_flow.png", flow_steps(camera.flow_px))
    for name, sweep in capture.sweeps.items():
        write_bytes(folder / f"{stem}_{name}.bin", np.ascontiguousarray(sweep.points, "<f4").tobytes())
        if name in made.points:
            known = made.points[name]
            both = known.instance.astype("<u4") << 16 | known.semantic.astype("<u4")
            write_bytes(folder / f"{stem}_{name}_labels.bin", both.tobytes())
    write_bytes(folder / f"{stem}.json", to_json(made.labels))


def depth_steps(depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Depth as 16-bit steps of 1/256 m; 0 where it does not fit."""
    steps = np.rint(depth_m.astype(np.float64) * DEPTH_STEPS)
    return np.where(steps < 2**16, steps, 0).astype(np.uint16)


def flow_steps(flow_px: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Flow as a 16-bit BGR picture: red right, green down, blue 1."""
    steps = np.clip(np.rint(flow_px.astype(np.float64) * FLOW_STEPS) + FLOW_ZERO, 0, 2**16 - 1).astype(np.uint16)
    return np.stack([np.ones(flow_px.shape[:2], np.uint16), steps[..., 1], steps[..., 0]], axis=2)


def encoded_picture(ending: str, picture: npt.NDArray[Any], quality: int = 95) -> bytes:
    """A picture as the bytes of a file: ``.png``, or ``.jpg`` of a quality. Raises DataSetError where it cannot be."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == ".jpg" else []
    done, data = cv2.imencode(ending, picture, settings)
    if not done:
        raise DataSetError(f"a picture {picture.shape} {picture.dtype} cannot be encoded as {ending}")
    return data.tobytes()


def _write_picture(file: Path, picture: npt.NDArray[Any], quality: int = 95) -> None:
    write_bytes(file, encoded_picture(file.suffix, picture, quality))


def write_bytes(file: Path, data: bytes) -> None:
    """A file's content. Raises DiskFull where there is no room."""
    try:
        file.write_bytes(data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"{file.parent}: disk full; whole scenes are kept: free some space and run the same command again"
            raise DiskFull(error.errno, message) from error
        raise


def make_folder(folder: Path) -> None:
    """A data set's folder, if it is not there yet. Raises DataSetError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataSetError(f"{folder}: cannot be made a folder ({error.strerror}); give another --out") from error


def begin_folder(final: Path) -> Path:
    """An empty folder to fill, beside the final one; what an interrupted call left is removed."""
    folder = final.with_name(UNFINISHED + final.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def finish_folder(folder: Path, final: Path) -> None:
    """The filled folder becomes the final one, at once."""
    if final.exists():
        shutil.rmtree(final)
    os.replace(folder, final)


def sweep_up(folder: Path) -> None:
    """Remove what interrupted calls left."""
    for part in (SCENES, EXPORTS):
        for left in (folder / part).glob(UNFINISHED + "*"):
            shutil.rmtree(left, ignore_errors=True)


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder by its path there, sorted."""
    out = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        out[file.relative_to(folder).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return out


def write_manifest(data: DataSet, facts: Mapping[str, Any]) -> Path:
    """``manifest.json``: what the data set is, its scenes, and the checksum of every file of a scene."""
    scenes = [
        {
            "name": info.name, "split": info.split, "map": info.map, "weather": info.weather, "frames": info.frames,
            "seed": info.seed, "amodal": info.amodal, "sha256": checksums(data.folder / SCENES / info.name),
        }
        for info in data.scenes
    ]  # fmt: skip
    manifest = {"format": FORMAT, **facts, "scenes": scenes}
    file = data.folder / MANIFEST
    write_bytes(file, json.dumps(manifest, indent=1).encode() + b"\n")
    return file


def verify(folder: Path) -> list[str]:
    """Files that are missing or differ from the manifest. Raises DataSetError without a manifest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise DataSetError(
            f"{folder / MANIFEST}: cannot be read ({error}); run the data set's command again"
        ) from error
    wrong = []
    for scene in manifest["scenes"]:
        there = checksums(folder / SCENES / scene["name"])
        wrong += [f"{scene['name']}/{name}" for name, digest in scene["sha256"].items() if there.get(name) != digest]
    return wrong
