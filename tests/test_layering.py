"""The one rule of imports: sim → control → planning → perception, and heavy libraries stay inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "perception": {"perception"},
    "planning": {"perception", "planning"},
    "control": {"perception", "planning", "control"},
    "sim": {"perception", "planning", "control", "sim"},
}
MAY_IMPORT_CARLA = ("sim/source/", "sim/server/")
NEVER_AT_IMPORT = {"torch", "ultralytics", "open3d", "torchvision"}


def modules() -> list[Path]:
    return sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {name.split(".")[0] for name in imports(tree)}
    ours = used & set(ALLOWED)
    assert ours <= ALLOWED[here.split("/")[0]], f"{here} imports {sorted(ours - ALLOWED[here.split('/')[0]])}"
    if "carla" in used:
        assert here.startswith(MAY_IMPORT_CARLA), f"{here} imports carla; only {MAY_IMPORT_CARLA} may"
    top = {
        name.split(".")[0]
        for node in tree.body
        for name in imports(node)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not top & NEVER_AT_IMPORT, f"{here} imports {sorted(top & NEVER_AT_IMPORT)} at module level"
