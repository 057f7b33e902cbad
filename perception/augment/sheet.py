"""A contact sheet: one labelled moment under every augmentation, each tile with its name.

``python -m perception.augment.sheet MOMENTS.npz --out SHEET.jpg`` draws one from moments that ``save_moments`` wrote.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from perception.augment import camera_faults, corruptions
from perception.augment.cloud_corruptions import ROBO3D, corrupt_sweep
from perception.augment.pipeline import build_pipeline
from perception.augment.sample import Boxes2D, Boxes3D, Calibration, Cloud, Picture, Sample
from perception.augment.step import Sources
from perception.augment.store import cut_objects
from perception.geometry import box_corners_bev

TILE = (132, 176)  # height, width of a tile
COLUMNS = 8
SEEN_FROM_ABOVE = (
    "rain",
    "sunlight",
    "cutout",
    "fov_lost",
    "gaussian_noise",
    "motion_compensation",
    "density_decrease",
)
"""Those of Dong's corruptions that a small tile shows; the ones of single objects it does not."""
STEPS: tuple[dict[str, Any], ...] = (
    {"name": "flip"},
    {"name": "affine", "turn_deg": 8.0, "scale": 1.25},
    {"name": "crop", "share": 0.7},
    {"name": "mosaic"},
    {"name": "mixup"},
    {"name": "cutmix", "share": 0.5},
    {"name": "paste_objects", "most": 8},
    {"name": "colours", "hue": 0.1, "saturation": 0.7},
    {"name": "tone", "gamma": 1.8},
    {"name": "white_balance", "red": 1.25, "blue": 0.8},
    {"name": "noise", "read": 0.06},
    {"name": "fog", "mor_m": 120.0},
    {"name": "fog", "mor_m": 50.0, "patchiness": 0.6},
    {"name": "rain", "rate_mm_h": 40.0, "wetness": 0.9, "lens_drops": 8.0},
    {"name": "wet", "wetness": 0.8},
    {"name": "snow", "rate_mm_h": 2.5, "lying": 0.9},
    {"name": "night", "brightness": 0.05},
    {"name": "glare", "strength": 0.8},
)


def contact_sheet(samples: Sequence[Sample], seed: int = 0, severity: int = 3, first: int = 0) -> Picture:
    """Tiles of the ``first`` sample: pipeline steps, the 19 corruptions, camera faults, and its sweep from above.

    The samples are also what mosaics take from and what traffic is cut out of.
    """
    sample = samples[first]
    assert sample.image is not None
    sources = Sources(
        sample=lambda rng: samples[int(rng.integers(len(samples)))],
        objects=cut_objects([s for i, s in enumerate(samples) if i != first]),
    )
    tiles = [_tile(_labelled(sample), "labels")]
    for number, entry in enumerate(STEPS):
        made = build_pipeline([{**entry, "p": 1.0}])(sample, np.random.default_rng([seed, number]), sources)
        geometric = number < 7
        assert made.image is not None
        tiles.append(_tile(_labelled(made) if geometric else made.image, str(entry["name"])))
    for name in corruptions.NAMES:
        made_picture = corruptions.corrupt(sample.image, name, severity, np.random.default_rng(seed))
        tiles.append(_tile(made_picture, name))
    tiles += [
        _tile(camera_faults.fault([sample.image], name, 2, np.random.default_rng(seed))[0], name)
        for name in ("color_quant", "low_light")
    ]
    if sample.cloud is not None:
        tiles.append(_tile(_from_above(sample), "sweep"))
        for suite, names in (("robo3d", tuple(ROBO3D)), ("dong", SEEN_FROM_ABOVE)):
            for name in names:
                severity = 2 if suite == "robo3d" else 5
                made = corrupt_sweep(sample, suite, name, severity, np.random.default_rng(seed))
                tiles.append(_tile(_from_above(made), name))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])


