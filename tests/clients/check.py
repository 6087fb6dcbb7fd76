"""The Open Inference Protocol as its public clients speak it: KServe's and Triton's packages against a running server.

    python check.py http://127.0.0.1:8000

Runs in an environment of its own, which has the clients and nothing of ours; `make test-clients` sets it up.
"""

import asyncio
import json
import sys
from collections.abc import Callable

import httpx
import numpy as np
import tritonclient.http as triton
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient.utils import InferenceServerException

SANCTIONS = "The US Treasury imposed sanctions on two banks and froze the assets of their owners, officials said on Thursday."
POOL = "The council said on Monday that the swimming pool would be closed until the roof – “old” – had been repaired."
PAGE = f"Swimming pool stays shut\n{POOL}\nComments\n\nDaily Ledger\n2 hours ago\n- Daily Ledger\nBanks under sanctions\n{SANCTIONS}\n"
TEXTS = np.array([SANCTIONS, POOL], dtype=np.object_)


def kserve_json(url: str) -> None:
    """KServe's client with tensors as JSON: readiness, and topics and scores in the order of the texts."""

    async def run() -> None:
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            assert await client.is_server_live(url)
            assert await client.is_server_ready(url)
            assert await client.is_model_ready(url, "wiretag")
            assert not await client.is_model_ready(url, "other")
            given = InferInput("text", [2], "BYTES")
            given.set_data_from_numpy(TEXTS, binary_data=False)
            answer = await client.infer(url, InferRequest("wiretag", [given], request_id="desk-7"), model_name="wiretag")
            assert answer.id == "desk-7"
            assert [json.loads(each) for each in answer.get_output_by_name("topics").data] == [["sanctions"], []]
            scores = answer.get_output_by_name("scores")
            assert scores.as_numpy().shape == (2, 5)
            columns = scores.parameters["topics"].split(",")
            assert scores.as_numpy()[0, columns.index("sanctions")] > 0.75 > scores.as_numpy()[1].max()

    asyncio.run(run())


def kserve_binary(url: str) -> None:
    """KServe's client with binary tensors, which it sends unless told otherwise, in and out, for a page."""

    async def run() -> None:
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            given = InferInput("page", [1, 1], "BYTES")
            given.set_data_from_numpy(np.array([[PAGE]], dtype=np.object_), binary_data=True)
            wanted = [RequestedOutput("result", {"binary_data": True}), RequestedOutput("scores", {"binary_data": True})]
            request = InferRequest("wiretag", [given], request_outputs=wanted, parameters={"explain": True})
            answer = await client.infer(url, request, model_name="wiretag")
            (raw,) = answer.get_output_by_name("result").as_numpy()
            result = json.loads(raw)
            assert [segment["role"] for segment in result["segments"]] == ["main", "related"]
            assert result["related_topics"][0]["topic"] == "sanctions"
            assert result["segments"][1]["topics"][0]["evidence"]
            assert answer.get_output_by_name("scores").as_numpy().dtype == np.float64

    asyncio.run(run())


def kserve_errors(url: str) -> None:
    """What KServe's client raises holds the service's own words."""

    async def run() -> None:
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            given = InferInput("text", [1], "BYTES", data=[" "])
            raised = None
            try:
                await client.infer(url, InferRequest("wiretag", [given]), model_name="wiretag")
            except httpx.HTTPStatusError as error:
                raised = error
            assert raised is not None
            assert raised.response.status_code == 422
            assert "/inputs/0/data/0: the text is empty or blank" in str(raised)

    asyncio.run(run())


def triton_metadata(url: str) -> None:
    """Triton's client reads health and metadata, also of the serving version by name."""
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        (version,) = client.get_model_metadata("wiretag")["versions"]
        assert client.is_model_ready("wiretag", version)
        assert not client.is_model_ready("wiretag", "1")


def triton_infer(url: str) -> None:
    """Triton's client as it is by default: binary tensors in and out, and an error it understands."""
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        given = triton.InferInput("text", [2], "BYTES")
        given.set_data_from_numpy(TEXTS)
        answer = client.infer("wiretag", [given], request_id="desk-8", parameters={"limit": 1})
        assert answer.get_response()["id"] == "desk-8"
        assert [json.loads(each) for each in answer.as_numpy("topics")] == [["sanctions"], []]
        assert answer.as_numpy("scores").shape == (2, 5)
        chosen = [triton.InferRequestedOutput("result", binary_data=False)]
        (version,) = client.get_model_metadata("wiretag")["versions"]
        again = client.infer("wiretag", [given], model_version=version, outputs=chosen)
        assert json.loads(again.as_numpy("result")[1])["reason"] == "below_threshold"
        assert again.as_numpy("scores") is None
        raised = None
        try:
            client.infer("wiretag", [given], model_version="1")
        except InferenceServerException as error:
            raised = error
        assert raised is not None
        assert raised.status() == "404"
        assert "this version is not served" in raised.message()


CHECKS: list[Callable[[str], None]] = [kserve_json, kserve_binary, kserve_errors, triton_metadata, triton_infer]

if __name__ == "__main__":
    for check in CHECKS:
        check(sys.argv[1])
        print(f"clients: {check.__name__}: passed")
    print(f"{len(CHECKS)} passed, 0 failed")
