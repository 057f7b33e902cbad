"""Noise of the common corruptions: pictures ``(h, w, 3)`` float32 0..1 (see ``perception.augment.corruptions``)."""

from __future__ import annotations

import numpy as np

from perception.frame import Float32Array


def gaussian_noise(image: Float32Array, deviation: float, rng: np.random.Generator) -> Float32Array:
    """Read-out noise, equal everywhere."""
    return image + rng.standard_normal(image.shape, np.float32) * np.float32(deviation)


def shot_noise(image: Float32Array, photons: float, rng: np.random.Generator) -> Float32Array:
    """Poisson noise of ``photons`` photons at full white."""
    return (rng.poisson(image * photons) / np.float32(photons)).astype(np.float32)


def impulse_noise(image: Float32Array, share: float, rng: np.random.Generator) -> Float32Array:
    """Salt and pepper, alike often, in each colour by itself."""
    draw = rng.random(image.shape, np.float32)
    return np.where(draw < share, np.where(draw < 0.5 * share, np.float32(0.0), np.float32(1.0)), image)


def speckle_noise(image: Float32Array, deviation: float, rng: np.random.Generator) -> Float32Array:
    """Gain noise: in proportion to the brightness."""
    return image * (1.0 + rng.standard_normal(image.shape, np.float32) * np.float32(deviation))
