"""What is wrong with a container's surroundings is said in one line, by the part that minds, with the right exit status."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.registry import Registry
from tests.containers.deployment import HARDENED, PROJECT, Deployment, Ended, ask, docker, run, run_to_end, said
from tests.running import free_port, wait_until

CORRECTION = {"text": "The ferry company sanctioned a new timetable on Monday.", "topics": []}
Start = Callable[..., tuple[str, int]]


@pytest.fixture
def start(deployment: Deployment) -> Iterator[Start]:
    """Start a hardened service of its own: its container and its port."""
    started = []

    def start(*options: str, **settings: str) -> tuple[str, int]:
        port = free_port()
        variables = [word for name, value in settings.items() for word in ("--env", f"WIRETAG_{name.upper()}={value}")]
        # made, joined to the network where the database is, and only then started
        words = [
            "create",
            "--network",
            f"{PROJECT}_front",
            "--publish",
            f"127.0.0.1:{port}:8000",
            *HARDENED,
            *options,
            *variables,
        ]
        container = docker(*words, deployment.image)
        started.append(container)
        docker("network", "connect", f"{PROJECT}_back", container)
        docker("start", container)
        wait_until(lambda: ask(port, "/healthz").status == 200, 60)
        return container, port

    yield start
    docker("rm", "--force", "--volumes", *started)


@pytest.fixture
def small_volume(deployment: Deployment) -> Iterator[str]:
    """The name of a volume of 5 MB: one model and a half."""
    options = ("type=tmpfs", "device=tmpfs", "o=size=5m,uid=10001,gid=10001")
    name = docker("volume", "create", *(word for option in options for word in ("--opt", option)))
    # it lives in memory, for as long as a container has it
    holder = docker(
        "run", "--detach", "--network", "none", "--volume", f"{name}:/held", "--entrypoint", "sleep", deployment.image, "600"
    )
    yield name
    docker("rm", "--force", holder)
    docker("volume", "rm", "--force", name)


def seed(deployment: Deployment, folder: Path | str, *more: str) -> Ended:
    options = ("--volume", f"{folder}:/models", "--env", "WIRETAG_MODEL=/models", *more)
    return run_to_end(deployment.image, "models", "seed", options=options)


def one_line(ended: Ended) -> str:
    """What a command that failed said: one line that is no traceback."""
    assert ended.status == 1, ended.output
    (line,) = ended.output.splitlines()
    assert line.startswith("wiretag: ")
    return line


def test_a_volume_without_a_model_is_waited_for(start: Start, tmp_path: Path) -> None:
    """The service is alive, not ready, and says so until a model is there."""
    tmp_path.chmod(0o755)
    container, port = start("--volume", f"{tmp_path}:/models", model="/models")
    assert "no model is active yet" in said(container)
    assert ask(port, "/readyz").status == 503
    assert ask(port, "/classify", CORRECTION | {"topics": ["sanctions"]}).status == 503
    wait_until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "unhealthy", 60)
    shutil.copytree(Registry().current_folder(), tmp_path / "releases" / str(Registry().current()))
    (tmp_path / "current").write_text(f"{Registry().current()}\n")
    wait_until(lambda: ask(port, "/readyz").status == 200, 30)


def test_a_model_of_a_newer_program_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    """The service does not start, and says what to upgrade."""
    folder = shutil.copytree(Registry().current_folder(), tmp_path / "release")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}), encoding="utf-8")
    ended = run_to_end(deployment.image, options=("--volume", f"{folder}:/models:ro", "--env", "WIRETAG_MODEL=/models"))
    assert "model format 99, this program reads" in one_line(ended)


def test_a_volume_of_another_owner_is_named(deployment: Deployment, tmp_path: Path) -> None:
    """Whoever may not write or not even read a volume is told which user has to."""
    tmp_path.chmod(0o755)
    assert "cannot be written (Permission denied); make the registry writable for user 10001" in one_line(
        seed(deployment, tmp_path)
    )
    tmp_path.chmod(0o700)
    options = ("--volume", f"{tmp_path}:/models", "--env", "WIRETAG_MODEL=/models")
    ended = run_to_end(deployment.image, options=options)
    assert "/models: cannot be read (Permission denied); user 10001 must be able to" in one_line(ended)


def test_a_full_volume_takes_no_model(deployment: Deployment, small_volume: str) -> None:
    """A first model is there whole or not at all, and the message says what is missing."""
    mounted = ("--volume", f"{small_volume}:/models")
    run_to_end(deployment.image, "-c", "head -c 4000000 /dev/zero >/models/filler", options=(*mounted, "--entrypoint", "sh"))
    assert "the model cannot be written (No space left on device); free some space" in one_line(seed(deployment, small_volume))
    left = run_to_end(deployment.image, "/models", "-type", "f", "-size", "+0", options=(*mounted, "--entrypoint", "find"))
    assert left.output == "/models/filler"


def test_a_full_volume_takes_no_retrained_model(deployment: Deployment, small_volume: str, sample: Path) -> None:
    """The run says why it failed and ends with 1, and the model of before is untouched."""
    assert seed(deployment, small_volume).status == 0
    mounted = ("--volume", f"{small_volume}:/models", "--env", "WIRETAG_MODEL=/models", "--volume", f"{sample}:/corpus:ro")
    words = ("retrain", "--corpus", "/corpus", "--no-corrections", "--no-curve", "--force", "--json")
    ended = run_to_end(os.environ["WIRETAG_TRAIN_IMAGE"], *words, options=mounted)
    assert "the model cannot be written (No space left on device); free some space" in one_line(ended)
    assert run_to_end(deployment.image, "models", "verify", options=mounted).output == f"{Registry().current()}: sound"


def test_a_full_disk_takes_no_correction(small_volume: str, start: Start) -> None:
    """What could not be stored is never answered with 201, classification goes on, and with space corrections do, too."""
    container, port = start("--volume", f"{small_volume}:/data")
    first = ask(port, "/corrections", CORRECTION)
    assert first.status == 201
    docker("exec", container, "sh", "-c", "head -c 5m /dev/zero >/data/filler || true")
    wait_until(lambda: ask(port, "/corrections", CORRECTION).status != 201)  # its log has some room left
    refused = ask(port, "/corrections", CORRECTION)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert "the disk is full" in refused.body["detail"]
    assert ask(port, "/classify", {"text": "The editor was fined by the court."}).status == 200
    docker("exec", container, "rm", "/data/filler")
    wait_until(lambda: ask(port, "/corrections", CORRECTION).status == 201, 30)

    def kept() -> bool:
        answer = ask(port, "/corrections")  # 503 from a worker that has not tried again yet
        return answer.status == 200 and first.body["id"] in {each["id"] for each in answer.body["corrections"]}

    wait_until(kept, 30)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("postgresql://wiretag:wrong-one@postgres/wiretag", "it refuses our name or password"),
        ("postgresql://wiretag:wrong-one@postgres:1/wiretag", "it is unreachable"),
    ],
)
def test_a_database_that_cannot_be_had_stops_corrections_alone(start: Start, url: str, fault: str) -> None:
    """Corrections get 503 with the reason, the log names the database, nobody sees the password, classification goes on."""
    container, port = start(database_url=url)
    refused = ask(port, "/corrections", CORRECTION)
    assert refused.status == 503
    assert fault in refused.body["detail"]
    assert ask(port, "/classify", {"text": "The editor was fined by the court."}).status == 200
    assert ask(port, "/readyz").status == 200
    logged = said(container)
    assert fault in logged
    assert "wrong-one" not in logged + json.dumps(refused.body)


def test_a_port_that_is_taken_is_named(deployment: Deployment) -> None:
    """A second service beside a running one ends at once; a second front is refused by the engine."""
    first = deployment.containers("service")[0]
    words = ["run", "--rm", "--network", f"container:{first}", deployment.image, "serve", "--bind", "0.0.0.0:8000"]
    assert "Address already in use" in one_line(run(*words))
    told = run("run", "--rm", "--publish", f"127.0.0.1:{deployment.port}:1", "--network", f"{PROJECT}_front", deployment.image)
    assert told.status == 125
    assert "already" in told.output


def test_secrets_that_cannot_be_read_are_named(deployment: Deployment) -> None:
    """A wrong mount is told from a wrong password."""
    options = ("--env", "WIRETAG_DATABASE_URL_FILE=/secrets/database_url")
    assert "/secrets/database_url cannot be read" in one_line(run_to_end(deployment.image, options=options))
