"""``python -m sim.towns --out configs/maps``: write the shipped towns."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.towns.build import build
from sim.towns.catalogue import TOWNS


def main() -> None:
    """Write one .xodr per town."""
    parser = argparse.ArgumentParser(prog="python -m sim.towns", description="Write the shipped towns as OpenDRIVE.")
    parser.add_argument("--out", type=Path, default=Path("configs/maps"), help="folder for the .xodr files")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for town in TOWNS:
        (out / f"{town.name}.xodr").write_text(build(town), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
