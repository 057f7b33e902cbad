"""Digital changes of the common corruptions: ``(h, w, 3)`` float32 0..1 (see ``perception.augment.corruptions``)."""

from __future__ import annotations

import cv2
import numpy as np

from perception.augment.corrupt_blur import gaussian
from perception.frame import Float32Array


def brightness(image: Float32Array, added: float, rng: np.random.Generator) -> Float32Array:
    """Over-exposed: the value of hue, saturation and value raised."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + np.float32(added), 0.0, 1.0)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.float32)


def contrast(image: Float32Array, factor: float, rng: np.random.Generator) -> Float32Array:
    """Drawn towards each colour's mean."""
    mean = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return (image - mean) * np.float32(factor) + mean


def saturate(image: Float32Array, how: tuple[float, float], rng: np.random.Generator) -> Float32Array:
    """Greyer, then far too colourful: saturation ``* how[0] + how[1]``."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(how[0]) + np.float32(how[1]), 0.0, 1.0)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.float32)


def jpeg_compression(image: Float32Array, quality: int, rng: np.random.Generator) -> Float32Array:
    """Stored as a JPEG of this quality and read again."""
    stored = cv2.imencode(".jpg", np.rint(image * 255.0).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.float32) / np.float32(255.0)


def pixelate(image: Float32Array, share: float, rng: np.random.Generator) -> Float32Array:
    """Made smaller, and larger again in squares."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def elastic_transform(image: Float32Array, strength: float, rng: np.random.Generator) -> Float32Array:
    """Pulled about by a smooth random field: noise of half a percent of the height, blurred by a percent of it, times
    ``strength`` (Simard, Steinkraus, Platt, ICDAR 2003)."""
    height, width = image.shape[:2]
    most = np.float32(0.005 * height)
    sigma = 0.01 * 0.5 * (height + width)
    fields = [
        gaussian(rng.uniform(-most, most, (height, width)).astype(np.float32), sigma, reach=3.0) * np.float32(strength)
        for _ in range(2)
    ]
    x = np.arange(width, dtype=np.float32)[None] + fields[0]
    y = np.arange(height, dtype=np.float32)[:, None] + fields[1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
