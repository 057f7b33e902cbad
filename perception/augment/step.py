"""What a step of an augmentation pipeline is."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from perception.augment.sample import Sample

if TYPE_CHECKING:
    from perception.augment.store import ObjectStore

Range = float | tuple[float, float]
"""One value, or the bounds of a uniform draw."""


Bounds = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Sources:
    """Where steps that need more than the sample get it: other samples of the data set, objects cut from it."""

    sample: Callable[[np.random.Generator], Sample] | None = None
    objects: ObjectStore | None = None


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """One change of a sample, made with probability ``p``. Subclasses are named after ``name`` in configurations;
    ``bounds`` are the least and greatest value of their numbers and ranges."""

    name: ClassVar[str] = ""
    bounds: ClassVar[Bounds] = MappingProxyType({})
    p: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"{self.name}.p: expected a probability from 0 to 1, got {self.p}")
        for field in fields(self):
            bounds = getattr(self, field.name)
            pair = isinstance(bounds, tuple) and len(bounds) == 2 and all(isinstance(v, float) for v in bounds)
            if pair and not bounds[0] <= bounds[1]:
                raise ValueError(f"{self.name}.{field.name}: expected [low, high], got {list(bounds)}")
        for key, (low, high) in self.bounds.items():
            given = getattr(self, key)
            ends = given if isinstance(given, tuple) else (given,)
            if not all(low <= end <= high for end in ends):
                raise ValueError(f"{self.name}.{key}: expected {low:g} to {high:g}, got {given}")

    def chosen(self, key: str, known: Sequence[object]) -> None:
        """Raise ValueError unless the values of a tuple are among the known ones, at least one of them."""
        given = getattr(self, key)
        if not given:
            raise ValueError(f"{self.name}.{key}: expected at least one")
        for word in given:
            if word not in known:
                near = difflib.get_close_matches(str(word), [str(k) for k in known], n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(str(k) for k in known)}"
                raise ValueError(f"{self.name}.{key}: no {word!r}; {hint}")

    @abstractmethod
    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        """The changed sample; the given one stays as it is."""

    def needs(self, sample: Sample, *parts: str) -> None:
        """Raise ValueError unless the sample has these parts."""
        missing = [part for part in parts if getattr(sample, part) is None]
        if missing:
            raise ValueError(f"augment step {self.name!r} needs a sample with {' and '.join(missing)}")


def value(of: Range, rng: np.random.Generator) -> float:
    """A value from a range."""
    return float(rng.uniform(*of)) if isinstance(of, tuple) else float(of)


def value_log(of: Range, rng: np.random.Generator) -> float:
    """A value from a range of which each doubling is as likely as the next: for ranges of magnitudes, all above 0."""
    return float(np.exp(rng.uniform(*np.log(of)))) if isinstance(of, tuple) else float(of)
