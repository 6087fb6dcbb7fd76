"""The Kubernetes manifests are what Kubernetes takes: kustomize builds them, and every object fits the schemas of its versions.

    python check.py KUBECTL

Runs in an environment of its own, which has kubectl and the schemas and nothing of ours; `make test-deploy` sets it up. Nothing
here talks to a cluster. That the manifests agree with the program is for tests/unit/test_manifests.py.
"""

import copy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes_validate import SchemaNotFoundError, ValidationError, validate
from kubernetes_validate.utils import all_versions

KUBERNETES = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "kubernetes"
OLDEST = (1, 30)  # preStop's `sleep` works from there on
OF_KSERVE = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}  # what its predictor has beside a pod's fields

Object = dict[str, Any]


def versions() -> list[str]:
    """The Kubernetes that the manifests are for, as far as there are schemas."""
    found = [each for each in all_versions() if tuple(map(int, each.split(".")[:2])) >= OLDEST]
    return sorted(set(found), key=lambda each: tuple(map(int, each.split("."))))


def built(kubectl: str, folder: Path) -> list[Object]:
    """What a kustomization makes. Raises `CalledProcessError`."""
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True, timeout=60)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def faults(objects: list[Object], version: str) -> list[str]:
    """What the strict schemas of a Kubernetes have against objects: unknown fields and kinds, wrong types, what is missing."""
    found = []
    for each in objects:
        name = f"{each.get('kind')}/{each.get('metadata', {}).get('name')}"
        try:
            validate(each, version, strict=True)
        except ValidationError as error:
            found.append(f"{version} {name}: {'.'.join(map(str, error.path))}: {error.message[:200]}")
        except (SchemaNotFoundError, KeyError) as error:
            found.append(f"{version} {name}: {getattr(error, 'message', error)}")
    return found


def pod_of(service: Object) -> Object:
    """The pod that an InferenceService asks KServe for: its own container, for which the schema of a pod holds."""
    predictor = {key: value for key, value in service["spec"]["predictor"].items() if key not in OF_KSERVE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": predictor}


def _pod(objects: list[Object]) -> Object:
    return next(each for each in objects if each["kind"] == "Deployment")["spec"]["template"]["spec"]


def _of(objects: list[Object], kind: str) -> Object:
    return next(each for each in objects if each["kind"] == kind)


SPOILT: dict[str, Callable[[list[Object]], Any]] = {
    "a misspelt field": lambda all_: _pod(all_)["containers"][0].update(readinesProbe={}),
    "a field in the wrong place": lambda all_: _of(all_, "Deployment")["spec"].update(terminationGracePeriodSeconds=5),
    "a number as text": lambda all_: _of(all_, "HorizontalPodAutoscaler")["spec"].update(minReplicas="two"),
    "a setting that is no text": lambda all_: _pod(all_)["containers"][0].update(env=[{"name": "WIRETAG_WORKERS", "value": 2}]),
    "no selector": lambda all_: _of(all_, "Deployment")["spec"].pop("selector"),
    "a probe without a port": lambda all_: _pod(all_)["containers"][0]["livenessProbe"]["httpGet"].pop("port"),
    "a kind that is gone": lambda all_: _of(all_, "PodDisruptionBudget").update(apiVersion="policy/v1beta1"),
    "a kind that never was": lambda all_: _of(all_, "Service").update(kind="Servise"),
    "no schedule": lambda all_: _of(all_, "CronJob")["spec"].pop("schedule"),
    "settings that are no texts": lambda all_: _of(all_, "ConfigMap")["data"].update(WIRETAG_WORKERS=2),
}


def main() -> None:
    """Check all, and that what is spoilt does not pass."""
    kubectl = sys.argv[1]
    base = built(kubectl, KUBERNETES / "base")
    overlay = built(kubectl, KUBERNETES / "overlays" / "newsroom")
    secrets = list(yaml.safe_load_all((KUBERNETES / "secrets.example.yaml").read_text(encoding="utf-8")))
    inference = yaml.safe_load((KUBERNETES / "kserve" / "inferenceservice.yaml").read_text(encoding="utf-8"))
    objects = [*base, *overlay, *secrets, pod_of(inference)]
    found = [fault for version in versions() for fault in faults(objects, version)]
    assert not found, "\n".join(found)

    # the overlay changes what it says, and nothing is left in another namespace or with another image
    assert {each["metadata"].get("namespace") for each in overlay if each["kind"] != "Namespace"} == {"newsroom"}
    assert {each["kind"] for each in overlay} == {each["kind"] for each in base} | {"Namespace"}
    images = [each["image"] for each in [*_pod(overlay)["containers"], *_pod(overlay)["initContainers"]]]
    assert set(images) == {"registry.example/wiretag:0.1"}, images
    settings = _of(overlay, "ConfigMap")
    assert settings["data"].items() >= {**_of(base, "ConfigMap")["data"], "WIRETAG_PROXIES": "1"}.items()
    assert settings["metadata"]["name"] != _of(base, "ConfigMap")["metadata"]["name"]  # so that pods are replaced
    assert {ref["configMapRef"]["name"] for ref in _pod(overlay)["containers"][0]["envFrom"]} == {settings["metadata"]["name"]}

    for what, spoil in SPOILT.items():
        spoilt = copy.deepcopy(base)
        spoil(spoilt)
        assert faults(spoilt, versions()[-1]), f"{what} passes"
    spoilt_pod = copy.deepcopy(inference)
    spoilt_pod["spec"]["predictor"]["containers"][0]["readinesProbe"] = {}
    assert faults([pod_of(spoilt_pod)], versions()[-1]), "a misspelt field of the predictor passes"
    with tempfile.TemporaryDirectory() as folder:
        for old, new in (("- service.yaml", "- servise.yaml"), ("resources:", "resorces:")):
            copied = Path(shutil.copytree(KUBERNETES / "base", Path(folder) / new.strip("-: ")))
            kustomization = copied / "kustomization.yaml"
            kustomization.write_text(kustomization.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
            try:
                built(kubectl, copied)
            except subprocess.CalledProcessError:
                continue
            raise AssertionError(f"a kustomization with {new!r} passes")
    print(
        f"deploy: {len(objects)} objects fit Kubernetes {versions()[0]} to {versions()[-1]}; {len(SPOILT) + 3} spoilt ones do not"
    )


if __name__ == "__main__":
    main()
