"""The InferenceService of docs/deploy/kubernetes/kserve is one that KServe knows: held to the types of its own client.

Runs in the environment of the clients; `make test-clients` sets it up.
"""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kserve.models
import kubernetes.client.models
import yaml

MANIFEST = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "kubernetes" / "kserve" / "inferenceservice.yaml"
PLAIN = {"str": str, "int": int, "bool": bool}


def faults(value: Any, kind: str, place: str = "") -> Iterator[str]:
    """Where a value has a field that its type does not know, or one of another type."""
    if several := re.fullmatch(r"list\[(.+)\]", kind):
        for n, each in enumerate(value):
            yield from faults(each, several[1], f"{place}/{n}")
    elif kind in PLAIN:
        if type(value) is not PLAIN[kind]:
            yield f"{place}: {value!r} is no {kind}"
    elif model := getattr(kserve.models, kind, None) or getattr(kubernetes.client.models, kind, None):
        known = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
        for name, each in value.items():
            if name in known:
                yield from faults(each, known[name], f"{place}/{name}")
            else:
                yield f"{place}/{name}: {kind} has no such field"


manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
assert not (found := list(faults(manifest, "V1beta1InferenceService"))), found
for name, wrong in (("minReplica", 2), ("scaleTarget", "80")):
    spoilt = copy.deepcopy(manifest)
    spoilt["spec"]["predictor"][name] = wrong
    assert len(list(faults(spoilt, "V1beta1InferenceService"))) == 1, name
print("clients: KServe's types know the InferenceService")
