"""For every test: what is drawn at random is drawn alike in every run, however slow the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

SERVER = Path(__file__).resolve().parent / "sim"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Kernels are compiled once, before the workers begin: a process that compiles may draw the last bit otherwise."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    if any(path == SERVER or SERVER in path.parents or path in SERVER.parents for path in asked):
        from sim.server.warm import compile_kernels

        compile_kernels(config.pluginmanager.getplugin("terminalreporter").write_line)
