"""Which model serves is one small file, replaced atomically."""

import errno
import shutil
import threading
from pathlib import Path

import pytest

from models.errors import ReleaseError
from models.registry import Registry, load_model
from models.release import Release


@pytest.fixture
def registry(desk_registry: Registry, tmp_path: Path) -> Registry:
    """A registry with two sound versions, `a` serving."""
    (version,) = desk_registry.versions()
    for name in ("a", "b"):
        shutil.copytree(desk_registry.folder(version), tmp_path / "releases" / name)
    registry = Registry(tmp_path)
    registry.activate("a")
    return registry


def test_activate_and_roll_back(registry: Registry) -> None:
    """A desk can always return to what served before."""
    assert registry.versions() == ["a", "b"]
    assert registry.activate("b") == "a"
    assert registry.current() == "b"
    assert registry.rollback() == "a"
    assert registry.current() == "a"


@pytest.mark.parametrize("version", ["c", "", "../a", ".", "releases", "a/b"])
def test_a_version_that_is_not_there_is_refused(registry: Registry, version: str) -> None:
    """A name never reaches outside the releases, and the message lists what there is."""
    with pytest.raises(ReleaseError, match="a, b"):
        registry.activate(version)
    assert registry.current() == "a"


def test_a_spoilt_version_is_not_activated(registry: Registry) -> None:
    """The old model goes on serving."""
    (registry.folder("b") / "words.txt").write_text("x\n")
    with pytest.raises(ReleaseError, match="differs from the manifest"):
        registry.activate("b")
    assert registry.current() == "a"


def test_a_model_may_be_named_as_registry_or_as_folder(registry: Registry) -> None:
    """WIRETAG_MODEL takes either."""
    by_registry, by_folder = load_model(registry.root), load_model(registry.folder("b"))
    assert by_registry.version == by_folder.version


def test_an_empty_place_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """No model is not a crash."""
    with pytest.raises(ReleaseError, match="no model here"):
        load_model(tmp_path)
    with pytest.raises(ReleaseError, match="no model is active"):
        Registry(tmp_path).load_current()
    with pytest.raises(ReleaseError, match="no version served before"):
        Registry(tmp_path).rollback()


def test_two_activations_at_once_leave_one_of_the_two(registry: Registry) -> None:
    """What serves and what served before are always the two, whoever was last."""
    for _ in range(5):
        threads = [threading.Thread(target=registry.activate, args=(version,)) for version in ("a", "b", "a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {registry.current(), registry.previous()} == {"a", "b"}
    assert registry.rollback() != registry.previous()


def test_an_activation_that_was_cut_short_is_not_rolled_back_to_itself(registry: Registry) -> None:
    """Between the two renames of an activation the old version is current and previous: there is nothing to go back to."""
    (registry.root / "previous").write_text("a\n")
    assert registry.previous() is None
    with pytest.raises(ReleaseError, match="no version served before"):
        registry.rollback()
    registry.activate("b")
    assert (registry.current(), registry.previous()) == ("b", "a")


def test_prune_waits_for_a_switch_and_ends_what_a_killed_one_began(registry: Registry) -> None:
    """A version that is being activated is not taken away under it; half-removed ones go."""
    shutil.copytree(registry.folder("a"), registry.releases / ".old-z")
    shutil.copytree(registry.folder("a"), registry.releases / "c")
    pruned: list[str] = []
    thread = threading.Thread(target=lambda: pruned.extend(registry.prune(0)))
    with registry._locked():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        registry._switch("c")
    thread.join(20)
    assert pruned == ["b"]
    assert sorted(path.name for path in registry.releases.iterdir()) == ["a", "c"]


def test_a_registry_that_cannot_be_written_says_so(registry: Registry) -> None:
    """Not a traceback; and nothing is left behind."""
    (registry.root / ".lock").unlink()
    (registry.root / ".lock").mkdir()  # what root cannot write either
    with pytest.raises(ReleaseError, match="make the registry writable"):
        registry.activate("b")
    assert registry.current() == "a"
    assert [path.name for path in registry.root.iterdir() if path.name.startswith(".")] == [".lock"]


def test_a_new_registry_is_seeded_once(tmp_path: Path, release: Release) -> None:
    """It starts with the shipped model; one that has a model, or is being filled by somebody, is left as it is."""
    registry = Registry(tmp_path)
    assert registry.seed() == registry.current() == release.version
    assert registry.load_current().manifest == release.manifest
    assert registry.seed() is None
    (tmp_path / "current").unlink()  # a seeding that was cut off is finished
    assert registry.seed() == release.version
    (tmp_path / "current").unlink()
    registry.folder(release.version).rename(registry.releases / "mine")
    assert registry.seed() is None
    assert registry.current() is None


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no half of a release behind and is told from a lack of rights."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ReleaseError, match=r"the model cannot be written \(No space left on device\); free some space"):
        Registry(tmp_path).seed()
    assert list((tmp_path / "releases").iterdir()) == []
    with pytest.raises(ReleaseError, match="no registry here"):
        Registry(tmp_path / "nowhere").seed()
