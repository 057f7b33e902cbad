"""Runs the server in a process of its own, as a user would: the client holds Python's lock while it waits.

``python -m tests.sim.server.serving PARTS MAP`` is that process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READY = re.compile(r"ready: .* on 127\.0\.0\.1:(\d+), streams on (\d+) ")

LANE = '<lane id="{id}" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>'
OPENDRIVE = f"""<?xml version="1.0" standalone="yes"?>
<OpenDRIVE>
  <header revMajor="1" revMinor="4" name="straight" version="1.00" north="0" south="0" east="0" west="0">
    <geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference>
  </header>
  <road name="one" length="400" id="1" junction="-1">
    <planView><geometry s="0" x="0" y="0" hdg="0" length="400"><line/></geometry></planView>
    <lanes><laneSection s="0">
      <left>{LANE.format(id=1)}</left>
      <center><lane id="0" type="none" level="false"/></center>
      <right>{LANE.format(id=-1)}</right>
    </laneSection></lanes>
  </road>
</OpenDRIVE>
"""
"""Four hundred metres of straight road, one lane each way."""
STOP_S = 60.0
"""For a server to end after SIGTERM: it ends its step and what its sensors measure first, on a busy machine."""


@dataclass
class Running:
    """A server process: its ports, and what it logged so far."""

    port: int
    streaming_port: int
    process: subprocess.Popen[str]
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text()


@contextlib.contextmanager
def running_server(
    parts: str = "fake", map_name: str = "straight", seed: int = 0, maps: Path | None = None
) -> Iterator[Running]:
    """A server on free ports, which knows the files in ``maps``, too; ended with SIGTERM, and it must end by that."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "straight.xodr").write_text(OPENDRIVE)
        (Path(folder) / "other.xodr").write_text(OPENDRIVE.replace('length="400"', 'length="300"'))
        for file in maps.glob("*.xodr") if maps else ():
            (Path(folder) / file.name).symlink_to(file)
        log_file = Path(folder) / "server.log"
        with log_file.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.sim.server.serving", parts, map_name, str(seed)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "ROADLAB_MAPS": folder, "ROADLAB_RECORDINGS": f"{folder}/recordings"},
            )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            while line.startswith("roadlab serve: "):  # a first start tells what it compiles
                line = process.stdout.readline()
            ready = READY.match(line)
            assert ready is not None, log_file.read_text()
            yield Running(int(ready[1]), int(ready[2]), process, log_file)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            finally:
                process.kill()
                process.stdout.close()
        assert process.returncode == 0, f"the server ended with {process.returncode}: {log_file.read_text()[-2000:]}"


def _main() -> int:
    from sim.server.serve import run_server
    from sim.server.world.parts import PARTS
    from tests.sim.server.fakes import FAKE_PARTS

    logging.basicConfig(level=logging.INFO)
    parts = {"fake": FAKE_PARTS, "real": PARTS}[sys.argv[1]]
    return run_server(sys.argv[2], port=0, seed=int(sys.argv[3]), parts=parts)


if __name__ == "__main__":
    sys.exit(_main())
