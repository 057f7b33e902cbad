"""Augmentation from a list in a configuration file.

    augment:
      - {name: flip}
      - {name: fog, mor_m: [50, 200], p: 0.3}
      - {name: corruption, names: [motion_blur, jpeg_compression], severities: [1, 2]}

Every step has a stream of random numbers of its own, drawn from the generator that is passed in: the same generator
gives the same bytes, and a change of one step does not change what the others draw.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from perception.augment import steps_image, steps_scene
from perception.augment.sample import Sample
from perception.augment.step import Sources, Step

STEPS: Mapping[str, type[Step]] = MappingProxyType(
    {kind.name: kind for kind in (*steps_image.STEPS, *steps_scene.STEPS)}
)
"""Every step by the name that configurations use."""


class AugmentError(ValueError):
    """A list of steps that cannot be used; the message names the entry and what to do."""


@dataclass(frozen=True)
class Pipeline:
    """Steps in order. Call it with a sample, a generator and, for some steps, sources."""

    steps: tuple[Step, ...] = ()

    def __call__(self, sample: Sample, rng: np.random.Generator, sources: Sources | None = None) -> Sample:
        """The augmented sample. Raises ValueError where a step needs what the sample or the sources lack."""
        sources = sources or Sources()
        for step, stream in zip(self.steps, rng.spawn(len(self.steps)), strict=True):
            if stream.random() < step.p:
                sample = step.apply(sample, stream, sources)
        return sample


def build_pipeline(entries: Sequence[Mapping[str, Any]]) -> Pipeline:
    """The pipeline of a configuration's list. Raises AugmentError naming the nearest step or key."""
    if isinstance(entries, Mapping | str) or not isinstance(entries, Sequence):
        raise AugmentError(f"augment: expected a list of steps, got {type(entries).__name__}")
    return Pipeline(tuple(_build(number, entry) for number, entry in enumerate(entries)))


def _build(number: int, entry: Mapping[str, Any]) -> Step:
    from pydantic import TypeAdapter, ValidationError

    where = f"augment[{number}]"
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise AugmentError(f"{where}: expected a mapping with a name, got {entry!r}")
    name = str(entry["name"])
    if name not in STEPS:
        raise AugmentError(f"{where}: no step {name!r}; {_nearest(name, list(STEPS))}")
    kind = STEPS[name]
    known = [field.name for field in fields(kind)]
    for key in entry:
        if key != "name" and key not in known:
            raise AugmentError(f"{where} ({name}): no such key {key!r}; {_nearest(str(key), known)}")
    try:
        return TypeAdapter(kind).validate_python({key: value for key, value in entry.items() if key != "name"})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][:1])
        raise AugmentError(f"{where} ({name}) {key}: {first['msg']}, got {first.get('input')!r}") from error


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def read_pipeline(path: Path) -> tuple[dict[str, Any], ...]:
    """The list under ``augment`` of a YAML file, checked. Raises AugmentError naming the file."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AugmentError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise AugmentError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(tree, Mapping) or set(tree) != {"augment"}:
        raise AugmentError(f"{path}: expected the one key 'augment' with a list of steps")
    try:
        build_pipeline(tree["augment"])
    except AugmentError as error:
        raise AugmentError(f"{path}: {error}") from error
    return tuple(dict(entry) for entry in tree["augment"])
