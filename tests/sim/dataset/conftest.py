"""A server for the files that render data sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim.server.serving import Running, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "Roadlab01") as running:
        yield running
