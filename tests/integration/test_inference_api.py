"""The Open Inference Protocol (KServe V2): metadata, health, inference as JSON and as binary tensors, and its errors."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from models.release import Release
from service.app import create_app
from service.settings import Settings

SANCTIONS = (
    "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, saying that they had helped "
    "the sanctioned ministry evade an oil embargo."
)
QUIET = "The council said on Monday that the swimming pool would be closed until the roof had been repaired."
LENGTH = "Inference-Header-Content-Length"


def _request(data: list[Any], name: str = "text", shape: list[int] | None = None, **rest: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape or [len(data)], "datatype": "BYTES", "data": data}], **rest}


def _infer(client: FlaskClient, body: dict[str, Any]) -> Any:
    return client.post("/v2/models/wiretag/infer", json=body)


def _outputs(answer: Any) -> dict[str, dict[str, Any]]:
    return {output["name"]: output for output in answer.json["outputs"]}


def test_the_server_and_its_model_say_what_they_are(client: FlaskClient, release: Release) -> None:
    """A client that knows the protocol learns tensors, version and extensions from the server."""
    assert client.get("/v2").json["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/wiretag", f"/v2/models/wiretag/versions/{release.version}"):
        metadata = client.get(path).json
        assert metadata["versions"] == [release.version]
        assert [tensor["name"] for tensor in metadata["inputs"]] == ["text", "page", "html"]
        scores = metadata["outputs"][-1]
        assert scores["shape"] == [-1, len(release.topics)]
        assert scores["parameters"]["topics"].split(",") == [topic.id for topic in release.topics]
        assert client.get(f"{path}/ready").json == {"name": "wiretag", "ready": True}


@pytest.mark.parametrize("nested", [False, True])
def test_texts_are_classified_in_their_order(client: FlaskClient, release: Release, nested: bool) -> None:
    """Every document has its result, its topics and a row of scores, whether the shape is [n] or [n, 1]."""
    data = [[SANCTIONS], [QUIET]] if nested else [SANCTIONS, QUIET]
    answer = _infer(client, _request(data, shape=[2, 1] if nested else [2], id="desk-7"))
    assert (answer.json["id"], answer.json["model_name"], answer.json["model_version"]) == (
        "desk-7",
        "wiretag",
        release.version,
    )
    outputs = _outputs(answer)
    assert {name: output["shape"] for name, output in outputs.items()} == {"result": [2], "topics": [2], "scores": [2, 5]}
    assert [json.loads(topics) for topics in outputs["topics"]["data"]] == [["sanctions"], []]
    for text, row in zip((SANCTIONS, QUIET), np.reshape(outputs["scores"]["data"], (2, 5)), strict=True):
        assert row.tolist() == release.scorer.score(text).scores
    plain = [client.post("/classify", json={"text": text}).json for text in (SANCTIONS, QUIET)]
    assert [json.loads(result) for result in outputs["result"]["data"]] == plain


def test_pages_and_html_are_cut(client: FlaskClient) -> None:
    """A page's scores are those of its main segment, and 0 where it has none."""
    page = (Path(__file__).resolve().parents[1] / "data" / "pages" / "cards.txt").read_text(encoding="utf-8")
    outputs = _outputs(_infer(client, _request([page, "Sign in\nSubscribe\n"], "page")))
    whole, furniture = (json.loads(result) for result in outputs["result"]["data"])
    assert whole == client.post("/classify", json={"page": page}).json
    assert furniture["warnings"] == ["no_main_segment"]
    first, second = np.reshape(outputs["scores"]["data"], (2, 5))
    assert first.max() > 0
    assert second.tolist() == [0.0] * 5
    html = f"<h1>Banks under sanctions</h1><p>{SANCTIONS}</p>"
    result = json.loads(_outputs(_infer(client, _request([html], "html")))["result"]["data"][0])
    assert result == client.post("/classify", json={"html": html}).json


def test_parameters_and_outputs_are_chosen(client: FlaskClient) -> None:
    """Only the outputs that are named come; options have the names they have elsewhere, and foreign parameters do no harm."""
    parameters = {"explain": True, "limit": 1, "priority": 3, "content_type": "str"}
    outputs = _outputs(_infer(client, _request([SANCTIONS], outputs=[{"name": "result"}], parameters=parameters)))
    assert list(outputs) == ["result"]
    (topic,) = json.loads(outputs["result"]["data"][0])["topics"]
    assert topic["evidence"]


