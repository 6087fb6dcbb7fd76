"""The OpenAPI 3.1 description of the service, made of what its views are marked with and the types that validate requests."""

import inspect
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask
from werkzeug.routing import Rule

from models.pipeline import Json
from models.release import Release
from service.answers import ProblemDocument, Result, UnusableDocument
from service.keys import Role
from service.openapi import Operation
from service.problem_kinds import STATUSES, meaning
from service.schema import MAX_ID, NOT_BLANK, WITHOUT_NUL, RequestDocument
from service.settings import Settings

TITLE = "Wiretag"
ABOUT = (
    "Cuts scraped news pages into segments and tags each with a desk's topics. Errors are problem documents (RFC 9457), "
    "explained at [/docs/errors](/docs/errors)."
)
_REF = "#/components/schemas/{name}"
_ALSO = (Result, UnusableDocument, RequestDocument)  # named by references only
_HEADERS = {
    "X-Request-ID": "the caller's own id where it was harmless, else one made for this request; it stands in the log",
    "X-Content-Type-Options": "always `nosniff`",
    "X-Model-Version": "the version of the model that spoke, where one did",
    "RateLimit": "what is left to this key or address, where requests are counted",
    "RateLimit-Policy": "how many requests it may make, where requests are counted",
    "Retry-After": "seconds to wait before trying again",
    "Allow": "the methods of this address",
    "WWW-Authenticate": "how to name a key",
    "Location": "where what was made can be read",
}
_ALWAYS = ("X-Request-ID", "X-Content-Type-Options")
_OF_STATUS = {201: ("Location",), 401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}


def describe(app: Flask, settings: Settings, release: Release | None) -> Json:
    """The description of an app as it runs now: its limits are those of the settings, its topics those of the release.

    Raises `LookupError` naming the first address whose view bears no `operation` mark.
    """
    described = [_Described(app, rule, method) for rule, method in addresses(app)]
    types = [type_ for each in described for type_ in each.types]
    also = [*_ALSO, *{each.mark.problem for each in described}]
    schemas, components = msgspec.json.schema_components([*types, *also], ref_template=_REF)
    for type_ in {type_ for type_ in [*types, *also] if hasattr(type_, "alternatives")}:
        components[type_.__name__] = _exactly_one(components[type_.__name__], type_.alternatives)
    paths: Json = {}
    found = iter(schemas)
    for each in described:
        paths.setdefault(each.path, {})[each.method.lower()] = each.operation_object([next(found) for _ in each.types])
    problems = {(each.problem_kind, status): each.mark.problem for each in described for status in each.problem_statuses}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": _version(), "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**components, **_named_values(settings, release)}.items())),
            "responses": {f"{kind}{status}": _problem(type_, status) for (kind, status), type_ in sorted(problems.items())},
            "headers": {name: _header(text, name in _ALWAYS) for name, text in _HEADERS.items()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, where the service asks for keys."}
            },
        },
    }


