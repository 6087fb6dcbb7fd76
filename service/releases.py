"""Which releases there are, and which one serves: GET /models, POST /models/{version}/activate, POST /models/rollback."""

from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app

from models.compare import differences
from models.errors import ReleaseError
from models.registry import Registry, named_folder, registry_of
from models.release import load_release, read_manifest, with_prior
from service.keys import Role, needs
from service.model import Serving, serving
from service.openapi import operation
from service.problems import Problem
from service.reload import reloader
from service.wire import json_response

blueprint = Blueprint("releases", __name__)


class Listed(msgspec.Struct, omit_defaults=True):
    """A release: `figures` as its training measured them, or the `fault` for which it cannot be served."""

    version: str
    current: bool
    previous: bool
    created: str | None = None
    topics: list[str] | None = None
    figures: dict[str, Any] | None = None
    fault: str | None = None


class Listing(msgspec.Struct):
    """All releases, oldest name first, and the version that answers requests now."""

    model_version: str | None
    models: list[Listed]


class Changes(msgspec.Struct):
    """What differs between two releases, a line for people each."""

    before: str
    after: str
    changes: list[str]


class Switched(msgspec.Struct):
    """The version that serves now, and the one before."""

    model_version: str
    before: str | None


@blueprint.get("/models")
@operation("List the releases with their figures", Listing)
def models() -> Response:
    """The releases of the registry, or the one that the setting names."""
    where = current_app.config["WIRETAG_SETTINGS"].model
    registry = registry_of(where)
    if registry is None:
        listed = [_listed(named_folder(where), is_current=True)]
    else:
        try:
            current, previous = registry.current(), registry.previous()
        except ReleaseError as error:
            raise _refused(error) from None
        listed = [
            _listed(registry.releases / version, is_current=version == current, is_previous=version == previous)
            for version in registry.versions()
        ]
    release = _serving().release
    return json_response(Listing(release.version if release else None, listed))


@blueprint.get("/models/<version>/report")
@operation("What the retraining that made a release found", dict[str, Any], problems=(404, 409))
def report(version: str) -> Response:
    """The machine-readable report of `wiretag retrain`: the gate's tests, conflicts, curves. It holds no text."""
    registry = _known(version)
    try:
        content = (registry.root / "reports" / version / "report.json").read_bytes()
    except OSError:
        raise Problem(404, "no report lies beside this release; `wiretag retrain` writes one") from None
    return Response(content, content_type="application/json")


@blueprint.get("/models/<version>/changes")
@operation("What changed from the serving release to another", Changes, problems=(404, 409))
def changes(version: str) -> Response:
    """Figures, thresholds, and the words whose weights moved most."""
    registry = _known(version)
    before = serving()
    try:
        after = load_release(registry.folder(version))
    except ReleaseError as error:
        raise _refused(error) from None
    return json_response(Changes(before.version, version, list(differences(before, after))))


@blueprint.post("/models/<version>/activate")
@needs(Role.ADMIN)
@operation("Make a release the serving one", Switched, problems=(403, 404, 409))
def activate(version: str) -> Response:
    """Switch to a release: this worker before it answers, the others within a second."""
    registry = _known(version)
    try:
        _check(registry, version)
        before = registry.activate(version)
    except ReleaseError as error:
        raise _refused(error) from None
    return _switched(version, before)


@blueprint.post("/models/rollback")
@needs(Role.ADMIN)
@operation("Make the release that served before serve again", Switched, problems=(403, 409))
def rollback() -> Response:
    """Switch back: this worker before it answers, the others within a second."""
    registry = _registry()
    try:
        if previous := registry.previous():
            _check(registry, previous)
        before = registry.current()
        version = registry.rollback()
    except ReleaseError as error:
        raise _refused(error) from None
    return _switched(version, before)


def _known(version: str) -> Registry:
    """The registry, which has this version. Raises `Problem`."""
    registry = _registry()
    if version not in registry.versions():
        raise Problem(404, "the registry has no release of that name; GET /models lists them")
    return registry


def _check(registry: Registry, version: str) -> None:
    """Raise `ReleaseError` for a release that this service could not serve, before the registry names it."""
    with_prior(load_release(registry.folder(version)), current_app.config["WIRETAG_SETTINGS"].shares)


def _switched(version: str, before: str | None) -> Response:
    reloader(current_app).look()
    if fault := _serving().fault:
        raise Problem(409, fault, kind="not-switched")
    return json_response(Switched(version, before))


def _registry() -> Registry:
    registry = registry_of(current_app.config["WIRETAG_SETTINGS"].model)
    if registry is None:
        raise Problem(
            409, "the service serves one release's folder; set WIRETAG_MODEL to a registry to switch", kind="not-switched"
        )
    return registry


def _refused(error: ReleaseError) -> Problem:
    return Problem(409, reloader(current_app).without_root(str(error)), kind="not-switched")


def _serving() -> Serving:
    held: Serving = current_app.extensions["wiretag_model"]
    return held


def _listed(folder: Path, *, is_current: bool, is_previous: bool = False) -> Listed:
    try:
        manifest = read_manifest(folder)
        topics = [str(topic["id"]) for topic in manifest["topics"]]
        return Listed(
            folder.name, is_current, is_previous, str(manifest.get("created")), topics, dict(manifest.get("evaluation", {}))
        )
    except (ReleaseError, KeyError, TypeError, ValueError) as error:
        fault = str(error) if isinstance(error, ReleaseError) else "not a usable model"
        return Listed(folder.name, is_current, is_previous, fault=reloader(current_app).without_root(fault))
