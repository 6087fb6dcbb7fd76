"""The whole loop: corrections in through HTTP, a better model out to every worker, a worse one kept out."""

import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.registry import Registry
from tests.running import Running, running, wait_until

WHO = ["Apiarists", "Mead makers", "Chandlers", "Keepers of skeps", "Smokers of combs"]
WHAT = ["bottled mead", "poured wax candles", "sold royal jelly", "scraped propolis", "fed syrup to drones"]
WHERE = ["in Yarrow", "at Vale Fair", "near Upsall", "on Tern Moor"]
ANGLE = [
    f"{who} {what} {where}. The mead, wax and jelly of the year were praised by all apiarists."
    for who, what, where in itertools.product(WHO, WHAT, WHERE)
]
TAUGHT, ASKED = ANGLE[::2][:40], ANGLE[1::2]


@pytest.fixture
def registry(desk_registry: Registry, tmp_path: Path) -> Registry:
    """A copy of the desk's registry."""
    shutil.copytree(desk_registry.root, tmp_path / "registry")
    return Registry(tmp_path / "registry")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'corrections.db'}"


@pytest.fixture
def server(registry: Registry, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Two workers that serve the desk's registry."""
    monkeypatch.setenv("WIRETAG_DATABASE_URL", database)
    with running(tmp_path / "log", "--workers", "2", "--model", str(registry.root)) as started:
        yield started


def _retrain(desk: Path, registry: Registry, database: str) -> Result:
    command = ["retrain", "--registry", str(registry.root), "--corpus", str(desk / "segments.jsonl")]
    return CliRunner().invoke(wiretag, [*command, "--database", database, "--behaviour", str(desk), "--no-curve"])


def _metrics(server: Running) -> str:
    with server.client() as client:
        client.request("GET", "/metrics")
        return client.getresponse().read().decode()


def _recall(server: Running, texts: list[str]) -> float:
    status, answer = server.call("/classify", {"documents": [{"text": text} for text in texts]})
    assert status == 200
    given = [[topic["topic"] for topic in result["topics"] if topic["decision"] == "assigned"] for result in answer["results"]]
    return sum("beekeeping" in topics for topics in given) / len(texts)


def _correct(server: Running, texts: list[str], topics: list[str]) -> None:
    for number, text in enumerate(texts):
        key = f"{topics}-{number}".replace(" ", "")
        assert server.call("/corrections", {"text": text, "topics": topics, "shown": []}, Idempotency_Key=key)[0] == 201


def test_corrections_make_the_model_better(desk: Path, registry: Registry, database: str, server: Running) -> None:
    """An angle that the model was blind to is found after forty corrections and a night's batch; no request fails meanwhile."""
    before = registry.current()
    assert _recall(server, ASKED) < 0.3
    _correct(server, TAUGHT, ["beekeeping"])
    failed: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        with server.client() as client:
            while not stop.is_set():
                client.request("POST", "/classify", json.dumps({"text": ASKED[0]}), {"Content-Type": "application/json"})
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    failed.append(answer.status)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        done = _retrain(desk, registry, database)
        assert done.exit_code == 0, done.output
        after = registry.current()
        assert after != before
        wait_until(lambda: _recall(server, ASKED) > 0.8)
        wait_until(lambda: f'wiretag_model_workers{{version="{after}"}} 2.0' in _metrics(server))
    finally:
        stop.set()
        for asker in askers:
            asker.join(20)
    assert failed == []
    report = json.loads((registry.root / "reports" / str(after) / "report.json").read_text())
    assert all(check["passed"] for check in report["gate"]["checks"])
    assert server.call(f"/models/{after}/report")[1]["outcome"] == "promoted"
    changes = server.call(f"/models/{before}/changes")[1]
    assert any(line.startswith("beekeeping: less for") and "mead" in line for line in changes["changes"])


def test_poisoned_corrections_are_kept_out(desk: Path, registry: Registry, database: str, server: Running) -> None:
    """Two hundred wrong corrections are learnt from, and caught by the gate; the old model serves on."""
    before = registry.current()
    lies = [
        f"Bees and honey in hive {n}: the queen bee swarmed, beekeepers of row {n % 17} said at length." for n in range(200)
    ]
    _correct(server, lies, [])
    done = _retrain(desk, registry, database)
    assert done.exit_code == 3, done.output
    assert "FAIL  f1 of beekeeping" in done.output
    assert registry.current() == before
    assert server.call("/readyz")[1]["model_version"] == before
