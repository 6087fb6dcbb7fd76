"""Requests and responses of the Open Inference Protocol (KServe V2), with its extension for tensors in binary form."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from flask import Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from models.pipeline import Document, Json, Options
from service.problems import Problem
from service.schema import Limit, RequestDocument, Text, checked_document, named
from service.settings import Settings
from service.wire import decode, encode, read_body

HEADER = "Inference-Header-Content-Length"  # bytes of JSON before the binary tensors
OUTPUTS = ("result", "topics", "scores")
_LENGTH = struct.Struct("<I")  # of a string, before each
_DOUBLE = struct.Struct("<d")


class InputParameters(Struct):
    """Parameters of an input; others are ignored."""

    binary_data_size: Annotated[int, Meta(ge=0, description="bytes of this tensor behind the JSON")] | None = None


class InferInput(Struct):
    """A tensor of documents, of shape [n] or [n, 1]."""

    name: Annotated[Literal["text", "page", "html"], Meta(description="what each document is")]
    shape: Annotated[list[int], Meta(min_length=1, max_length=2)]
    datatype: Literal["BYTES"]
    data: (
        Annotated[list[Text | tuple[Text]], named("Texts"), Meta(description="left out where the tensor is binary")] | UnsetType
    ) = UNSET
    parameters: InputParameters | None = None


class OutputParameters(Struct):
    """Parameters of an output; others are ignored."""

    binary_data: bool | None = None


class RequestedOutput(Struct):
    """An output that is asked for."""

    name: Literal["result", "topics", "scores"]
    parameters: OutputParameters | None = None


class InferParameters(Struct):
    """Options for all documents of a request; parameters not named here are ignored."""

    explain: Annotated[bool, Meta(description="with the words that decided and the arithmetic")] = False
    limit: Limit | None = None
    binary_data_output: Annotated[bool, Meta(description="outputs in binary form unless they say otherwise")] = False


class InferRequest(Struct):
    """Documents to classify, all of one kind. One that cannot be used fails the request: a tensor has no place for an error."""

    inputs: Annotated[list[InferInput], Meta(min_length=1, max_length=1)]
    id: str | None = None
    outputs: Annotated[list[RequestedOutput], Meta(description="all where none is named")] | None = None
    parameters: InferParameters | None = None


class InferOutput(Struct, forbid_unknown_fields=True):
    """A tensor of answers, one row a document."""

    name: Annotated[
        Literal["result", "topics", "scores"],
        Meta(description="`result`: as /classify answers; `topics`: a JSON list of those assigned; `scores`: of every topic"),
    ]
    datatype: Literal["BYTES", "FP64"]
    shape: list[int]
    parameters: Annotated[dict[str, str | int], Meta(description="`topics`: those of the columns")] | UnsetType = UNSET
    data: Annotated[list[str | float], Meta(description="row by row; left out where the tensor is binary")] | UnsetType = UNSET


class InferResponse(Struct, forbid_unknown_fields=True):
    """Answers in the order of the documents."""

    model_name: Literal["wiretag"]
    model_version: str
    id: Annotated[str, Meta(description="the caller's, else the request id")]
    outputs: list[InferOutput]


@dataclass(frozen=True, slots=True)
class Inference:
    """A request to infer: its documents, how to answer and in which form; `outputs` says of each whether it is binary."""

    id: str | None
    documents: list[Document]
    options: Options
    outputs: dict[str, bool]


@dataclass(frozen=True, eq=False, slots=True)
class OutputTensor:
    """One output; its values come row by row, and once."""

    name: str
    datatype: str
    shape: list[int]
    values: Iterable[Any]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        """The values in binary form."""
        if self.datatype == "FP64":
            return b"".join(map(_DOUBLE.pack, self.values))
        return b"".join(_LENGTH.pack(len(each)) + each for each in map(str.encode, self.values))


def read_inference(request: Request, settings: Settings) -> Inference:
    """The documents and options of a request. Raises `Problem`."""
    body = read_body(request, settings)
    head, binary = _split(body, request.headers.get(HEADER))
    parsed = decode(head, InferRequest, "")
    given = parsed.parameters or InferParameters()
    (tensor,) = parsed.inputs
    texts = _texts(tensor, binary)
    if not 0 < len(texts) <= settings.max_documents:
        raise Problem(422, f"{len(texts):,} documents; send 1 to {settings.max_documents:,} a request")
    documents = [
        checked_document(RequestDocument(**{tensor.name: text}), f"/inputs/0/data/{index}", settings)
        for index, text in enumerate(texts)
    ]
    limit = None if given.limit is None else int(given.limit)
    outputs = dict.fromkeys(OUTPUTS, given.binary_data_output) if not parsed.outputs else {}
    for each in parsed.outputs or ():
        own = each.parameters.binary_data if each.parameters else None
        outputs[each.name] = given.binary_data_output if own is None else own
    return Inference(parsed.id, documents, Options(given.explain, limit), outputs)


def inference_response(head: Json, tensors: Mapping[OutputTensor, bool]) -> Response:
    """The response; `tensors` says of each whether it is binary. Those that are stand behind the JSON, in their order."""
    outputs, behind = [], b""
    for tensor, is_binary in tensors.items():
        output: Json = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        parameters: Json = dict(tensor.parameters)
        if is_binary:
            raw = tensor.raw()
            behind += raw
            parameters["binary_data_size"] = len(raw)
        else:
            output["data"] = list(tensor.values)
        outputs.append({**output, "parameters": parameters} if parameters else output)
    body = encode({**head, "outputs": outputs})
    if True not in tensors.values():
        return Response(body, content_type="application/json")
    return Response(body + behind, content_type="application/octet-stream", headers={HEADER: str(len(body))})


def _split(body: bytes, length: str | None) -> tuple[bytes, bytes]:
    """The JSON of a body and the binary tensors behind it."""
    if length is None:
        return body, b""
    if not (length.isascii() and length.isdecimal() and len(length) < 19 and int(length) <= len(body)):
        raise Problem(400, f"{HEADER} must be a number of bytes, at most those of the body")
    return body[: int(length)], body[int(length) :]


def _texts(tensor: InferInput, binary: bytes) -> list[str]:
    """The documents of an input, however they were written."""
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is not None:
        if tensor.data is not UNSET or size != len(binary):
            raise Problem(400, f"/inputs/0: binary_data_size is {size}, but {len(binary)} bytes stand behind the JSON")
        texts = _unpack(binary)
    elif tensor.data is UNSET or binary:
        raise Problem(400, "/inputs/0: give either data or binary_data_size with as many bytes behind the JSON")
    else:
        texts = [each if isinstance(each, str) else each[0] for each in tensor.data]
    if tensor.shape[0] != len(texts) or tensor.shape[1:] not in ([], [1]):
        raise Problem(400, f"/inputs/0/shape: there are {len(texts)} documents; the shape must be [n] or [n, 1]")
    return texts


def _unpack(binary: bytes) -> list[str]:
    """Strings, each behind its length in four bytes, little-endian."""
    texts: list[str] = []
    at = 0
    while at < len(binary):
        end = at + _LENGTH.size
        if end > len(binary) or (end := end + _LENGTH.unpack_from(binary, at)[0]) > len(binary):
            raise Problem(400, f"/inputs/0: the binary tensor ends within element {len(texts)}")
        try:
            texts.append(binary[at + _LENGTH.size : end].decode())
        except UnicodeDecodeError as error:
            raise Problem(400, f"/inputs/0: element {len(texts)} is not UTF-8 (byte {error.start})") from None
        at = end
    return texts