def test_binary_tensors(client: FlaskClient) -> None:
    """Tensors may stand in binary form behind the JSON, in and out, mixed as the client likes."""
    raw = b"".join(struct.pack("<I", len(text)) + text for text in (SANCTIONS.encode(), "Zürich says no".encode()))
    head = json.dumps(
        {
            "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}],
            "outputs": [{"name": "scores"}, {"name": "result", "parameters": {"binary_data": False}}, {"name": "topics"}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    answer = client.post("/v2/models/wiretag/infer", data=head + raw, headers={LENGTH: str(len(head))})
    assert answer.content_type == "application/octet-stream"
    length = int(answer.headers[LENGTH])
    described, behind = json.loads(answer.data[:length]), answer.data[length:]
    scores, result, topics = described["outputs"]
    assert len(result["data"]) == 2
    n_bytes = scores["parameters"]["binary_data_size"]
    plain = _outputs(_infer(client, _request([SANCTIONS, "Zürich says no"])))
    assert np.frombuffer(behind[:n_bytes], "<f8").tolist() == plain["scores"]["data"]
    assert behind[n_bytes:] == b'\x0d\x00\x00\x00["sanctions"]\x02\x00\x00\x00[]'
    assert topics["parameters"]["binary_data_size"] == len(behind) - n_bytes


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "not JSON": ({"data": b"{"}, 400, "not JSON"),
    "no input": ({"json": {"inputs": []}}, 400, "/inputs"),
    "unknown input": ({"json": _request(["a"], "audio")}, 400, "/inputs/0/name"),
    "other datatype": (
        {"json": {"inputs": [{"name": "text", "shape": [1], "datatype": "FP32", "data": ["a"]}]}},
        400,
        "datatype",
    ),
    "numbers": ({"json": _request([1])}, 400, "/inputs/0/data/0"),
    "wrong shape": ({"json": _request(["a"], shape=[2])}, 400, "/inputs/0/shape"),
    "too many dimensions": ({"json": _request(["a"], shape=[1, 1, 1])}, 400, "/inputs/0/shape"),
    "rows of two": ({"json": _request([["a", "b"]], shape=[1, 2])}, 400, "/inputs/0/data/0"),
    "unknown output": ({"json": _request(["a"], outputs=[{"name": "logits"}])}, 400, "/outputs/0/name"),
    "no data": ({"json": {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"}]}}, 400, "binary_data_size"),
    "no documents": ({"json": _request([], shape=[0])}, 422, "0 documents"),
    "blank document": ({"json": _request(["a", " "])}, 422, "/inputs/0/data/1"),
    "limit zero": ({"json": _request(["a"], parameters={"limit": 0})}, 422, "limit"),
    "header over the body": ({"data": b"{}", "headers": {LENGTH: "3"}}, 400, LENGTH),
    "header no number": ({"data": b"{}", "headers": {LENGTH: "-1"}}, 400, LENGTH),
    "compressed": ({"data": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "compressed"),
    "body over the limit": ({"data": b"a" * 10_000_001}, 413, "10,000,000"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_have_the_protocols_form(client: FlaskClient, case: str) -> None:
    """A client of the protocol finds the reason where it looks for it."""
    request, status, words = BAD[case]
    answer = client.post("/v2/models/wiretag/infer", **request)
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert list(answer.json) == ["error"]
    assert words in answer.json["error"]


@pytest.mark.parametrize(("size", "raw"), [(4, b"\x05\x00\x00\x00"), (2, b"\x00\x00"), (5, b"\x01\x00\x00\x00\xff"), (9, b"a")])
def test_broken_binary_tensors_are_refused(client: FlaskClient, size: int, raw: bytes) -> None:
    """A length that lies, a tensor that ends early and bytes that are no text are errors of the caller."""
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    answer = client.post("/v2/models/wiretag/infer", data=head + raw, headers={LENGTH: str(len(head))})
    assert answer.status_code == 400
    assert answer.json["error"].startswith("/inputs/0")


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/nothing", "/v2/models/wiretag/versions/1", "/v2/models/wiretag/versions/1/ready"]
)
def test_what_is_not_served_is_not_found(client: FlaskClient, path: str) -> None:
    """Another model or version is a 404 in the protocol's form."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert list(answer.json) == ["error"]


def test_without_a_model_the_server_is_live_but_not_ready(tmp_path: Path) -> None:
    """A platform that probes by this protocol sends nothing to a server that cannot answer."""
    client = create_app(Settings(model=tmp_path)).test_client()
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", "/v2/models/wiretag", "/v2/models/wiretag/ready"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert list(answer.json) == ["error"]
