"""The arrows between the rooms."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "models": {"service", "training", "sklearn", "flask", "joblib", "wordfreq"},
    "service": {"training", "sklearn", "joblib", "wordfreq"},
    "training": {"service", "flask"},
}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """`service` and `training` never import each other, `models` imports neither, and nothing that serves needs scikit-learn."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        assert not _imports(path) & FORBIDDEN[room], path


def test_the_root_holds_only_what_belongs_there() -> None:
    """A newcomer finds the layout that the README describes."""
    allowed = {
        *("pyproject.toml", "README.md", "service", "training", "models", "tests", "Dockerfile"),
        *("compose.yaml", "Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "benchmarks"),
    }
    passing = {
        "var",
        "build",
        "dist",
        "wiretag.egg-info",
        "standins",
    }  # made by running things, kept out of git
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there <= allowed | passing


def test_no_module_outgrows_a_screenful_of_purposes() -> None:
    """Modules stay small enough to have one purpose."""
    for room in FORBIDDEN:
        for path in (ROOT / room).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path
