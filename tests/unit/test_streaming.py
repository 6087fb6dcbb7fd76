"""What a stream is made of: lines out of what arrives, and a backlog of results."""

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import backlog
from service.backlog import Backlog
from service.streaming import Lines


def pieces_of(content: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The content in pieces, cut at these places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return (content[start:end] for start, end in pairwise(places))


@given(st.lists(st.binary(max_size=12) | st.just(b"\n")), st.lists(st.integers(0, 200)), st.integers(0, 20))
def test_lines_are_the_same_however_they_arrive(parts: list[bytes], cuts: list[int], longest: int) -> None:
    """Only "\\n" ends a line; one that is too long stands as None, and the next is whole again."""
    content = b"".join(parts)
    lines = Lines(longest)
    found = [line for piece in pieces_of(content, cuts) for line in lines.completed_by(piece)] + list(lines.last())
    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert found == [line if len(line) <= longest else None for line in expected]


def test_a_line_without_end_is_not_held() -> None:
    """Whoever never ends a line fills no memory."""
    lines = Lines(1000)
    for _ in range(50):
        assert list(lines.completed_by(b"a" * 900)) == []
        assert len(lines._held) <= 1000
    assert list(lines.completed_by(b"\nnext\n")) == [None, b"next"]


STEPS = st.lists(st.binary(min_size=1, max_size=30) | st.integers(1, 40), max_size=60)


@pytest.mark.parametrize("disk", ["there", "bounded", "full", "missing"])
@given(steps=STEPS)
def test_a_backlog_gives_back_what_it_was_given(disk: str, steps: list[bytes | int]) -> None:
    """First in, first out, byte for byte, whether there is a disk, a small or a full one, or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "MEMORY", 16)
        if disk == "missing":
            patch.setattr(tempfile, "tempdir", "/nowhere")
        if disk == "full":
            room = 100
            patch.setattr(backlog.os, "pwrite", lambda file, data, at: _write(file, data[: max(0, room - at)], at))
        given_, taken = b"", b""
        with Backlog(60 if disk == "bounded" else 10_000) as held:
            for step in steps:
                if isinstance(step, bytes):
                    held.add(step)
                    given_ += step
                else:
                    taken += held.take(step)
                assert len(held) == len(given_) - len(taken)
            while held:
                taken += held.take(7)
        assert taken == given_


_write = os.pwrite


@pytest.mark.parametrize("disk", ["there", "bounded", "missing"])
def test_a_backlog_says_when_it_is_full(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the disk too: it is full when both are, and not once something was taken."""
    monkeypatch.setattr(backlog, "MEMORY", 16)
    if disk == "missing":
        monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with Backlog(100 if disk == "bounded" else 10_000) as held:
        for _ in range(50):
            if not held.is_full:
                held.add(b"0123456789")
        assert len(held) == {"there": 500, "bounded": 120, "missing": 20}[disk]
        assert held.is_full == (disk != "there")
        while len(held) > 16:
            held.take(10)
        assert not held.is_full
