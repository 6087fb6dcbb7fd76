"""A chunk to its part of the output. The same chunk, model and choices give the same bytes on any machine."""

from models.errors import InputError
from models.pipeline import Json, classify
from models.release import Release
from service.archive.chunks import Choices, Chunk, Row
from service.archive.parts import Part, encode
from service.archive.plan import read
from service.archive.signatures import Collector


def tag_chunk(chunk: Chunk, release: Release, choices: Choices, suffix: str) -> Part:
    """The part of a chunk in a form of `parts.FORMATS`. Raises `InputError` for an input that cannot be read on."""
    results: list[Json] = []
    n_failed = 0
    collector = Collector() if choices.dedupe else None
    for row in read(chunk, choices):
        result = tag_row(row, release, choices)
        if "error" in result:
            n_failed += 1
        elif collector is not None and row.document is not None:
            collector.add(len(results), row.document_id or row.place, row.document, result)
        results.append(result)
    body = encode(results, suffix, choices.keep)
    stories = collector.bytes() if collector is not None else b""
    return Part(chunk.index, chunk.identity(), chunk.size, body, len(results), n_failed, stories)


def tag_row(row: Row, release: Release, choices: Choices) -> Json:
    """The result of a row, or what is wrong with it."""
    fault = row.error
    result: Json
    if row.document is not None:
        try:
            result = classify(release, row.document)
        except InputError as error:
            fault = str(error)
        except Exception as error:  # one document of millions must not end the run
            fault = f"could not be tagged ({type(error).__name__})"
    if fault:
        if choices.fail_fast:
            raise InputError(f"{row.place}: {fault}")
        result = {"document_id": row.document_id, "error": {"title": "unusable document", "detail": f"{row.place}: {fault}"}}
    if choices.keep:
        result.update(zip(choices.keep, row.kept or (None,) * len(choices.keep), strict=True))
    return result
