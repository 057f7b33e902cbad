"""``python -m sim.realism``: the judge by itself."""

from __future__ import annotations

from sim.realism.commands import app

if __name__ == "__main__":
    app()
