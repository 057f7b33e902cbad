"""Colour, light and sensor: pictures ``(h, w, 3)`` uint8 BGR in and out, through tables where they will do."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from perception.augment.sample import Picture

_STEPS = np.arange(256, dtype=np.float32)


def colours(image: Picture, hue: float, saturation: float, value: float) -> Picture:
    """Hue, saturation and value times factors (OpenCV's hue has 180 steps)."""
    planes: list[Any] = list(cv2.split(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV)))
    tables = (
        ((_STEPS * hue) % 180).astype(np.uint8),
        (_STEPS * saturation).clip(0, 255).astype(np.uint8),
        (_STEPS * value).clip(0, 255).astype(np.uint8),
    )
    merged = cv2.merge([cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_HSV2BGR), np.uint8)


def tone(image: Picture, brightness: float, contrast: float, gamma: float) -> Picture:
    """``((x ** gamma - 0.5) * contrast + 0.5) * brightness`` with x from 0 to 1."""
    curve = (((_STEPS / 255.0) ** gamma - 0.5) * contrast + 0.5) * brightness
    return np.asarray(cv2.LUT(image, (curve.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)), np.uint8)


def white_balance(image: Picture, red: float, blue: float) -> Picture:
    """Red and blue times factors, as of lamps of another colour."""
    tables = np.stack([(_STEPS * gain + 0.5).clip(0, 255).astype(np.uint8) for gain in (blue, 1.0, red)], -1)
    return np.asarray(cv2.LUT(image, tables[None]), np.uint8)


def noise(image: Picture, read: float, shot: float, rng: np.random.Generator) -> Picture:
    """Sensor noise: variance ``read² + shot² x`` with x from 0 to 1, deviations as shares of white."""
    unit = image.astype(np.float32) * np.float32(1.0 / 255.0)
    deviation = np.sqrt(np.float32(read**2) + np.float32(shot**2) * unit)
    unit += deviation * rng.standard_normal(image.shape, np.float32)
    return np.asarray((unit.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def jpeg(image: Picture, quality: int) -> Picture:
    """Stored as a JPEG and read again."""
    stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)


def grey(image: Picture) -> Picture:
    """Without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def blur(image: Picture, sigma_px: float) -> Picture:
    """A soft lens."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)
