"""The tables of behaviour hold for the shipped model; a case that fails says so by name when the promised share is missed."""

from pathlib import Path

import pytest

from models.errors import InputError
from models.release import Release
from training.behaviour_tables import TABLES, read_cases, try_tables


def test_the_model_behaves(release: Release) -> None:
    """At least the promised share of every table's cases holds."""
    for table in try_tables(release):
        told = "\n".join(
            f"{case.get('topic', '')} {case.get('why') or case.get('change') or case['direction']}: {case['text'][:80]}"
            for case in table.failed
        )
        assert table.holds, f"{table.name}: {len(table.failed)} of {table.n_cases} cases fail:\n{told}"


def test_the_tables_are_large_and_whole() -> None:
    """Every topic is tested on both sides of its definition."""
    tables = {name: read_cases(name) for name in TABLES}
    assert sum(map(len, tables.values())) >= 200
    sides = {(case["topic"], case["expect"]) for case in tables["minimum"]}
    assert len(sides) == 10
    assert {case["direction"] for case in tables["direction"]} == {"up", "down"}


def test_a_broken_table_is_named(tmp_path: Path, release: Release) -> None:
    """Whoever writes cases learns which file is wrong; a folder without tables asks for nothing."""
    assert all(table.holds and not table.n_cases for table in try_tables(release, tmp_path))
    (tmp_path / "minimum.toml").write_text("[[case]]\ntopic = 'sanctions'\n")
    with pytest.raises(InputError, match=r"minimum\.toml: a case lacks 'text'"):
        try_tables(release, tmp_path)
    (tmp_path / "minimum.toml").write_text("[[case")
    with pytest.raises(InputError, match="not a usable table"):
        try_tables(release, tmp_path)
