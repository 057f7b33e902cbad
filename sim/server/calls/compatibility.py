"""``docs/compatibility.md``: what the server answers to every call of the client, and what differs from CARLA.

Written by ``python -m sim.server.calls.compatibility > docs/compatibility.md``; a test holds the page to the code.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.server.calls import dispatch
from sim.server.calls.table import Method, Support

HEAD = """# Compatibility with CARLA 0.9.16

Every call that the 0.9.16 client can send, and how this server answers. *{full}*: the same semantics, as far as a
program at the client can tell. *{deviates}*: it works, and the note says what differs. *{inert}*: the arguments are
checked, and nothing that a client could see changes. A call that is not in the list is answered with an error that
names it.

This page is generated from the method table (`python -m sim.server.calls.compatibility`).
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    names = {support.name.lower(): support.value for support in Support}
    yield HEAD.format(**names)
    counts = ", ".join(
        f"{sum(method.support == support for method in dispatch.METHODS.values())} {support.value}"
        for support in Support
    )
    yield f"{len(dispatch.METHODS)} calls: {counts}.\n"
    for title, methods in dispatch.FAMILIES.items():
        yield f"## {title}\n"
        yield "| call | status | note |\n|---|---|---|"
        yield from (_row(name, method) for name, method in sorted(methods.items()))
        yield ""


def _row(name: str, method: Method) -> str:
    return f"| `{name}` | {method.support.value} | {method.note} |"


if __name__ == "__main__":
    print(page(), end="")
