"""The Open Inference Protocol (KServe V2): the model behind the addresses that KServe's, Seldon's and Triton's clients know."""

from importlib.metadata import version as version_of
from itertools import chain
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response, current_app, g, request
from msgspec import UNSET, Meta, Struct, UnsetType

from models.decisions import Decision
from models.errors import InputError
from models.pipeline import Json, Result, check_options, classify
from models.release import Release
from service.answers import ModelVersion
from service.keys import Role, needs
from service.limits import turns
from service.metrics import metrics
from service.model import serving
from service.openapi import operation
from service.problems import Problem
from service.tensors import HEADER, InferRequest, InferResponse, OutputTensor, inference_response, read_inference
from service.wire import encode, json_response

NAME = "wiretag"
blueprint = Blueprint("inference", __name__, url_prefix="/v2")


class InferenceError(Struct, forbid_unknown_fields=True):
    """An error in the protocol's form."""

    error: str


class Server(Struct, forbid_unknown_fields=True):
    """The server."""

    name: Literal["wiretag"]
    version: str
    extensions: list[Literal["binary_tensor_data"]]


class Live(Struct, forbid_unknown_fields=True):
    """The server answers."""

    live: Literal[True]


class ServerReady(Struct, forbid_unknown_fields=True):
    """The server has a model."""

    ready: Literal[True]


class ModelReady(Struct, forbid_unknown_fields=True):
    """The model is loaded and passed its self-test."""

    name: Literal["wiretag"]
    ready: Literal[True]


class TensorMetadata(Struct, forbid_unknown_fields=True):
    """A tensor that the model takes or gives; -1 stands for any number of documents."""

    name: str
    datatype: Literal["BYTES", "FP64"]
    shape: list[int]
    parameters: Annotated[dict[str, str], Meta(description="`topics`: those of the columns")] | UnsetType = UNSET


class ModelMetadata(Struct, forbid_unknown_fields=True):
    """What the model takes and gives."""

    name: Literal["wiretag"]
    versions: list[ModelVersion]
    platform: Literal["wiretag"]
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelPath(Struct):
    """The version that a request is for."""

    version: ModelVersion


class InferHeaders(Struct):
    """Headers of a request to infer."""

    header_length: Annotated[int, Meta(ge=0, description="bytes of JSON before the binary tensors")] | UnsetType = (
        msgspec.field(default=UNSET, name=HEADER)
    )


@blueprint.get("")
@needs(None)
@operation("The server", answer=Server, problem=InferenceError)
def server() -> Response:
    """What this server is, in the Open Inference Protocol."""
    return json_response({"name": NAME, "version": version_of(NAME), "extensions": ["binary_tensor_data"]})


@blueprint.get("/health/live")
@needs(None)
@operation("Live", answer=Live, problem=InferenceError)
def live() -> Response:
    """200 while the process answers at all."""
    return json_response({"live": True})


@blueprint.get("/health/ready")
@needs(None)
@operation("Ready", answer=ServerReady, problem=InferenceError)
def ready() -> Response:
    """200 only when a model is loaded and its self-test passed."""
    serving()
    return json_response({"ready": True})


@blueprint.get(f"/models/{NAME}/ready")
@blueprint.get(f"/models/{NAME}/versions/<version>/ready")
@needs(None)
@operation("The model is ready", answer=ModelReady, path=ModelPath, problem=InferenceError)
def model_ready(version: str | None = None) -> Response:
    """200 only when the model is loaded, in the version that is asked for."""
    _served(version)
    return json_response({"name": NAME, "ready": True})


