"""Configuration: YAML files and dotted overrides in, one validated tree of frozen dataclasses out.

The tree is joined from the scenario and the stages' own dataclasses, which stand beside the code they configure
and hold every default; a file holds only what differs. An unknown key is an error that names the nearest one.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from control.control import ControlConfig
from perception.perceive import PerceptionConfig
from planning.plan import PlanningConfig
from sim.log.options import LogConfig
from sim.scenario import Scenario
from sim.weather import resolve_weather

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what to do."""


@dataclass(frozen=True)
class RunConfig(Scenario):
    """A whole run: the scenario at the top level, and one section per stage."""

    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    planning: PlanningConfig = field(default_factory=PlanningConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    log: LogConfig = field(default_factory=LogConfig)
    device: str = "auto"


def find_scenario(name: str) -> Path:
    """Path of a scenario given as a file, or by the name of one that ships in ``configs/scenarios``.

    Raises ConfigError naming the nearest.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = {p.stem: p for p in sorted((CONFIGS / "scenarios").glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    near = difflib.get_close_matches(name, shipped, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(shipped)}"
    raise ConfigError(f"no scenario {name!r}: neither a file nor one of configs/scenarios; {hint}")


def load_config(scenario: str | Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """The run that a scenario file and ``key.path=value`` overrides describe (later ones win).

    Raises ConfigError for a file that is no YAML mapping, an unknown key, a value of the wrong type, an override
    without ``=``, an unknown weather.
    """
    tree: dict[str, Any] = {} if scenario is None else read_yaml(find_scenario(str(scenario)))
    for override in overrides:
        if "=" not in override:
            raise ConfigError(f"override {override!r}: expected KEY.PATH=VALUE, for example traffic.vehicles=40")
    try:
        merged = OmegaConf.merge(OmegaConf.create(tree), OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"configuration: {error}") from error
    return build(RunConfig, plain)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping. Raises ConfigError with file, line and column where it is not one."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of keys at the top, got {type(data).__name__}")
    return data


def build(kind: type[RunConfig], data: Any) -> RunConfig:
    """Dataclass tree from plain data; unknown keys and wrong types raise ConfigError with the key's path."""
    reject_unknown(kind, data, "")
    try:
        config = TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if not isinstance(part, str) or "[" not in part)
        raise ConfigError(f"{where}: {first['msg']}, got {first.get('input')!r}") from error
    try:
        resolve_weather(config.weather)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for name, low in (("duration_s", 0.0), ("sim.step_s", 0.0), ("traffic.vehicles", -1), ("traffic.walkers", -1)):
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        if not float(value) > low:  # type: ignore[arg-type]
            raise ConfigError(f"{name}: expected more than {low:g}, got {value}")
    return config


def reject_unknown(kind: Any, data: Any, path: str) -> None:
    """Walk data along the dataclasses and raise ConfigError at the first key that does not exist."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(data, Mapping):
            raise ConfigError(f"{path or 'configuration'}: expected a mapping, got {data!r}")
        hints = typing.get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)]
        for key, value in data.items():
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}"
                raise ConfigError(f"{path}{key}: no such key; {hint}")
            reject_unknown(hints[key], value, f"{path}{key}.")
        return
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict and isinstance(data, Mapping):
        for key, value in data.items():
            reject_unknown(arguments[1], value, f"{path}{key}.")
    elif origin is tuple and isinstance(data, Sequence) and not isinstance(data, str):
        for number, value in enumerate(data):
            reject_unknown(arguments[0], value, f"{path}{number}.")
    elif origin in (typing.Union, types.UnionType):
        for option in arguments:
            if dataclasses.is_dataclass(option) and isinstance(data, Mapping):
                reject_unknown(option, data, path)


def dump_config(config: RunConfig) -> str:
    """The resolved configuration as YAML that ``load_config`` reads back to an equal tree."""
    return yaml.safe_dump(TypeAdapter(RunConfig).dump_python(config, mode="json"), sort_keys=False)
