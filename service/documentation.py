"""The description of the API for machines (/openapi.json) and for people (/docs), and the kinds of errors (/docs/errors)."""

import re
from importlib.resources import files
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app, render_template
from markupsafe import Markup, escape

from models.pipeline import Json
from models.release import Release
from service.description import describe
from service.keys import needs
from service.openapi import operation
from service.problem_kinds import KINDS
from service.wire import encode

blueprint = Blueprint("documentation", __name__, template_folder="templates")
_CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = files("service").joinpath("templates", "style.css").read_bytes()
_MAX_AGE = "max-age=3600"
Page = str


@blueprint.get("/openapi.json")
@needs(None)
@operation("This description", answer=dict[str, Any])
def openapi() -> Response:
    """The OpenAPI 3.1 description of this service: its addresses, the limits it is set to, the topics of its model."""
    return Response(encode(_description()), content_type="application/json")


@blueprint.get("/docs")
@needs(None)
@operation("The description as a page", answer=Page, answer_type="text/html")
def docs() -> Response:
    """What this service answers, made of the same description and with nothing from any other host."""
    return _page("docs.html", description=_description())


@blueprint.get("/docs/errors")
@needs(None)
@operation("The kinds of errors", answer=Page, answer_type="text/html")
def errors() -> Response:
    """Every kind of error, when it comes and what to do; the `type` of a problem document leads here."""
    return _page("errors.html", kinds=KINDS)


@blueprint.get("/docs/style.css")
@needs(None)
@operation("The style of the pages", answer=Page, answer_type="text/css")
def style() -> Response:
    """The pages' own style sheet."""
    return Response(_STYLE, content_type="text/css; charset=utf-8", headers={"Cache-Control": _MAX_AGE})


def _description() -> Json:
    """The description, made once for every model that serves."""
    release: Release | None = current_app.extensions["wiretag_model"].release
    version, made = current_app.extensions.get("wiretag_description", (None, None))
    if made is None or version != (release and release.version):
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        made = describe(app, app.config["WIRETAG_SETTINGS"], release)
        app.extensions["wiretag_description"] = (release and release.version, made)
    return made  # type: ignore[no-any-return]


def _page(template: str, **values: Any) -> Response:
    html = render_template(template, **values)
    return Response(html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _CSP})


@blueprint.app_template_filter("prose")
def _prose(text: str) -> Markup:
    """Text with `code` set as code and [links](/to/places) of ours as links."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\[([^\]]+)\]\((/[^)\s]*)\)", r'<a href="\2">\1</a>', marked))


@blueprint.app_template_filter("kind")
def _kind(schema: Json | bool) -> Markup:  # noqa: PLR0911 one line a kind
    """What a schema admits, in words."""
    if not isinstance(schema, dict) or not schema:
        return Markup("anything")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{}">{}</a>').format(name, name)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return Markup(" or ").join(_kind(each) for each in several)
    if "enum" in schema:
        return Markup(" or ").join(Markup("<code>{}</code>").format(each) for each in schema["enum"])
    if "prefixItems" in schema:
        return Markup("[{}]").format(Markup(", ").join(_kind(each) for each in schema["prefixItems"]))
    if schema.get("type") == "array":
        return Markup("list of {}").format(_kind(schema.get("items", {})))
    if isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of {}").format(_kind(schema["additionalProperties"]))
    return escape("whole number" if schema.get("multipleOf") == 1 else schema.get("type", "anything"))


@blueprint.app_template_filter("bounds")
def _bounds(schema: Json) -> str:
    """The limits of a schema, in words."""
    found = [f"{words} {schema[key]:,}" for key, words in _BOUNDS.items() if key in schema]
    if "default" in schema and schema["default"] is not None:
        found.append(f"default `{msgspec.json.encode(schema['default']).decode()}`")
    return "; ".join(found)


_BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "over",
    "maximum": "to",
    "exclusiveMaximum": "under",
    "minLength": "characters from",
    "maxLength": "characters to",
    "minItems": "entries from",
    "maxItems": "entries to",
}


@blueprint.app_template_filter("members")
def _members(schema: Json) -> Json:
    """The members of an object, those of all its forms together."""
    found: Json = {}
    for form in schema.get("oneOf", [schema]):
        for name, each in form.get("properties", {}).items():
            if each.get("type") != "null" or name not in found:
                found[name] = each
    return {name: each for name, each in found.items() if each.get("type") != "null"}