@blueprint.get(f"/models/{NAME}")
@blueprint.get(f"/models/{NAME}/versions/<version>")
@needs(Role.CLASSIFY)
@operation("The model's tensors", answer=ModelMetadata, path=ModelPath, problem=InferenceError)
def model(version: str | None = None) -> Response:
    """What the model takes and gives."""
    release = _served(version)
    answer = {
        "name": NAME,
        "versions": [release.version],
        "platform": NAME,
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("text", "page", "html")],
        "outputs": [
            *({"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("result", "topics")),
            {"name": "scores", "datatype": "FP64", "shape": [-1, len(release.topics)], "parameters": _columns(release)},
        ],
    }
    return json_response(answer)


@blueprint.post(f"/models/{NAME}/infer")
@blueprint.post(f"/models/{NAME}/versions/<version>/infer")
@needs(Role.CLASSIFY)
@operation(
    "Classify documents by the Open Inference Protocol",
    answer=InferResponse,
    answer_types={"application/octet-stream": bytes},
    answer_headers={HEADER: "bytes of JSON before the binary tensors, where there are any"},
    body=InferRequest,
    body_types={"application/octet-stream": bytes},
    headers=InferHeaders,
    path=ModelPath,
    problem=InferenceError,
    problems=(422,),
    example={
        "inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["The EU extended its sanctions on the bank."]}]
    },
)
def infer(version: str | None = None) -> Response:
    """Classify documents.

    One input holds them all: `text`, `page` or `html`, of shape [n] or [n, 1], as JSON or as a binary tensor behind it. Outputs
    are `result` (as /classify answers, in JSON), `topics` (a JSON list of those assigned) and `scores` (of every topic; for a
    page those of its main segment, 0 where it has none). A document that cannot be used fails the request.
    """
    turns().refuse_if_full()
    release = _served(version)
    inference = read_inference(request, current_app.config["WIRETAG_SETTINGS"])
    check_options(release, inference.options)
    g.documents = len(inference.documents)
    results = []
    with turns().turn() as deadline:
        for index, document in enumerate(inference.documents):
            deadline.check()
            try:
                results.append(classify(release, document, inference.options))
            except InputError as error:
                raise Problem(422, f"/inputs/0/data/{index}: {error}") from None
    metrics.results(results)
    scores = [_scores(result, len(release.topics)) for result in results]
    tensors = {
        "result": OutputTensor("result", "BYTES", [len(results)], (encode(result).decode() for result in results)),
        "topics": OutputTensor("topics", "BYTES", [len(results)], map(_assigned, results)),
        "scores": OutputTensor("scores", "FP64", [len(results), len(release.topics)], chain(*scores), _columns(release)),
    }
    head = {"model_name": NAME, "model_version": release.version, "id": g.request_id if inference.id is None else inference.id}
    return inference_response(head, {tensors[name]: is_binary for name, is_binary in inference.outputs.items()})


@blueprint.after_app_request
def _own_errors(response: Response) -> Response:
    """Errors under /v2 in the protocol's form, wherever in the service they came from."""
    if response.status_code < 400 or response.mimetype != "application/problem+json":
        return response
    if request.path == "/v2" or request.path.startswith("/v2/"):
        problem = msgspec.json.decode(response.get_data())
        unknown = response.status_code == 404 and request.url_rule is None
        error = f"there is nothing at this address; the model is at /v2/models/{NAME}" if unknown else problem["detail"]
        response.set_data(encode({"error": error}))
        response.content_type = "application/json"
    return response


def _served(version: str | None) -> Release:
    """The serving model. Raises a 404 problem where another version is asked for."""
    release = serving()
    if version is not None and version != release.version:
        raise Problem(404, f"this version is not served; {release.version} is")
    return release


def _columns(release: Release) -> Json:
    return {"topics": ",".join(topic.id for topic in release.topics)}


def _scores(result: Result, n_topics: int) -> list[float]:
    """The scores of every topic: of the text, or of a page's main segment."""
    return result.own.scored.scores if result.own else [0.0] * n_topics


def _assigned(result: Json) -> str:
    return encode([topic["topic"] for topic in result["topics"] if topic["decision"] == Decision.ASSIGNED]).decode()
