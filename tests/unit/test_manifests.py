"""The Kubernetes manifests say what the program does. That Kubernetes takes them is for `make test-deploy`."""

import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from flask.testing import FlaskClient

from models.cli import wiretag
from models.registry import Registry
from service.keys import read_keys
from service.settings import Settings
from training.commands import KEPT

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "docs" / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PORT = 8000


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


DEPLOYMENT = _read(BASE / "deployment.yaml")
CRON_JOB = _read(BASE / "retraining.yaml")
INFERENCE = _read(KUBERNETES / "kserve" / "inferenceservice.yaml")
PODS = {
    "service": DEPLOYMENT["spec"]["template"]["spec"],
    "retrain": CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    "kserve": INFERENCE["spec"]["predictor"],
}
SERVING = {name: PODS[name] for name in ("service", "kserve")}


def _environment(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))


CONFIG = _environment((BASE / "settings.env").read_text(encoding="utf-8").splitlines())


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["containers"], *pod.get("initContainers", ())]


def _settings(pod: dict[str, Any]) -> dict[str, str]:
    """What a pod's first container sets in so many words."""
    container = pod["containers"][0]
    given = {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}
    values = {**(CONFIG if "envFrom" in container else {}), **given}
    return {name: value for name, value in values.items() if not name.endswith("_FILE")}  # not there on this machine


def test_every_variable_is_a_setting() -> None:
    """A name that the program does not read would be a wish; each value is one that it takes."""
    known = {f"WIRETAG_{each.name.upper()}" for each in fields(Settings)}
    known |= {f"WIRETAG_{each.name.upper()}_FILE" for each in fields(Settings) if each.metadata.get("secret")}
    overlay = _read(KUBERNETES / "overlays" / "newsroom" / "kustomization.yaml")["configMapGenerator"][0]["literals"]
    named = {each["name"] for pod in PODS.values() for container in _containers(pod) for each in container.get("env", ())}
    assert named | CONFIG.keys() | _environment(overlay).keys() <= known
    for pod in PODS.values():
        Settings.from_environment(_settings(pod))
    Settings.from_environment({**_settings(PODS["service"]), **_environment(overlay)})


def test_one_port_everywhere() -> None:
    """What the program listens on is what the container, the service, the policy and the image name."""
    assert f"EXPOSE {PORT}" in DOCKERFILE
    for pod in SERVING.values():
        assert _settings(pod)["WIRETAG_BIND"] == f"0.0.0.0:{PORT}"
        (port,) = pod["containers"][0]["ports"]
        assert port["containerPort"] == PORT
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert pod["containers"][0][probe]["httpGet"]["port"] in (PORT, port["name"])
    (served,) = _read(BASE / "service.yaml")["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (PORT, PODS["service"]["containers"][0]["ports"][0]["name"])
    for path in (BASE / "network.yaml", KUBERNETES / "overlays" / "newsroom" / "ingress-may-ask.yaml"):
        assert _read(path)["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": PORT}]


