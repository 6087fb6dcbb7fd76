"""A desk brings its own topics and segments, and needs no code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from models.pipeline import Document, classify
from models.registry import Registry
from service.app import create_app
from service.settings import Settings

TOPICS = Path(__file__).resolve().parents[1] / "data" / "topics.toml"


def test_two_invented_topics_are_trained_and_served(desk_registry: Registry) -> None:
    """Topics are data: a file of topics and a file of segments make a model that the service serves."""
    client = create_app(Settings(model=desk_registry.root)).test_client()
    assert [topic["id"] for topic in client.get("/topics").json["topics"]] == ["beekeeping", "toll_bridges"]
    bees = client.post(
        "/classify",
        json={"text": "Beekeepers in Upper Marl lost a swarm, and the honey of two hives was spoilt."},
    ).json
    assert [topic["topic"] for topic in bees["topics"] if topic["decision"] == "assigned"] == ["beekeeping"]
    rain = client.post(
        "/classify",
        json={"text": "The council of Upper Marl met on Monday while rain fell all week on the school."},
    ).json
    assert rain["none"]


def test_training_twice_gives_the_same_bytes(desk: Path, desk_registry: Registry, tmp_path: Path) -> None:
    """Same inputs, same model: a release can be rebuilt and compared byte for byte."""
    arguments = ["train", "--corpus", str(desk), "--topics", str(TOPICS), "--registry", str(tmp_path)]
    done = CliRunner().invoke(wiretag, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (version,) = desk_registry.versions()
    first, second = desk_registry.folder(version), Registry(tmp_path).folder(version)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}


def test_the_card_says_what_the_manifest_says(desk_registry: Registry) -> None:
    """Figures stand in the card with the command that makes them."""
    release = desk_registry.load_current()
    folder = desk_registry.folder(release.version)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    figures = release.manifest["evaluation"]["held_out_folds"]
    assert f"Macro F1 **{figures['macro_f1']:.3f}**" in card
    assert "wiretag evaluate" in card
    assert "{" not in card


def test_evaluate_measures_a_model_on_labelled_segments(desk: Path, desk_registry: Registry) -> None:
    """A desk can measure the model on its own labels at any time."""
    arguments = ["evaluate", str(desk / "segments.jsonl"), "--model", str(desk_registry.root)]
    done = CliRunner().invoke(wiretag, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["macro_f1"] > 0.9
    assert "| `beekeeping` |" in CliRunner().invoke(wiretag, arguments).output


def test_measured_sets_stand_in_the_manifest_and_change_nothing(desk: Path, desk_registry: Registry, tmp_path: Path) -> None:
    """Measuring on a file does not let it into the model."""
    arguments = ["train", "--corpus", str(desk), "--topics", str(TOPICS), "--registry", str(tmp_path)]
    measure = ["--measure", f"own={desk / 'segments.jsonl'}", "--no-activate", "--pipeline"]
    done = CliRunner().invoke(wiretag, [*arguments, *measure], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (version,) = Registry(tmp_path).versions()
    assert Registry(tmp_path).current() is None
    release_files = {p.name for p in Registry(tmp_path).folder(version).iterdir()}
    assert "pipeline.joblib" in release_files
    manifest = json.loads((Registry(tmp_path).folder(version) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["evaluation"]["own"]["macro_f1"] > 0.9
    plain = desk_registry.folder(desk_registry.versions()[0])
    assert (plain / "coef.npy").read_bytes() == (Registry(tmp_path).folder(version) / "coef.npy").read_bytes()


@pytest.mark.parametrize("headline", [None, "Toll up again"])
def test_a_release_can_be_used_without_the_service(desk_registry: Registry, headline: str | None) -> None:
    """The library is one call."""
    text = "The bridge company raised the toll on the bridge, and drivers of Upper Marl refused to pay it."
    result = classify(desk_registry.load_current(), Document(text, headline=headline))
    assert result["topics"][0]["topic"] == "toll_bridges"
