"""The parts of bulk tagging, one by one."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from models.pipeline import Document, classify, tag_text
from models.release import Release
from service.archive.charsets import decode_html
from service.archive.chunks import Choices
from service.archive.plan import Plan, read
from service.archive.tagging import tag_chunk
from tests.archive.pages import page


def test_texts_are_tagged_as_the_service_does(release: Release) -> None:
    """The short way through for bulk gives the very result of `classify`."""
    texts = [page(number)[20 * number % 300 :] for number in range(200)]
    texts += ["oil", "Il pleut sur la ville et les gens ne sont pas contents du tout de la pluie.", "qzx wvk " * 9]
    for number, text in enumerate(texts):
        headline = [None, "", " ", "EU extends sanctions"][number % 4]
        document = Document(text, headline=headline, document_id=f"n{number}")
        assert tag_text(release, document) == dict(classify(release, document))
        assert list(tag_text(release, document)) == list(classify(release, document))
    for bad in ("", " \n", "nul\x00"):
        with pytest.raises(InputError):
            tag_text(release, Document(bad))


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    chunk_bytes=st.integers(1, 60),
    ends=st.booleans(),
)
def test_every_line_belongs_to_one_range(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], chunk_bytes: int, ends: bool
) -> None:
    """However small the ranges and wherever they cut, each line is read once, in order, under its own place."""
    path = tmp_path_factory.mktemp("lines") / "in.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n" * ends)
    choices = Choices(chunk_bytes=chunk_bytes)
    rows = [row for chunk in Plan((str(path),), choices).chunks() for row in read(chunk, choices)]
    whole = Choices(chunk_bytes=1_000_000)
    expected = [row for chunk in Plan((str(path),), whole).chunks() for row in read(chunk, whole)]
    assert [row.error for row in rows] == [row.error for row in expected]
    offsets, at = [], 0
    for line in path.read_bytes().split(b"\n"):
        if line.strip():
            offsets.append(at)
        at += len(line) + 1
    if path.read_bytes()[:3] != b"\xef\xbb\xbf":
        assert len(rows) == len(offsets)
        for row, offset in zip(rows, offsets, strict=True):
            assert row.place.endswith(f", byte {offset:,}") or offset < chunk_bytes


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_chunk_depends_on_nothing_but_itself(release: Release, tmp_path: Path, suffix: str) -> None:
    """The same chunk gives the same part in any order and process: what a cluster and `--resume` rest on."""
    path = tmp_path / f"in.{suffix}"
    rows = [{"document_id": str(number), "text": page(number)} for number in range(2_500)]
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = Plan((str(path),), Choices(chunk_bytes=50_000))
    chunks = list(plan.chunks())
    forwards = [tag_chunk(chunk, release, plan.choices, ".jsonl") for chunk in chunks]
    backwards = [tag_chunk(chunk, release, plan.choices, ".jsonl") for chunk in reversed(chunks)]
    assert forwards == backwards[::-1]
    assert len(forwards) > 3
    ids = [json.loads(line)["document_id"] for part in forwards for line in part.body.splitlines()]
    assert ids == [row["document_id"] for row in rows]


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        ("Привет".encode(), "iso-8859-1", "Привет"),  # what is UTF-8 is UTF-8, whatever a server says
        ("Привет".encode("cp1251"), "windows-1251", "Привет"),
        (b"<meta charset=koi8-r>" + "Привет".encode("koi8-r"), None, "<meta charset=koi8-r>Привет"),
        ("“q”".encode("cp1252"), "latin-1", "“q”"),
        ("“q”".encode("cp1252"), None, "“q”"),
        (b"\xff\xfe" + "é".encode("utf-16-le"), None, "é"),
        (b"\xef\xbb\xbf\xc3\xa9", None, "é"),
        (b"caf\xe9", "no-such-charset", "café"),
        (b"caf\xe9", "rot13", "café"),
        (b"\x81\xe9", "utf-8", "\ufffd\ufffd"),
    ],
)
def test_pages_are_read_in_their_characters(content: bytes, declared: str | None, expected: str) -> None:
    """As browsers do, and nothing raises."""
    assert decode_html(content, declared) == expected