def addresses(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every rule of the app with each method that it answers itself, by blueprint and address."""
    order = {name: place for place, name in enumerate(app.blueprints)}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (order.get(rule.endpoint.partition(".")[0], -1), rule.rule)):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def _version() -> str:
    from importlib.metadata import version

    return version("wiretag")


def _named_values(settings: Settings, release: Release | None) -> Json:
    """Values that the types name and only a running service knows."""
    topic: Json = {"type": "string", "description": "Id of a topic of the serving model."}
    model: Json = {"type": "string", "description": "Version of the serving model."}
    if release is not None:
        topic["enum"] = [each.id for each in release.topics]
        model["enum"] = [release.version]
    return {
        "TopicId": topic,
        "ModelVersion": model,
        "Text": {
            "type": "string",
            "description": "Text that is not blank and holds no NUL character.",
            "maxLength": settings.max_characters,
            "pattern": NOT_BLANK,
        },
        "Headline": {
            "type": "string",
            "description": "A headline, perhaps blank, without NUL characters.",
            "maxLength": settings.max_characters,
            "pattern": WITHOUT_NUL,
        },
        "DocumentId": {"type": "string", "description": "The caller's own id of a document.", "maxLength": MAX_ID},
        "Texts": {"type": "array", "minItems": 1, "maxItems": settings.max_documents},
        "Documents": {
            "type": "array",
            "description": "Documents, answered in their order. Anything else among them gets an error in its place.",
            "minItems": 1,
            "maxItems": settings.max_documents,
            "items": {"anyOf": [{"$ref": "#/components/schemas/RequestDocument"}, {}]},
        },
    }


def _exactly_one(schema: Json, alternatives: dict[str, tuple[str, ...]]) -> Json:
    """An object of which exactly one of some members is given; each names the members that may stand beside it."""
    tied = set(alternatives).union(*alternatives.values())
    branches = []
    for given, beside in alternatives.items():
        branch = deepcopy(schema)
        branch["title"] = f"{schema['title']} with {given}"
        branch["required"] = [given]
        branch["properties"][given] = _without_null(branch["properties"][given])
        for name in tied - {given, *beside}:
            branch["properties"][name] = {"type": "null", "default": None}
        del branch["description"]
        branches.append(branch)
    return {"title": schema["title"], "description": schema["description"], "oneOf": branches}


def _without_null(schema: Json) -> Json:
    (kept,) = [each for each in schema["anyOf"] if each != {"type": "null"}]
    return {**{key: value for key, value in schema.items() if key not in ("anyOf", "default")}, **kept}


def _header(text: str, required: bool) -> Json:
    return {"description": text, "required": required, "schema": {"type": "string"}}


@dataclass(slots=True)
class _Described:
    """One method of one address."""

    app: Flask
    rule: Rule
    method: str

    @property
    def mark(self) -> Operation:
        """What the view is marked with."""
        view = self.app.view_functions[self.rule.endpoint]
        if not hasattr(view, "wiretag_operation"):
            raise LookupError(f"{self.method} {self.rule.rule}: the view bears no @operation mark")
        return view.wiretag_operation  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """The address in OpenAPI's form."""
        return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", self.rule.rule)

    @property
    def bodies(self) -> dict[str, Any]:
        """Content types that the body may have, and their types."""
        return {**({"application/json": self.mark.body} if self.mark.body is not None else {}), **self.mark.body_types}

    @property
    def answers(self) -> dict[str, Any]:
        """Content types that the answer may have, and their types."""
        kind = (
            "text/plain" if self.mark.answer is str and self.mark.answer_type == "application/json" else self.mark.answer_type
        )
        return {**({kind: self.mark.answer} if self.mark.answer is not None else {}), **self.mark.answer_types}

    @property
    def types(self) -> list[Any]:
        """Every type of this operation, in the order in which `operation_object` takes their schemas."""
        flat = [type_ for each in self.answers.values() for type_ in (each if isinstance(each, tuple) else (each,))]
        return [*self.bodies.values(), *flat]

    def operation_object(self, schemas: list[Json]) -> Json:
        """The OpenAPI operation; `schemas` are those of `types`."""
        mark, role = self.mark, self.role
        left = iter(schemas)
        found: Json = {
            "operationId": "_".join([*self.rule.endpoint.split("."), *sorted(self.rule.arguments)]),
            "summary": mark.summary,
            "description": inspect.getdoc(self.app.view_functions[self.rule.endpoint]) or mark.summary,
            "tags": [self.rule.endpoint.partition(".")[0]],
            "parameters": [
                *_parameters("path", self.path_type),
                *_parameters("query", mark.query),
                *_parameters("header", mark.headers),
                _REQUEST_ID,
            ],
        }
        if self.bodies:
            content = {kind: {"schema": next(left)} for kind in self.bodies}
            if mark.example is not None:
                content["application/json"]["example"] = mark.example
            found["requestBody"] = {"required": True, "content": content}
        answers: Json = {}
        for kind, type_ in self.answers.items():
            some = [next(left) for _ in type_] if isinstance(type_, tuple) else [next(left)]
            answers[kind] = {"schema": some[0] if len(some) == 1 else {"anyOf": some}}
        own = {name: _header(text, False) for name, text in mark.answer_headers.items()}
        found["responses"] = {str(mark.status): _response(mark.status, HTTPStatus(mark.status).phrase, answers, own)}
        for status in sorted(self.problem_statuses):
            found["responses"][str(status)] = {"$ref": f"#/components/responses/{self.problem_kind}{status}"}
        found["security"] = [] if role is None else [{"key": []}] if self.asks_for_keys else [{}, {"key": []}]
        if role is not None:
            found["x-wiretag-role"] = role.value
        return found

    @property
    def problem_kind(self) -> str:
        """The name of the form that errors have here."""
        return str(self.mark.problem.__name__)

    @property
    def asks_for_keys(self) -> bool:
        """Whether the service lets nobody in without a key."""
        return getattr(self.app.config["WIRETAG_SETTINGS"], "keys", None) is not None

    @property
    def role(self) -> Role | None:
        """The role that the view needs."""
        return getattr(self.app.view_functions[self.rule.endpoint], "wiretag_role", Role.CLASSIFY)

    @property
    def path_type(self) -> Any:
        """The struct of the path's parameters; those that the mark leaves out are strings."""
        if self.mark.path is not None or not self.rule.arguments:
            return self.mark.path if self.rule.arguments else None
        return msgspec.defstruct("Path", [(name, str) for name in sorted(self.rule.arguments)])

    @property
    def problem_statuses(self) -> set[int]:
        """The statuses of the errors that this view may give."""
        mark, bad = self.mark, set(self.mark.problems)
        bad |= {400} if self.bodies or mark.query is not None or mark.headers is not None else set()
        bad |= {413, 415} if self.bodies else set()
        bad |= {404} if self.rule.arguments else set()
        bad |= {401, 403, 429} & STATUSES if self.role is not None else set()
        return bad | {500, 503}


_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "An id of the caller's; kept where it is at most 64 letters, digits, dots, hyphens and underscores.",
    "schema": {"type": "string"},
}


