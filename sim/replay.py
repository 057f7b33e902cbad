"""The configuration of a replay: the one the drive was recorded with, and what is changed on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from sim.config import ConfigError, RunConfig, build
from sim.log.reader import LogReader, find_log


def replay_config(log: Path, overrides: list[str]) -> RunConfig:
    """Configuration that a log carries, with ``key.path=value`` overrides. Raises ConfigError, LogReadError."""
    recorded: dict[str, Any] = yaml.safe_load(LogReader(find_log(log)).metadata.get("config", "{}")) or {}
    for override in overrides:
        if "=" not in override:
            raise ConfigError(f"override {override!r}: expected KEY.PATH=VALUE, for example device=cpu")
    merged = OmegaConf.merge(OmegaConf.create(recorded), OmegaConf.from_dotlist(overrides))
    plain: Any = OmegaConf.to_container(merged, resolve=True)
    name = str(plain.get("name", "drive"))
    plain["name"] = name if name.startswith("replay-") else f"replay-{name}"
    plain["duration_s"] = 1e9  # to the end of the recording
    return build(RunConfig, plain)
