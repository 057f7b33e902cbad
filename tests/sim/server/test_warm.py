"""Kernels are compiled once, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sim.server import warm


@pytest.fixture
def calls(tmp_path, monkeypatch) -> list[str]:
    """What ran instead of the compilers; the stamp lies in a folder of the test's own."""
    ran: list[str] = []
    monkeypatch.setattr(warm.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.setattr(warm, "compile_here", lambda progress: ran.append("here"))
    return ran


def test_kernels_are_compiled_once_and_not_by_who_serves(calls, monkeypatch):
    monkeypatch.setattr(warm, "_in_another_process", lambda progress: calls.append("there") or 0)
    said: list[str] = []
    for _ in range(2):
        warm.compile_kernels(said.append)
    assert calls == ["there"]
    assert len(said) == 1
    assert "once" in said[0]


def test_they_are_compiled_all_the_same_where_no_process_can(calls, monkeypatch):
    monkeypatch.setattr(warm, "_in_another_process", lambda progress: calls.append("there") or 1)
    for _ in range(2):
        warm.compile_kernels(lambda line: None)
    assert calls == ["there", "here"]


def test_what_the_process_says_is_told(monkeypatch):
    monkeypatch.setattr(warm.sys, "executable", "/bin/echo")
    said: list[str] = []
    assert warm._in_another_process(said.append) == 0
    assert said == ["-u -m sim.server.warm"]


def test_the_process_ends_with_who_started_it():
    command = [sys.executable, "-m", "sim.server.warm"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False)
    assert ended.returncode == 1


def test_a_changed_kernel_is_a_new_version(monkeypatch, tmp_path):
    before = warm._key()
    source = tmp_path / "sensors" / "kernel_of_a_test.py"
    source.parent.mkdir()
    source.write_text("from sim.server.sensors.kernel import kernel\n")
    monkeypatch.setattr(warm, "__file__", str(tmp_path / "warm.py"))
    first = warm._key()
    source.write_text("from sim.server.sensors.kernel import kernel\nX = 1\n")
    assert len({before, first, warm._key()}) == 3


CALLS = """
from sim.server import warm
from sim.server.protocol import command_batch
from sim.server.scene import objects
from sim.server.world import commands_kernel, record_kernel
warm._calls()
for kernel in (command_batch._scan, commands_kernel.apply_commands, objects._measure, record_kernel.fill_lights,
               record_kernel.fill_moving, record_kernel.fill_vehicles):
    print(kernel.__name__, len(kernel.signatures))
"""


def test_what_a_traffic_manager_asks_for_is_compiled_before_it_waits_for_it():
    ran = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    assert [line.split()[1] for line in ran.stdout.splitlines()] == ["1"] * 6, ran.stdout
