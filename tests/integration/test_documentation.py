"""The pages about the API: readable without any other host, and the same as what machines read."""

import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from service.problem_kinds import KINDS
from service.problems import _SLUGS

VOID = {"meta", "link", "br"}


class _Page(HTMLParser):
    """What a page holds: ids, links within it, elements, and whether every element is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
def test_pages_reach_no_other_host_and_run_nothing(client: FlaskClient, path: str) -> None:
    """A page is whole HTML, loads only our own style sheet, and its policy forbids everything else."""
    answer = client.get(path)
    page = _Page(answer.text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not page.elements & {"script", "style", "img", "iframe", "form"}
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]
    for link in page.links:
        assert link.startswith(("/", "#"))
        assert not link.startswith("//")
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert client.get(link.partition("#")[0]).status_code == 200


def test_the_page_shows_every_operation_and_type(client: FlaskClient) -> None:
    """People read what machines read."""
    description, page = client.get("/openapi.json").json, client.get("/docs").text
    for path, methods in description["paths"].items():
        for method, each in methods.items():
            assert f'<span class="method">{method.upper()}</span> <code>{path}</code>' in page
            assert f'id="{each["operationId"]}"' in page
    for name in description["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


def test_the_type_of_a_problem_leads_to_its_explanation(client: FlaskClient) -> None:
    """Every kind of error has its place on the page, where `type` points."""
    ids = _Page(client.get("/docs/errors").text).ids
    assert ids == [kind.slug for kind in KINDS]
    assert set(_SLUGS.items()) <= {(kind.status, kind.slug) for kind in KINDS}
    path, _, place = client.get("/nothing").json["type"].partition("#")
    assert client.get(path).status_code == 200
    assert place in ids


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_can_be_told_apart(client: FlaskClient) -> None:
    """Every colour of text has a contrast of 4.5 or more to both grounds (WCAG AA), by day and by night."""
    themes = re.findall(r":root \{([^}]*)\}", client.get("/docs/style.css").text)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#\w+)", theme))
        for ground in ("ground", "code"):
            for name in ("ink", "quiet", "link", "mark"):
                light, dark = sorted((_luminance(colours[ground]), _luminance(colours[name])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground, theme)
