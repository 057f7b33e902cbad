"""Fréchet distance between sets of pictures in the features of the judge's own backbone.

As the Fréchet inception distance (Heusel 2017): features of two sets are taken for normal, their distance is

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

Features are the outputs of YOLO11n's fourth and tenth layer (texture and parts; things), averaged over a square of the
picture, in their first ``COMPONENTS`` principal components (of all sets together, each component in its own unit): the
recorded sets are small, and a covariance of 256 numbers cannot be told from a hundred squares. Numbers of this page are
comparable with each other only. Every pair is drawn anew ``DRAWS`` times with as many pictures from either set, since
the distance grows when pictures are few; two halves of one set tell what is left of it then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim.realism.detector import Judge
from sim.realism.judge import U8

Floats = npt.NDArray[np.float64]

LAYERS = {"texture": 4, "things": 10}
COMPONENTS = 24
SQUARES = 4
"""Squares of a picture, side by side about its middle row, where a street's things are."""
SQUARE_PX = 320
DRAWS = 20


def squares(bgr: U8) -> list[U8]:
    """SQUARES squares (SQUARE_PX, SQUARE_PX, 3) of a picture."""
    height, width = bgr.shape[:2]
    side = min(height, width // 2)
    top = (height - side) // 2
    lefts = np.linspace(0, width - side, SQUARES).round().astype(int)
    return [
        np.asarray(
            cv2.resize(bgr[top : top + side, x : x + side], (SQUARE_PX, SQUARE_PX), interpolation=cv2.INTER_AREA),
            np.uint8,
        )
        for x in lefts.tolist()
    ]


def features(pictures: Iterable[U8], judge: Judge) -> dict[str, Floats]:
    """Features (pictures, SQUARES, channels) of each of ``LAYERS``."""
    import torch

    network = judge.model.model.model
    out: dict[str, list[Any]] = {name: [] for name in LAYERS}
    with torch.no_grad():
        for picture in pictures:
            batch = np.stack(squares(picture))[..., ::-1].transpose(0, 3, 1, 2)  # (SQUARES, 3, h, w) RGB
            x = torch.from_numpy(np.ascontiguousarray(batch)).float() / 255.0
            for index in range(max(LAYERS.values()) + 1):
                x = network[index](x)
                for name, layer in LAYERS.items():
                    if layer == index:
                        out[name].append(x.mean(dim=(2, 3)).numpy())
    return {name: np.asarray(rows, np.float64) for name, rows in out.items()}


def frechet(a: Floats, b: Floats) -> float:
    """Squared Fréchet distance of two sets of features (n, d) and (m, d)."""
    mean = float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum())
    one, two = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # tr (C1 C2)^(1/2) is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric
    values, vectors = np.linalg.eigh(one)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ two @ root), 0.0)).sum()
    return float(mean + np.trace(one) + np.trace(two) - 2.0 * cross)


def distances(sets: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and standard deviation over the draws of the distance of every two sets (pictures, SQUARES, channels).

    Every draw takes as many pictures from each set as half of the smallest has; a set against itself is two halves.
    """
    joint = np.concatenate([rows.reshape(-1, rows.shape[-1]) for rows in sets.values()])
    mean, deviation = joint.mean(axis=0), np.maximum(joint.std(axis=0), 1e-9)
    _, _, axes = np.linalg.svd((joint - mean) / deviation, full_matrices=False)
    axes = axes[: min(COMPONENTS, len(axes))]
    flat = {name: ((rows - mean) / deviation) @ axes.T for name, rows in sets.items()}
    spread = np.concatenate([rows.reshape(-1, rows.shape[-1]) for rows in flat.values()]).std(axis=0)
    flat = {name: rows / np.maximum(spread, 1e-9) for name, rows in flat.items()}
    count = min(len(rows) for rows in flat.values()) // 2
    out: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in sets}
    for one, two in itertools.combinations_with_replacement(sets, 2):
        drawn = []
        for _ in range(DRAWS):
            first = rng.permutation(len(flat[one]))
            second = first[count:] if one == two else rng.permutation(len(flat[two]))
            a, b = flat[one][first[:count]], flat[two][second[:count]]
            drawn.append(frechet(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])))
        out[one][two] = out[two][one] = (float(np.mean(drawn)), float(np.std(drawn)))
    return out