def test_probes_ask_addresses_that_need_no_key(client: FlaskClient, tmp_path: Path) -> None:
    """A probe has no key; readiness asks for a model, liveness must not."""
    from service.app import create_app

    keys = tmp_path / "keys"
    keys.write_text("")  # sound, and lets nobody in
    locked = create_app(Settings(keys=keys)).test_client()
    (tmp_path / "empty").mkdir()
    without_model = create_app(Settings(keys=keys, model=tmp_path / "empty")).test_client()
    for pod in SERVING.values():
        for probe, status in (("startupProbe", 200), ("livenessProbe", 200), ("readinessProbe", 503)):
            path = pod["containers"][0][probe]["httpGet"]["path"]
            assert locked.get(path).status_code == 200
            assert without_model.get(path).status_code == status, (probe, path)


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_pods_are_hardened(pod: dict[str, Any]) -> None:
    """The user of the image, a read-only root, no capability, no token; what must be written is a volume."""
    user = int(re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)[-1])
    context = pod["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (user, user, user)
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # or the Service would bring variables that begin as our settings do
    volumes = {each["name"] for each in pod["volumes"]}
    for container in _containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
        assert "/tmp" in {each["mountPath"] for each in container["volumeMounts"]}
        assert not any("subPath" in each for each in container["volumeMounts"])
        assert "memory" in container["resources"]["limits"]


def test_images_are_those_that_are_built() -> None:
    """The names are compose.yaml's, and the overlay replaces every one of them."""
    named = {container["image"] for pod in PODS.values() for container in _containers(pod)}
    built = set(
        re.findall(r"^\s+image: \S*\b(wiretag[\w-]*:[\d.]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named == built
    replaced = {each["name"] for each in _read(KUBERNETES / "overlays" / "newsroom" / "kustomization.yaml")["images"]}
    assert replaced == {image.partition(":")[0] for image in named}


@pytest.mark.parametrize("pod", SERVING.values(), ids=SERVING)
def test_a_stop_is_waited_for_and_streams_have_room(pod: dict[str, Any]) -> None:
    """Kubernetes kills no pod that still answers, and evicts none for what the settings let it write."""
    settings = Settings.from_environment(_settings(pod))
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= before + settings.timeout + 5
    (room,) = (each["emptyDir"]["sizeLimit"] for each in pod["volumes"] if each["name"] == "tmp")
    streams = settings.workers * (settings.threads // 2)
    assert int(room.removesuffix("Gi")) << 30 >= streams * settings.stream_disk


def test_paths_of_settings_are_mounted() -> None:
    """The model lies on the volume, keys and address of the database in the secret, whose example has them."""
    secrets = _read(KUBERNETES / "secrets.example.yaml")
    for pod, volumes in (("service", ("models", "secrets")), ("retrain", ("models", "secrets")), ("kserve", ("secrets",))):
        mounts = {each["name"]: each["mountPath"] for each in PODS[pod]["containers"][0]["volumeMounts"]}
        assert mounts.keys() == {*volumes, "tmp"}
        assert mounts.get("models") in (None, CONFIG["WIRETAG_MODEL"])
        (volume,) = (each["secret"] for each in PODS[pod]["volumes"] if each["name"] == "secrets")
        assert volume["secretName"] == secrets["metadata"]["name"]
        files = {f"{mounts['secrets']}/{each['path']}": each["key"] for each in volume.get("items", ())}
        files = files or {f"{mounts['secrets']}/{key}": key for key in secrets["stringData"]}
        assert set(files.values()) <= secrets["stringData"].keys()
        needed = {"service": ("KEYS", "DATABASE_URL_FILE"), "retrain": ("DATABASE_URL_FILE",), "kserve": ("KEYS",)}[pod]
        assert files.keys() == {CONFIG[f"WIRETAG_{name}"] for name in needed}


def test_nothing_listens_without_keys() -> None:
    """The image may start without keys, in a network of its own; a cluster is no such network."""
    for pod in SERVING.values():
        assert Settings.from_environment(_settings(pod)).keys
        assert not Settings.from_environment({"WIRETAG_OPEN": "1", **_settings(pod)}).open


def test_the_steps_make_what_the_manifests_ask_for() -> None:
    """Who follows README.md has made the secret with its files, in the namespace of the overlay."""
    steps = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    secret = _read(KUBERNETES / "secrets.example.yaml")
    assert f"create secret generic {secret['metadata']['name']} " in steps
    assert set(re.findall(r"--from-file=(\w+)", steps)) == secret["stringData"].keys()
    namespace = _read(KUBERNETES / "overlays" / "newsroom" / "kustomization.yaml")["namespace"]
    assert set(re.findall(r"kubectl -n (\w+)", steps)) == {namespace}
    for path in re.findall(r"apply -k (\S+)", steps):
        assert (ROOT / path / "kustomization.yaml").exists()


def test_the_example_of_secrets_holds_none(tmp_path: Path) -> None:
    """It can be read by the program, opens nothing, and no kustomization would apply it."""
    example = _read(KUBERNETES / "secrets.example.yaml")["stringData"]
    (tmp_path / "keys").write_text(example["keys"])
    (key,) = read_keys(tmp_path / "keys")
    assert not any(key.digest)
    assert any(f"such as `{example['database_url']}`;" in each.metadata["doc"] for each in fields(Settings))
    for path in KUBERNETES.rglob("kustomization.yaml"):
        assert "secrets" not in path.read_text(encoding="utf-8")


def test_what_selects_finds_the_pods() -> None:
    """Service, budget, policy, autoscaler and spread mean the pods of the Deployment; only the policy also those that retrain."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    retrains = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    service = _read(BASE / "service.yaml")["spec"]["selector"]
    budget = _read(BASE / "disruption.yaml")["spec"]["selector"]["matchLabels"]
    policy = _read(BASE / "network.yaml")["spec"]["podSelector"]["matchLabels"]
    (spread,) = PODS["service"]["topologySpreadConstraints"]
    for selector in (service, budget, DEPLOYMENT["spec"]["selector"]["matchLabels"], spread["labelSelector"]["matchLabels"]):
        assert selector == labels != retrains
    assert policy.items() <= labels.items() & retrains.items()
    target = _read(BASE / "autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (DEPLOYMENT["kind"], DEPLOYMENT["metadata"]["name"])
    assert "replicas" not in DEPLOYMENT["spec"]  # or every apply would undo the autoscaler
    claim = _read(BASE / "models.yaml")["metadata"]["name"]
    for pod in (PODS["service"], PODS["retrain"]):
        assert {"persistentVolumeClaim": {"claimName": claim}, "name": "models"} in pod["volumes"]


def test_every_file_is_taken() -> None:
    """No manifest of the base is left lying."""
    taken = set(_read(BASE / "kustomization.yaml")["resources"])
    assert taken == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}


@pytest.mark.parametrize(("status", "told"), [(0, 0), (KEPT, 0), (1, 1), (2, 2), (137, 137)])
def test_a_model_that_was_kept_is_no_failure(tmp_path: Path, status: int, told: int) -> None:
    """Only the exit status that says so is taken for done; others reach the policy of the job as they are."""
    (container,) = PODS["retrain"]["containers"]
    fake = tmp_path / "wiretag"
    fake.write_text(f'#!/bin/sh\necho "$@"\nexit {status}\n')
    fake.chmod(0o755)
    environment = {"WIRETAG_MODEL": "/models", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    shell = [*container["command"], *container["args"]]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (told, "retrain --registry /models\n")
    assert CRON_JOB["spec"]["concurrencyPolicy"] == "Forbid"
    policy = CRON_JOB["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert {each["onExitCodes"]["containerName"] for each in policy if "onExitCodes" in each} == {container["name"]}


def test_an_empty_volume_gets_the_model_of_the_image(tmp_path: Path, runner: CliRunner) -> None:
    """What runs before the service is a command of ours: it fills an empty registry, and leaves another as it is."""
    (container,) = PODS["service"]["initContainers"]
    assert "command" not in container  # the image's own is `wiretag`
    for _ in range(2):
        done = runner.invoke(wiretag, container["args"], env={"WIRETAG_MODEL": str(tmp_path)}, catch_exceptions=False)
        assert done.exit_code == 0
        assert Registry(tmp_path).load_current().version == Registry().current()
