"""A deployment of compose.yaml under a name and a port of its own, and what tests ask of it."""

import http.client
import json
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tests.running import free_port

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "wiretag-test"
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:noexec,nosuid,size=64m")


class Answer(NamedTuple):
    """What a client got."""

    status: int
    headers: dict[str, str]  # by their names in lower case
    body: Any  # JSON, or the bytes where it is none


class Ended(NamedTuple):
    """A container's exit status, and all that it said."""

    status: int
    output: str


def docker(*words: str, check: bool = True, text: str | None = None) -> str:
    """What `docker …` prints. Without `check` a failure is taken for no output."""
    found = subprocess.run(["docker", *words], input=text, capture_output=True, text=True, check=False, timeout=300)
    assert not check or found.returncode == 0, f"docker {' '.join(words)}: {found.stderr}"
    return found.stdout.strip()


def run(*words: str) -> Ended:
    """What `docker …` ends with, and all that it prints."""
    found = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
    lines = (found.stdout + found.stderr).splitlines()
    return Ended(found.returncode, "\n".join(line for line in lines if not line.startswith("WARNING: ")))  # the engine's own


def run_to_end(image: str, *command: str, options: tuple[str, ...] = ()) -> Ended:
    """Run a hardened container until it ends by itself."""
    return run("run", "--rm", "--network", "none", *HARDENED, *options, image, *command)


def said(container: str) -> str:
    """All that a container has said so far."""
    return run("logs", container).output


def ask(port: int, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
    """Ask on a connection of its own. A body of bytes is sent as it is, another as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=70)) as client:
        client.request(method or ("GET" if data is None else "POST"), path, data, sent)
        answer = client.getresponse()
        content = answer.read()
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = content
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, parsed)


class Deployment:
    """The services of compose.yaml."""

    def __init__(self) -> None:
        self.port = free_port()
        self.image = os.environ["WIRETAG_IMAGE"]
        self.environment = {**os.environ, "COMPOSE_PROJECT_NAME": PROJECT, "WIRETAG_PORT": str(self.port)}

    def run(self, *words: str, check: bool = True, seconds: float = 400, **environment: str) -> str:
        """What a command prints that is run where compose.yaml lies, with other variables for this once."""
        found = subprocess.run(
            words,
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert not check or found.returncode == 0, f"{' '.join(words)}: {found.stdout}{found.stderr}"
        return found.stdout + found.stderr

    def compose(self, *words: str, check: bool = True, seconds: float = 400, **environment: str) -> str:
        """What `docker compose …` prints."""
        return self.run("docker", "compose", *words, check=check, seconds=seconds, **environment)

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
        """Ask through nginx."""
        return ask(self.port, path, body, method, **headers)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, running or not."""
        return docker("ps", "--all", "--quiet", *_of(service)).split()

    def inside(self, container: str, path: str) -> Any:
        """The JSON that one replica answers inside."""
        code = f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8000{path}').read().decode())"
        return json.loads(docker("exec", container, "python", "-c", code))

    def versions(self) -> set[str]:
        """The versions of the model that the replicas serve."""
        return {self.inside(each, "/readyz")["model_version"] for each in self.containers("service")}


def _of(service: str) -> tuple[str, ...]:
    labels = (f"project={PROJECT}", f"service={service}", "oneoff=False")
    return tuple(word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}"))