def _parameters(place: str, struct: Any) -> list[Json]:
    """The fields of a struct as parameters."""
    if struct is None:
        return []
    schemas, components = msgspec.json.schema_components([struct], ref_template=_REF)
    schema = components[schemas[0]["$ref"].rpartition("/")[2]]
    found = []
    for name, each in schema["properties"].items():
        if {"type": "null"} in each.get("anyOf", ()):  # in an address nothing is said by leaving it out
            each = _without_null(each)  # noqa: PLW2901 the same schema, in the place where it stands
        entry: Json = {"name": name, "in": place, "required": place == "path" or name in schema["required"]}
        if text := each.pop("description", None):
            entry["description"] = text
        if each.get("type") == "array":
            entry |= {"style": "form", "explode": False}
        found.append({**entry, "schema": each})
    return found


def _problem(type_: Any, status: int) -> Json:
    """The response that an error is."""
    text = meaning(status) or HTTPStatus(status).phrase
    kind = "application/problem+json" if type_ is ProblemDocument else "application/json"
    return _response(status, text, {kind: {"schema": {"$ref": _REF.format(name=type_.__name__)}}}, {})


def _response(status: int, text: str, content: Json, own: Json) -> Json:
    names = [*_ALWAYS, "X-Model-Version", "RateLimit", "RateLimit-Policy", *_OF_STATUS.get(status, ())]
    headers = {**{name: {"$ref": f"#/components/headers/{name}"} for name in names}, **own}
    return {"description": text[0].upper() + text[1:], "headers": headers, **({"content": content} if content else {})}