def _tile(picture: Picture, name: str) -> Picture:
    """The picture in a tile, its shape kept, its name over it."""
    height, width = picture.shape[:2]
    scale = min(TILE[0] / height, TILE[1] / width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    tile = np.zeros((*TILE, 3), np.uint8)
    y, x = (TILE[0] - small.shape[0]) // 2, (TILE[1] - small.shape[1]) // 2
    tile[y : y + small.shape[0], x : x + small.shape[1]] = small
    for colour, thick in (((0, 0, 0), 2), ((255, 255, 255), 1)):
        cv2.putText(tile, name, (4, TILE[0] - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, thick, cv2.LINE_AA)
    return tile


def _labelled(sample: Sample) -> Picture:
    assert sample.image is not None
    picture = sample.image.copy()
    for x0, y0, x1, y1 in np.rint(sample.boxes.px).astype(int).tolist():
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), (60, 220, 60), 2)
    return picture


def _from_above(sample: Sample, reach_m: float = 24.0) -> Picture:
    """The sweep seen from above, the car's front up, brighter where more light came back; objects' boxes."""
    assert sample.cloud is not None
    side = 264
    scale = side / (2.0 * reach_m)
    picture = np.zeros((side, round(side * 4 / 3), 3), np.uint8)
    middle = np.array([picture.shape[1] / 2.0, side / 2.0])
    cells = np.floor(middle - sample.cloud.points_m[:, [1, 0]] * scale).astype(np.int64)
    seen = ((cells >= 0) & (cells < (picture.shape[1], side))).all(axis=1)
    shade = (90 + 165 * np.sqrt(sample.cloud.intensity[seen].clip(0.0, 1.0))).astype(np.uint8)
    picture[cells[seen, 1], cells[seen, 0]] = shade[:, None]
    for corners in box_corners_bev(sample.objects.m):
        line = np.rint(middle - corners[:, ::-1] * scale).astype(np.int32)
        cv2.polylines(picture, [line], True, (60, 220, 60), 1, cv2.LINE_AA)
    return picture


def save_moments(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples that have everything to one ``.npz`` (arrays only)."""
    arrays: dict[str, Any] = {"count": np.array(len(samples))}
    for k, sample in enumerate(samples):
        assert sample.cloud is not None
        assert sample.calibration is not None
        parts = {
            "image": sample.image,
            "instance": sample.instance,
            "semantic": sample.semantic,
            "depth_m": sample.depth_m,
            "points_m": sample.cloud.points_m,
            "intensity": sample.cloud.intensity,
            "ring": sample.cloud.ring,
            "intrinsics": sample.calibration.intrinsics,
            "camera_from_lidar": sample.calibration.camera_from_lidar,
            **{f"boxes_{n}": getattr(sample.boxes, n) for n in ("px", "classes", "ids")},
            **{f"objects_{n}": getattr(sample.objects, n) for n in ("m", "classes", "ids")},
        }
        arrays |= {f"{k}/{name}": value for name, value in parts.items() if value is not None}
    np.savez_compressed(path, **arrays)


def load_moments(path: Path) -> list[Sample]:
    """Read what ``save_moments`` wrote."""
    samples = []
    with np.load(path, allow_pickle=False) as held:
        for k in range(int(held["count"])):
            layers = {n: held[f"{k}/{n}"] for n in ("instance", "semantic", "depth_m") if f"{k}/{n}" in held}
            bare = Sample(
                image=held[f"{k}/image"],
                boxes=Boxes2D(*(held[f"{k}/boxes_{n}"] for n in ("px", "classes", "ids"))),
                cloud=Cloud(*(held[f"{k}/{n}"] for n in ("points_m", "intensity", "ring"))),
                objects=Boxes3D(*(held[f"{k}/objects_{n}"] for n in ("m", "classes", "ids"))),
                calibration=Calibration(held[f"{k}/intrinsics"], held[f"{k}/camera_from_lidar"]),
            )
            samples.append(replace(bare, **layers))
    return samples


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("moments", type=Path)
    parser.add_argument("--out", type=Path, default=Path("augmentations.jpg"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="which moment is shown")
    asked = parser.parse_args(arguments)
    sheet = contact_sheet(load_moments(asked.moments), asked.seed, asked.severity, asked.first)
    cv2.imwrite(str(asked.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 50])


if __name__ == "__main__":
    main()
