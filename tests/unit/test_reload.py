"""A service changes its model between two requests, or goes on with the one it has."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from flask import Flask

from models.registry import Registry
from service import reload
from service.app import create_app
from service.reload import reloader
from service.settings import Settings
from tests.two_releases import write_registry

TEXT = {"text": "The council said that the bank had asked about sanctions.", "topics": ["sanctions"]}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry of two releases, the first serving."""
    return write_registry(tmp_path / "models")[0]


@pytest.fixture
def app(registry: Registry) -> Flask:
    app = create_app(Settings(model=registry.root))
    reloader(app).look()
    return app


def _versions(app: Flask) -> tuple[str, str]:
    answer = app.test_client().post("/classify", json=TEXT)
    return answer.headers["X-Model-Version"], answer.json["model_version"]


def test_an_activated_release_is_taken_up(app: Flask, registry: Registry) -> None:
    """Header and body are of the new version, and so are the scores."""
    first, second = registry.versions()
    before = app.test_client().post("/classify", json=TEXT).json["topics"][0]["score"]
    registry.activate(second)
    assert _versions(app) == (first, first)
    reloader(app).look()
    assert _versions(app) == (second, second)
    assert app.test_client().post("/classify", json=TEXT).json["topics"][0]["score"] > before
    assert app.test_client().get("/readyz").json == {"status": "ready", "model_version": second}


def test_nothing_is_loaded_where_nothing_changed(app: Flask, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs next to nothing; the same version named again is not loaded again."""
    monkeypatch.setattr(reload, "load_model", lambda _: pytest.fail("loaded"))
    reloader(app).look()
    registry.activate(registry.versions()[0])
    reloader(app).look()
    reloader(app).look(again=True)


def test_a_refused_release_leaves_the_old_one_serving(
    app: Flask, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ready stays ready and says what was refused, without telling where the registry lies; mended, it is taken up."""
    first, second = registry.versions()
    registry.activate(second)
    whole = (registry.folder(second) / "coef.npy").read_bytes()
    (registry.folder(second) / "coef.npy").write_bytes(whole[:-4])
    capsys.readouterr()
    for _ in range(3):
        reloader(app).look()
    assert capsys.readouterr().out.count("model_refused") == 1
    assert _versions(app) == (first, first)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json["refused"] == f"releases/{second}/coef.npy: differs from the manifest; restore the folder"
    (registry.folder(second) / "coef.npy").write_bytes(whole)
    reloader(app).look()
    assert _versions(app) == (second, second)
    assert "refused" not in app.test_client().get("/readyz").json


def test_what_was_removed_goes_on_serving(app: Flask, registry: Registry) -> None:
    """A registry that vanishes takes no model with it."""
    first = registry.versions()[0]
    shutil.rmtree(registry.root)
    reloader(app).look()
    assert _versions(app) == (first, first)
    assert app.test_client().get("/readyz").json["refused"]


@pytest.mark.parametrize("spoil", [b"", b"../../x", b"\xff\xfe", b"x" * 5000, b"\x00"])
def test_a_spoilt_pointer_is_survived(app: Flask, registry: Registry, spoil: bytes) -> None:
    """Whatever stands in `current`, the thread that looks does not die."""
    first = registry.versions()[0]
    (registry.root / "current").write_bytes(spoil)
    reloader(app).look()
    assert _versions(app) == (first, first)
    assert app.test_client().get("/readyz").json["refused"]


def test_a_service_without_a_model_takes_up_the_first(tmp_path: Path) -> None:
    """503 until there is one, then 200, without a restart."""
    app = create_app(Settings(model=tmp_path / "models"))
    (tmp_path / "models").mkdir()
    reloader(app).look()
    assert app.test_client().get("/readyz").status_code == 503
    registry = write_registry(tmp_path / "models")[0]
    reloader(app).look()
    assert _versions(app) == (registry.current(), registry.current())


def test_a_release_folder_is_watched_as_well(tmp_path: Path, registry: Registry) -> None:
    """WIRETAG_MODEL may name one release, whose folder a deployment replaces."""
    first, second = registry.versions()
    served = tmp_path / "served"
    served.symlink_to(registry.folder(first))
    app = create_app(Settings(model=served))
    reloader(app).look()
    (tmp_path / "next").symlink_to(registry.folder(second))
    (tmp_path / "next").rename(served)
    reloader(app).look()
    assert _versions(app) == (second, second)


def test_a_prior_holds_after_a_reload(registry: Registry) -> None:
    """What was set at the start is set for every release; one that lacks the topic is refused."""
    app = create_app(Settings(model=registry.root, prior="sanctions=0.5"))
    plain = create_app(Settings(model=registry.root))
    registry.activate(registry.versions()[1])
    scores = []
    for each in (app, plain):
        reloader(each).look()
        scores.append(each.test_client().post("/classify", json=TEXT).json["topics"][0]["score"])
    assert scores[0] > scores[1]


def test_every_answer_is_wholly_of_one_version(app: Flask, registry: Registry) -> None:
    """Switching back and forth under load, no answer mixes header, body and scores of two releases."""
    first, second = registry.versions()
    body = {"documents": [{"text": TEXT["text"]}] * 20, "topics": TEXT["topics"]}
    stop, faults, n_of = threading.Event(), [], {first: 0, second: 0}
    expected: dict[str, float] = {}
    for version in (first, second):
        registry.activate(version)
        reloader(app).look()
        expected[version] = app.test_client().post("/classify", json=TEXT).json["topics"][0]["score"]

    def ask() -> None:
        client = app.test_client()
        while not stop.is_set():
            answer = client.post("/classify", json=body)
            version = answer.headers["X-Model-Version"]
            n_of[version] += 1
            found = {(result["model_version"], result["topics"][0]["score"]) for result in answer.json["results"]}
            if answer.json["model_version"] != version or found != {(version, expected[version])}:
                faults.append(found)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        registry.activate((first, second)[turn % 2])
        reloader(app).look()
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert min(n_of.values()) > 0
