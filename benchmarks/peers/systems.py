"""The systems that are compared: how each is trained on the corpus, served with two workers, and asked."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import annif
from benchmarks.load import ROOT, Call, free_port, serve_command
from benchmarks.texts import corpus, text_of_a_wire, texts_of_the_wires_length
from models.topics import load_topics

APPS = Path(__file__).with_name("apps")
WORKERS = 2
BATCH = 64
ANNIF_BATCH = 32  # the most that Annif takes


@dataclass(frozen=True, slots=True)
class Work:
    """What every system is given: a folder of its own, the Pythons of the peers, the corpus, and the texts to score."""

    folder: Path
    environments: Path
    corpus: Path
    texts: Sequence[str]

    @classmethod
    def prepare(cls, folder: Path, environments: Path) -> "Work":
        """Write the corpus as JSON lines."""
        path = folder / "corpus.jsonl"
        rows = ({"text": segment.full_text, "topics": sorted(segment.topics)} for segment in corpus())
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        texts = texts_of_the_wires_length()
        return cls(folder, environments, path, [text_of_a_wire(texts), *texts[: BATCH - 1]])

    def bin(self, peer: str) -> Path:
        """Where a peer's commands lie. Raises `FileNotFoundError` for a peer that is not installed."""
        found = self.environments / peer / "bin"
        if not (found / "python").exists():
            raise FileNotFoundError(f"not installed in {self.environments} (benchmarks/peers/install.sh {peer})")
        return found.resolve()

    def app(self, python: Path | str, script: str, model: str) -> str:
        """Train by a script of `apps`, and give the path of the model that it wrote."""
        arguments = [str(python), str(APPS / f"{script}.py"), str(self.corpus), str(self.folder / model)]
        subprocess.run(arguments, check=True, capture_output=True, text=True)
        return str(self.folder / model)


@dataclass(frozen=True, slots=True)
class System:
    """A trained system: its server's command (`{port}` stands for the port) and the two calls."""

    command: list[str]
    single: Call
    batch: Call
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)


def _calls(path: str, texts: Sequence[str], body: Callable[[Sequence[str]], object]) -> tuple[Call, Call]:
    one, several = (json.dumps(body(part)).encode() for part in (texts[:1], texts[:BATCH]))
    return Call(path, one), Call(path, several, BATCH)


def _texts(texts: Sequence[str]) -> object:
    return {"texts": texts}


def _flask(python: Path | str, app: str, model: str, texts: Sequence[str]) -> System:
    settings = f"-k gthread --threads 4 --preload --no-control-socket -w {WORKERS} -b 127.0.0.1:{{port}}"
    command = [str(python), "-m", "gunicorn", *settings.split(), f"{app}:create_app({model!r})"]
    return System(command, *_calls("/classify", texts, _texts), folder=APPS)


def _wiretag_calls(texts: Sequence[str]) -> tuple[Call, Call]:
    _, several = _calls("/classify", texts, lambda part: {"documents": [{"text": text} for text in part]})
    return Call("/classify", json.dumps({"text": texts[0]}).encode()), several


def wiretag_gunicorn(work: Work) -> System:
    """As `wiretag serve` has it."""
    return System(serve_command("{port}", WORKERS), *_wiretag_calls(work.texts))


def wiretag_granian(work: Work) -> System:
    """The same application in granian."""
    settings = f"--interface wsgi --host 127.0.0.1 --port {{port}} --workers {WORKERS} --no-ws --log-level warning"
    command = [str(work.bin("granian") / "granian"), *settings.split(), "--factory", "service.wsgi:create"]
    return System(command, *_wiretag_calls(work.texts))


def sklearn_flask(work: Work) -> System:
    """A joblib file behind Flask, in this environment."""
    return _flask(sys.executable, "sklearn_app", work.app(sys.executable, "sklearn_pipeline", "naive.joblib"), work.texts)


