"""Loads broken OpenDRIVE files into a server: ``python -m tests.sim.server.robustness.fuzz_maps``. It lives."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from tests.sim.server.robustness.examples import GENERATION
from tests.sim.server.robustness.fuzz import Client
from tests.sim.server.serving import OPENDRIVE, running_server

NUMBERS = ("0", "-1", "1e9", "-1e9", "1e300", "nan", "inf", "", "x", "99999999999999999999", "-0.0", "1e-12", "0.5")
WORDS = ("driving", "sidewalk", "none", "<", "&", "]]>", '"', "\x00", "ü" * 50, "a" * 5000)


def mutated_map(text: str, rng: np.random.Generator) -> str:
    """The file with attributes changed, elements dropped or doubled, or bytes cut out."""
    for _ in range(int(rng.integers(1, 6))):
        kind = int(rng.integers(0, 5))
        values = list(re.finditer(r'="([^"]*)"', text))
        elements = list(re.finditer(r"<(\w+)[^<>]*/>", text))
        if kind <= 1 and values:
            match = values[int(rng.integers(len(values)))]
            new = str(rng.choice(NUMBERS if rng.random() < 0.8 else WORDS))
            text = text[: match.start(1)] + new + text[match.end(1) :]
        elif kind == 2 and elements:
            match = elements[int(rng.integers(len(elements)))]
            text = text[: match.start()] + text[match.end() :]
        elif kind == 3 and elements:
            match = elements[int(rng.integers(len(elements)))]
            text = text[: match.end()] + match.group() * int(rng.integers(1, 4)) + text[match.end() :]
        elif text:
            at = int(rng.integers(len(text)))
            text = text[:at] + text[at + int(rng.integers(1, 60)) :]
    return text


def fuzz_maps(port: int, seed_map: str, count: int, seed: int) -> tuple[int, int]:
    """How many of count broken maps were loaded and how many refused. Raises OSError where the server dies or hangs."""
    rng = np.random.default_rng(seed)
    loaded = refused = 0
    client = Client(port)
    for _ in range(count):
        staged = client.call("copy_opendrive_to_file", mutated_map(seed_map, rng), GENERATION)
        result = client.call("load_new_episode", "OpenDriveMap", False, 65535) if staged == [[False]] else staged
        if result == [[False]]:
            loaded += 1
            client.call("tick_cue")
        else:
            refused += 1
    assert client.call("version") == [[1, "0.9.16"]]
    return loaded, refused


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", default="", help="an OpenDRIVE file to break instead of a straight road")
    options = parser.parse_args()
    text = Path(options.file).read_text() if options.file else OPENDRIVE
    with running_server("real") as server:
        print("loaded, refused:", fuzz_maps(server.port, text, options.maps, options.seed))
        print("faults logged:", server.log().count("Traceback"))
        for line in sorted({line for line in server.log().splitlines() if "Error:" in line})[:40]:
            print("  ", line[:200])


if __name__ == "__main__":
    main()
