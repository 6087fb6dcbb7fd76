"""What the fuzzer begins with: requests that are right, and values that have broken services before."""

import functools
import json
import struct
from pathlib import Path

_DATA = Path(__file__).resolve().parents[1] / "data"
SANCTIONS = "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, officials said."
TEXTS = (
    SANCTIONS.encode(),
    *(path.read_bytes() for path in sorted((_DATA / "pages").glob("*.txt"))),
    *(path.read_bytes()[:15_000] for path in sorted((_DATA / "html").glob("*.html"))),
)
METHODS = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get", "P\xd6ST", "A" * 300)
PATHS = (
    *[b"/classify"] * 60,
    *(b"/topics", b"/model", b"/healthz", b"/readyz", b"/openapi.json", b"/docs", b"/docs/errors", b"/docs/style.css"),
    *(b"/v2", b"/v2/health/live", b"/v2/health/ready", b"/v2/models/wiretag", b"/v2/models/wiretag/ready"),
    *(b"/v2/models/wiretag/infer", b"/v2/models/wiretag/versions/1/infer", b"/v2/models/wiretag/versions/\x00"),
    *(b"", b"*", b"/", b"//classify", b"/classify/", b"/classify/../model", b"/\xff\xfe", b"/%2e%2e/%00", b"/" + b"a/" * 500),
)
QUERIES = (
    *("explain=true", "limit=2&topics=sanctions", "as=page", "as=html", "as=text&duplicates=1", "topics=a,b,,sanctions"),
    *(
        "limit=1&limit=2",
        "limit=" + "9" * 5000,
        "limit=-0",
        "limit=1e999",
        "limit=nan",
        "%00=%00",
        "as=%ff",
        "&&&=",
        "a" * 3000,
    ),
    *("topics=" + "sanctions," * 300, "explain=%F0%9F%92%A9", "limit=%D9%A3", "x[]=1&x[a][b]=2", "=;=;", "as=page%00"),
)
CONTENT_TYPES = (
    *("application/json", "text/plain", "text/html", "text/plain; charset=latin-1", "text/html;charset=utf-8", ""),
    *("application/json; charset=utf-16", "application/x-ndjson", "multipart/form-data; boundary=x", "multipart/form-data"),
    *("application/x-www-form-urlencoded", "text/plain; charset*=utf-8''%ff", 'text/plain; charset="', ";;;", "\xff/\xff"),
    *(
        "application/problem+json",
        "APPLICATION/JSON",
        "text/plain; " + "a=b; " * 200,
        "text/plain; charset*0=utf; charset*1=-8",
    ),
)
HEADERS: list[tuple[str, tuple[str, ...]]] = [
    ("HTTP_X_REQUEST_ID", ("a", "", "\r\nX: y", "ü" * 9, "x" * 5000, "<script>")),
    ("HTTP_CONTENT_ENCODING", ("gzip", "identity", "br, gzip", "\xff")),
    ("HTTP_TRANSFER_ENCODING", ("chunked", "gzip, chunked", "identity")),
    ("HTTP_ACCEPT", ("*/*", "text/html;q=x", ",,,", "application/json;q=0")),
    ("HTTP_ACCEPT_ENCODING", ("gzip", "identity;q=0")),
    ("HTTP_HOST", ("", "a b", "[::1", "evil.example:99999", "\xff")),
    ("HTTP_COOKIE", ("a=b", "=;=;", "\xff" * 50, 'a="\\')),
    ("HTTP_AUTHORIZATION", ("Bearer x", "Basic !!!", "Digest a=b,c", "\xff", "Bearer " + "k" * 9000)),
    ("HTTP_RANGE", ("bytes=0-", "bytes=9-1", "x")),
    ("HTTP_IF_NONE_MATCH", ("*", 'W/"', "\xff")),
    ("HTTP_IF_MODIFIED_SINCE", ("yesterday", "Thu, 99 Jan 99999 00:00:00 GMT")),
    ("HTTP_EXPECT", ("100-continue", "200-ok")),
    ("HTTP_X_FORWARDED_FOR", ("1.2.3.4", "a,b,c", "\xff")),
    ("HTTP_IDEMPOTENCY_KEY", ("a", "", "\xff" * 300)),
    ("HTTP_X_HTTP_METHOD_OVERRIDE", ("DELETE",)),
    ("HTTP_INFERENCE_HEADER_CONTENT_LENGTH", ("0", "-1", "9" * 30, "x", "٣", "")),
]
ODD = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"\\ud800",
        b"\\u0000",
        b"\x7f\x80",
    ),
    *(b"{", b"}", b"[" * 3000, b'{"a":' * 2000, b'"', b"\\", b",", b"null", b"1e999", b"-0", b"NaN", b"9" * 500, b"true"),
    *(
        "\u2028\u2029\u0085\u200b\ufeff".encode(),
        "\u202e\U0001f4a9\U0010ffff".encode(),
        "e\u0301\u0323".encode() * 200,
        "İſΐ".encode(),
    ),
    *(
        b"<" * 500,
        b"<![CDATA[",
        b"<!--",
        b"<script>",
        b"<div>" * 800,
        b"</html>",
        b"&#x110000;",
        b"&" * 200,
        b"<p " + b"a=b " * 300,
    ),
    *(
        b"\n" * 300,
        b"\r\n\t\x0b\x0c",
        b" " * 2000,
        b"- Reuters\n2 hours ago\n",
        b"Related Articles\n",
        b"a" * 5000,
        b"$%\x1b[31m",
    ),
)


@functools.cache
def bodies() -> tuple[tuple[str, bytes], ...]:
    """Bodies with their content types; `infer` and `binary` are for /v2."""
    pages = [text.decode() for text in TEXTS]
    whole = [
        {"text": SANCTIONS, "headline": "EU news", "explain": True, "document_id": "a"},
        {"page": pages[1], "explain": True, "duplicates": True, "topics": ["sanctions"], "limit": 2},
        {"html": pages[-1]},
        {"documents": [{"document_id": str(n), "page": page} for n, page in enumerate(pages[1:5])], "duplicates": True},
        {"documents": [{"text": SANCTIONS}, {"html": pages[-2]}, {}, 7], "explain": True},
    ]
    found = [("application/json", json.dumps(each).encode()) for each in whole for _ in range(3)]
    found += [("text/plain", text) for text in TEXTS[:6]] + [("text/html", text) for text in TEXTS[6:]]
    found += [("application/x-ndjson", b"\n".join(json.dumps({"page": page}).encode() for page in pages[:3]))] * 2
    infer = {
        "id": "7",
        "inputs": [{"name": "page", "shape": [2, 1], "datatype": "BYTES", "data": [[SANCTIONS], ["b"]], "parameters": {}}],
        "outputs": [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "result"}],
        "parameters": {"explain": True, "limit": 3, "binary_data_output": False},
    }
    raw = struct.pack("<I", len(SANCTIONS)) + SANCTIONS.encode()
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    binary = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [tensor]}, separators=(",", ":")).encode() + raw
    return (*found, *[("infer", json.dumps(infer).encode())] * 4, *[("binary", binary)] * 4)
