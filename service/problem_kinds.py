"""The kinds of errors, for people: /docs/errors, docs/errors.md and the description of the API are made of these."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of error: its name in `type`, its status, when it comes and what to do."""

    slug: str
    status: int
    when: str
    remedy: str


KINDS = (
    Kind(
        "malformed-request",
        400,
        "not JSON, not UTF-8, the wrong shape, an unknown option, a body that breaks off",
        "mend the request at the pointer",
    ),
    Kind("no-key", 401, "no key, or one that is not known (any more)", "send `Authorization: Bearer KEY`"),
    Kind(
        "not-allowed",
        403,
        "the key's role is too low; without keys, a page of another site made a browser send this",
        "use a key with the role that is named",
    ),
    Kind(
        "not-http",
        414,
        "not HTTP as this server reads it (also 417, 431, 501): an address or header too long, an unknown coding",
        "mend the client",
    ),
    Kind("not-found", 404, "no such address", "see the table of addresses"),
    Kind("method-not-allowed", 405, "the address takes another method", "see `Allow`"),
    Kind(
        "too-slow",
        408,
        "the request did not come within `WIRETAG_READ_SECONDS` and a second for every 10 kB",
        "send it faster, or in smaller parts",
    ),
    Kind(
        "timeout",
        408,
        "nothing came on a stream for `WIRETAG_STREAM_IDLE` seconds",
        "send an empty line now and then, or open a stream when there is something to send",
    ),
    Kind(
        "not-switched",
        409,
        "the release asked for cannot serve, or the registry cannot be changed",
        "do what `detail` says; the old model serves on",
    ),
    Kind(
        "too-large",
        413,
        "the body, or a line of a stream, is over `WIRETAG_MAX_BODY`",
        "send fewer or shorter documents a request",
    ),
    Kind(
        "unsupported-content-type",
        415,
        "neither JSON, NDJSON, plain text nor HTML, or not in UTF-8, or compressed",
        "set `Content-Type`; send the body as it is",
    ),
    Kind(
        "unusable-document",
        422,
        "well-formed but unusable: blank text, a NUL character, too long, too many, an unknown topic",
        "mend or drop the document",
    ),
    Kind("too-many-requests", 429, "over `WIRETAG_RATE`", "wait `Retry-After` seconds; `RateLimit` tells what is left"),
    Kind("internal-error", 500, "an error of ours", "report the `instance`; the log has its place"),
    Kind(
        "not-ready",
        503,
        "no model is loaded, as many streams run as may, or the corrections store cannot be used",
        "wait `Retry-After` seconds; the log says what is wrong",
    ),
    Kind(
        "busy",
        503,
        "as many requests as a worker takes are at work, and none got done in half a second; or too many large bodies at once",
        "send it again after `Retry-After` seconds",
    ),
    Kind("out-of-time", 503, "the request was worked on for `WIRETAG_REQUEST_SECONDS`", "send fewer documents a request"),
)
STATUSES = frozenset(kind.status for kind in KINDS)


def meaning(status: int) -> str:
    """When an error of this status comes."""
    return "; ".join(kind.when for kind in KINDS if kind.status == status)


def table() -> str:
    """The kinds as a table in Markdown."""
    rows = [f"| `/docs/errors#{kind.slug}` | {kind.status} | {kind.when} | {kind.remedy} |" for kind in KINDS]
    return "\n".join(["| `type` | status | when | what to do |", "|---|---|---|---|", *rows])
