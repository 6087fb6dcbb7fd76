"""The console: one page at / for the people who read, correct and watch. Its scripts are plain modules; nothing is built."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, send_from_directory

from service.keys import needs
from service.openapi import operation

STATIC = Path(str(files(__name__) / "static"))
# scripts and styles are files of our own, nothing is inline; the page talks to this service alone; no script makes HTML of a text
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

blueprint = Blueprint("console", __name__, template_folder="templates")


@blueprint.get("/")
@needs(None)
@operation("The console", answer=str, answer_type="text/html")
def page() -> Response:
    """The page. What it shows it asks of the service, with the reader's key where keys are on."""
    answer = Response(
        render_template("console.html", most=current_app.config["WIRETAG_SETTINGS"].max_characters),
        content_type="text/html; charset=utf-8",
    )
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@blueprint.get("/console/<name>")
@needs(None)
@operation("A part of the console", answer=str, answer_type="text/javascript", answer_types={"text/css": str}, problems=(404,))
def asset(name: str) -> Response:
    """A script or the style sheet."""
    answer = send_from_directory(STATIC, name, max_age=0)
    answer.headers["Cache-Control"] = "no-cache"  # asked again each time, answered by 304 while it is the same
    return answer