def fasttext_flask(work: Work) -> System:
    """FastText behind Flask."""
    python = work.bin("fasttext") / "python"
    return _flask(python, "fasttext_app", work.app(python, "fasttext_app", "fasttext.bin"), work.texts)


def spacy_flask(work: Work) -> System:
    """The bag of words of spaCy behind Flask."""
    python = work.bin("spacy") / "python"
    return _flask(python, "spacy_app", work.app(python, "spacy_app", "spacy"), work.texts)


def mlserver(work: Work) -> System:
    """The scikit-learn runtime of MLServer: two inference workers, adaptive batching, which serves it best."""
    bin_ = work.bin("mlserver")
    folder = work.folder / "m"
    folder.mkdir()
    shutil.move(work.app(bin_ / "python", "sklearn_pipeline", "mlserver.joblib"), folder / "model.joblib")
    settings = {
        "name": "m",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
        "max_batch_size": 64,
        "max_batch_time": 0.01,
    }
    (folder / "model-settings.json").write_text(json.dumps(settings), encoding="utf-8")
    environment = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": str(free_port()),
        "MLSERVER_METRICS_PORT": str(free_port()),
        "MLSERVER_PARALLEL_WORKERS": str(WORKERS),
        "MLSERVER_DEBUG": "false",  # else every request is logged
    }

    def body(texts: Sequence[str]) -> object:
        tensor = {"name": "texts", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
        return {"parameters": {"content_type": "str"}, "inputs": [tensor], "outputs": [{"name": "predict_proba"}]}

    calls = _calls("/v2/models/m/infer", work.texts, body)
    return System([str(bin_ / "mlserver"), "start", "."], *calls, folder=folder, environment=environment)


def bentoml(work: Work) -> System:
    """The scikit-learn pipeline in BentoML."""
    bin_ = work.bin("bentoml")
    model = work.app(bin_ / "python", "sklearn_pipeline", "bentoml.joblib")
    command = [str(bin_ / "bentoml"), "serve", "bentoml_app:Classifier", "--host", "127.0.0.1", "--port", "{port}"]
    environment = {"MODEL": model, "BENTOML_HOME": str(work.folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    return System(command, *_calls("/classify", work.texts, _texts), folder=APPS, environment=environment)


def annif_backend(backend: str) -> Callable[[Work], System]:
    """A backend of Annif behind its own API."""

    def system(work: Work) -> System:
        bin_ = work.bin("annif")
        folder = work.folder / f"annif-{backend}"
        folder.mkdir()
        environment = {
            **annif.train(bin_ / "annif", folder, backend, [topic.id for topic in load_topics()], corpus()),
            "ANNIF_CONFIG": "annif.default_config.ProductionConfig",
        }
        settings = f"--factory --workers {WORKERS} --host 127.0.0.1 --port {{port}} --no-access-log --log-level warning"
        command = [str(bin_ / "python"), "-m", "uvicorn", "annif:create_app", *settings.split()]
        path = f"/v1/projects/{backend}/suggest"
        single = Call(path, urlencode({"text": work.texts[0]}).encode(), 1, "application/x-www-form-urlencoded")
        body = {"documents": [{"text": text} for text in work.texts[:ANNIF_BATCH]]}
        batch = Call(f"{path}-batch", json.dumps(body).encode(), ANNIF_BATCH)
        return System(command, single, batch, folder=folder, environment=environment)

    return system


SYSTEMS: dict[str, Callable[[Work], System]] = {
    "Wiretag, gunicorn": wiretag_gunicorn,
    "Wiretag, granian": wiretag_granian,
    "fastText + Flask": fasttext_flask,
    "spaCy BOW + Flask": spacy_flask,
    "MLServer": mlserver,
    "BentoML": bentoml,
    "scikit-learn + Flask": sklearn_flask,
    "Annif tfidf": annif_backend("tfidf"),
    "Annif svc": annif_backend("svc"),
}
