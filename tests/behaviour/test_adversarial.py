"""Text made to mislead gets a defensible answer."""

import random

import pytest

from models.pipeline import Document, Form, Json, Options, classify
from models.release import Release

COUNTRIES = (
    "Algeria Angola Benin Botswana Burundi Cameroon Chad China Congo Cuba Djibouti Egypt Eritrea Ethiopia France Gabon Gambia Germany "
    "Ghana Guinea India Iran Iraq Israel Italy Japan Kenya Lesotho Liberia Libya Malawi Mali Mauritania Morocco Mozambique Namibia "
    "Niger Nigeria North Korea Russia Rwanda Senegal Somalia South Africa South Korea Sudan Syria Tanzania Togo Tunisia Turkey "
    "Uganda Ukraine United Kingdom United States Venezuela Yemen Zambia Zimbabwe"
)
SPORT = (
    "Striker Ivan Marsh fired two rockets past the United goalkeeper on Saturday as Rovers survived an aerial bombardment in the "
    "second half to win the war of attrition at the Arena. The captain, who was sanctioned by the league last month for two yellow "
    "cards, said that his troops had held the line under heavy attack. The manager called the defence a no-fly zone and said the "
    "ban on his midfielder had been harsh. Rovers climb to third and travel to City on Wednesday for the cup tie."
)


def _assigned(result: Json) -> set[str]:
    return {topic["topic"] for topic in result["topics"] if topic["decision"] == "assigned"}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a topic's words in a sports report", SPORT, "below_threshold"),
        ("a list of every country", COUNTRIES, "unsupported_language"),
        ("a list of every country, comma by comma", COUNTRIES.replace(" ", ", "), "unsupported_language"),
        ("50,000 repetitions of one word", "sanctions " * 50_000, "unsupported_language"),
        ("random bytes", random.Random(1).randbytes(20_000).replace(b"\0", b" ").decode("latin-1"), "unsupported_language"),
        ("digits", "1234567890 " * 1000, "unsupported_language"),
        ("one word without end", "a" * 1_000_000, "too_short"),
        ("a topic's name and nothing else", "Ukraine war", "too_short"),
        (
            "keywords for search engines",
            "ukraine, war, russia, sanctions, putin, kyiv, missiles, nato, news, today, live, video, map",
            None,
        ),
    ],
)
def test_a_misleading_text_is_given_nothing(release: Release, name: str, text: str, reason: str | None) -> None:
    """Words alone, out of any sentence or in another sense, make no topic."""
    result = classify(release, Document(text))
    assert _assigned(result) == set(), name
    assert result["none"]
    assert reason is None or result["reason"] == reason


def test_a_page_of_headlines_raises_no_topic_for_the_page(release: Release) -> None:
    """A front page is no article about everything on it."""
    headlines = [
        "EU extends sanctions on Moscow for six months",
        "Drone attack on Kyiv kills four overnight",
        "African Union names envoy for Sudan talks",
        "Journalist jailed for seven years in Minsk",
        "North Korea ships more shells to Russia, Seoul says",
        "Striker signs new contract with Rovers",
    ]
    result = classify(release, Document("\n".join(headlines * 3), Form.PAGE))
    assert _assigned(result) == set()


@pytest.mark.parametrize("padding", ["The council met on Monday to talk about the new swimming pool and its roof. " * 200])
def test_padding_does_not_hide_everything(release: Release, padding: str) -> None:
    """A topic drowned in other matters is not assigned, but its score stays a score between 0 and 1."""
    text = "The EU imposed sanctions on two banks and froze their assets. " + padding
    result = classify(release, Document(text), Options(explain=True, topics=frozenset({"sanctions"})))
    (topic,) = [topic for topic in result["topics"] if topic["topic"] == "sanctions"]
    assert 0 <= topic["score"] < topic["threshold"]


def test_case_and_spacing_do_not_matter(release: Release) -> None:
    """Shouting and stretched spaces change nothing."""
    text = "The EU imposed sanctions on two banks and froze the assets of their owners, the Council said on Monday."
    scores = [
        classify(release, Document(each))["topics"][0]["score"] for each in (text, text.upper(), text.replace(" ", " \n "))
    ]
    assert scores[0] == pytest.approx(scores[1]) == pytest.approx(scores[2])
