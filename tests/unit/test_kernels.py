"""The compiled kernel and the reference give the same numbers."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import kernels, reading, scoring
from models.cohesion import STRANGER_CUES
from models.cutting import read_segmenter, shipped_files
from training.corpus import CORPUS_DIR, read_segments

VOCABULARY = read_segmenter(shipped_files()).vocabulary
ARGUMENTS = ([*VOCABULARY.stems, *VOCABULARY.silent], VOCABULARY.vectors, VOCABULARY.rarities)
compiled = pytest.importorskip("models._kernel", reason="no compiler was there at install; the reference runs alone")
REFERENCE, COMPILED = reading.Vocabulary(*ARGUMENTS), compiled.Vocabulary(*ARGUMENTS)
LINE = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*VOCABULARY.stems[::97], "Kim", "İstanbul", "ΟΔΥΣΣΕΥΣ", "a", "zzqq1", "the"]), max_size=12).map(
        " ".join
    ),
)


def _agree(texts: list[str]) -> None:
    ours, theirs = REFERENCE.read(texts), COMPILED.read(texts)
    n = len(texts)
    shapes = bytes(index * 7 % 16 for index in range(n))
    weights = np.linspace(-2, 2, len(STRANGER_CUES))
    for start in {0, n // 3}:
        a, b = np.zeros((2, n - start, len(STRANGER_CUES)))
        ours.stranger_cues(start, n, shapes, a)
        theirs.stranger_cues(start, n, shapes, b)
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
        c, d = np.zeros((2, n - start))
        ours.stranger_odds(start, n, shapes, weights, 0.5, c)
        theirs.stranger_odds(start, n, shapes, weights, 0.5, d)
        np.testing.assert_allclose(c, d, rtol=0, atol=1e-8)
        for index in range(start, n):
            np.testing.assert_allclose(ours.opening_cues(start, index), theirs.opening_cues(start, index), rtol=0, atol=1e-9)
    assert ours.share(0, n, 0, n // 2) == pytest.approx(theirs.share(0, n, 0, n // 2), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINE, max_size=12))
def test_any_lines_are_read_alike(texts: list[str]) -> None:
    """Words of any script, case and length, known or not."""
    _agree(texts)


def test_stories_are_read_alike() -> None:
    """Real lines too, many of them."""
    topics = ["sanctions", "ukraine_war", "african_diplomacy", "media_freedom", "korea_russia_military_ties"]
    for segment in read_segments([CORPUS_DIR], topics)[::200]:
        _agree(segment.full_text.split("\n"))


def test_every_letter_is_lowered_as_python_lowers_it() -> None:
    """A word's letters are the same for both, whatever the alphabet."""
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = [" ".join(letter * 3 + "x" for letter in letters[at : at + 4000]) for at in range(0, len(letters), 4000)]
    _agree_on_stems(texts)


def _agree_on_stems(texts: list[str]) -> None:
    words = sorted({stem for text in texts for stem in reading.stems(text)})
    arguments = (words, np.ones((len(words), 1), np.float32), np.linspace(1, 2, len(words), dtype=np.float32))
    ours, theirs = reading.Vocabulary(*arguments).read(texts), compiled.Vocabulary(*arguments).read(texts)
    a, b = np.zeros((2, len(texts), len(STRANGER_CUES)))
    ours.stranger_cues(0, len(texts), bytes(len(texts)), a)
    theirs.stranger_cues(0, len(texts), bytes(len(texts)), b)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "arguments",
    [
        (["a", "a"], np.ones((2, 1), np.float32), np.ones(2, np.float32)),
        (["a"], np.ones((2, 1), np.float32), np.ones(2, np.float32)),
        (["longerthansix"], np.ones((1, 1), np.float32), np.ones(1, np.float32)),
        ([1], np.ones((1, 1), np.float32), np.ones(1, np.float32)),
    ],
)
def test_a_vocabulary_that_does_not_fit_together_is_refused(arguments: tuple[object, ...]) -> None:
    """Nothing is read past the end of anything."""
    with pytest.raises((ValueError, TypeError)):
        compiled.Vocabulary(*arguments)


def test_places_outside_are_refused() -> None:
    """So are lines that are not there, and room that is too small."""
    lines = COMPILED.read(["one two three", "four five"])
    for call in (
        lambda: lines.stranger_cues(0, 3, bytes(2), np.zeros((3, 24))),
        lambda: lines.stranger_cues(-1, 1, bytes(2), np.zeros((2, 24))),
        lambda: lines.stranger_odds(0, 3, bytes(2), np.zeros(24), 0.0, np.zeros(3)),
        lambda: lines.opening_cues(0, 2),
        lambda: lines.share(0, 1, 1, 5),
        lambda: lines.stranger_cues(-sys.maxsize - 1, sys.maxsize, bytes(2), np.zeros((2, 24))),
    ):
        with pytest.raises(IndexError):
            call()
    for call in (
        lambda: lines.stranger_cues(0, 2, bytes(2), np.zeros(3)),
        lambda: lines.stranger_cues(0, 2, bytes(2), np.zeros((3, 24))),
        lambda: lines.stranger_cues(0, 2, bytes(1), np.zeros((2, 24))),
        lambda: lines.stranger_odds(0, 2, bytes(3), np.zeros(24), 0.0, np.zeros(2)),
        lambda: lines.stranger_odds(0, 2, bytes(2), np.zeros(23), 0.0, np.zeros(2)),
        lambda: lines.stranger_odds(0, 2, bytes(2), np.zeros(24), 0.0, np.zeros(1)),
    ):
        with pytest.raises(ValueError, match=r"of another size|a weight for each"):
            call()


def _random_model(words: list[str], seed: int) -> tuple[object, ...]:
    rng = np.random.default_rng(seed)
    n = len(words)
    pairs = np.array(sorted({tuple(pair) for pair in rng.integers(0, n, (n, 2)).tolist()}), np.int32).reshape(-1, 2)
    kinds = rng.integers(-1, 2, n).astype(np.int32)
    n_features = n + len(pairs) + 2
    return (
        words,
        pairs,
        kinds,
        (1 + rng.random(n_features)).astype(np.float32).astype(np.float64),
        rng.normal(size=(n_features, 3)).astype(np.float32).astype(np.float64),
        rng.normal(size=3),
        ["the", "of", words[0]],
    )


SCORED = sorted({"kim", "sanctions", "élysée", "санкции", "ii", "snake_case", "x" * 16, "y" * 17, "한국", "12", "ﬁnance", "of"})
MODEL = _random_model(SCORED, 3)
SCORERS = scoring.Scorer(*MODEL), compiled.Scorer(*MODEL)
TEXT = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from([*SCORED, *(word.upper() for word in SCORED), "İ", "ΣΑΣ", "zz", "\ud800", "\x00", "—"]), max_size=60
    ).map(" ".join),
)


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_any_text_is_scored_alike(text: str) -> None:
    """Margins, scores and the counts of tokens, for any characters."""
    (margins, scores, *counts), (their_margins, their_scores, *their_counts) = (scorer.score(text) for scorer in SCORERS)
    assert counts == their_counts
    np.testing.assert_allclose(margins, their_margins, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores, their_scores, rtol=0, atol=1e-9)


@pytest.mark.parametrize("word", ["kim", "ÉLYSÉE", "санкции", "snake_case", "x" * 16, "y" * 17, "z" * 130, "𝔎im"])
@pytest.mark.parametrize("after", ["", ".", " of", " 한국 of", "é"])
def test_words_are_found_wherever_they_begin(word: str, after: str) -> None:
    """The kernel looks at 64 letters together; a word may begin and end anywhere among them, and at the end of the text."""
    for before in range(140):
        text = "".join("a1 -é"[(before * 7 + i) % (4 + before % 2)] for i in range(before)) + " " + word + after
        ours, theirs = (scorer.score(text) for scorer in SCORERS)
        assert ours[2:] == theirs[2:], text
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "text",
    ["word " * 100_000, "a" * 5_000_000, " ".join(f"w{i}" for i in range(100_000)), "\x00" * 1000, "İ" * 10_000, "kim " * 70],
    ids=["long", "one word", "all different", "NUL", "dotted", "often"],
)
def test_extreme_texts_are_scored_alike(text: str) -> None:
    """Megabytes, one word of megabytes, a hundred thousand words: same answer as the reference."""
    ours, theirs = (scorer.score(text) for scorer in SCORERS)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-9)
    assert ours[2:] == theirs[2:]


def test_many_texts_are_scored_as_each_alone() -> None:
    """A batch is its texts, from several threads at once too."""
    texts = ["kim sanctions", "", "of the 12", "élysée " * 9] * 50
    expected = [SCORERS[0].score(text)[1] for text in texts]

    def work(_: int) -> np.ndarray:
        scores = np.empty((len(texts), 3))
        SCORERS[1].score_many(texts, scores)
        return scores

    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(work, range(16)):
            np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="too small"):
        SCORERS[1].score_many(texts, np.empty(3))


@pytest.mark.parametrize("scorer", SCORERS, ids=["reference", "compiled"])
def test_texts_scored_together_stay_apart(scorer: Any) -> None:
    """No pair reaches from a text into the next, and it does not matter with which texts one is scored together."""
    texts = ["kim", "sanctions", "", "of the kim", "sanctions " * (scoring.AT_ONCE // 9), "kim sanctions", "", "of kim"]
    scores = np.empty((len(texts), 3))
    scorer.score_many(texts, scores)
    np.testing.assert_allclose(scores, [SCORERS[0].score(text)[1] for text in texts], rtol=0, atol=1e-12)
    scorer.score_many([], np.empty((0, 3)))


@pytest.mark.parametrize("kind", [scoring.Scorer, compiled.Scorer], ids=["reference", "compiled"])
def test_a_model_of_nothing(kind: Any) -> None:
    """No word and no topic is a model too: it says nothing of any text."""
    scorer = kind([], np.empty((0, 2), np.int32), np.empty(0, np.int32), np.empty(0), np.empty((0, 0)), np.empty(0), [])
    assert scorer.score("Kim met the envoy") == ([], [], 4, 0, 4, 0)
    scorer.score_many(["Kim", ""], np.empty((2, 0)))


def test_threads_share_a_scorer() -> None:
    """Texts so long that other threads run meanwhile, among short ones that those score: each gets its own answer."""
    texts = ["kim sanctions of " * 8000, "élysée санкции İ " * 8000, "kim", "of the 12", "élysée " * 9]
    expected = {text: SCORERS[0].score(text) for text in texts}

    def work(number: int) -> None:
        for turn in range(40):
            text = texts[(number + turn) % len(texts)]
            margins, _, *counts = SCORERS[1].score(text)
            np.testing.assert_allclose(margins, expected[text][0], rtol=0, atol=1e-9)
            assert counts == list(expected[text][2:])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))


@pytest.mark.parametrize("broken", range(7))
def test_a_model_that_does_not_fit_together_is_refused(broken: int) -> None:
    """Shapes, indices and repeats are checked before anything is scored."""
    arguments = list(MODEL)
    arguments[broken] = [
        [*SCORED[:-1], SCORED[0]],
        np.array([[0, len(SCORED)]], np.int32),
        np.full(len(SCORED), 99, np.int32),
        np.ones(3),
        np.ones((3, 3)),
        np.ones(1),
        [None],
    ][broken]
    with pytest.raises((ValueError, TypeError)):
        compiled.Scorer(*arguments)
    with pytest.raises(RuntimeError, match="not made"):
        compiled.Scorer.__new__(compiled.Scorer).score("text")


def _model_of(words: list[str]) -> tuple[Any, ...]:
    n = len(words)
    none = np.zeros((0, 2), np.int32)
    return (words, none, np.full(n, -1, np.int32), np.ones(n), np.arange(1.0, n + 1)[:, None], np.zeros(1), ["of", "the"])


@pytest.mark.parametrize("longest", [2, 15, 16, 17, 40])
def test_no_word_passes_for_its_beginning(longest: int) -> None:
    """A word that goes on where the longest known one ends is another word."""
    scorers = [kind(*_model_of(["x" * longest])) for kind in (scoring.Scorer, compiled.Scorer)]
    for tail in ("", "x", "é", "x" * 30, "é" * 30):
        ours, theirs = (scorer.score("the " + "x" * longest + tail) for scorer in scorers)
        assert ours == theirs
        assert ours[3] == (not tail)


@pytest.mark.parametrize("word", ["Kim", "a b", "a\x00", "\x00a", "\x7f", "a-b"])
def test_words_that_no_text_has_are_refused(word: str) -> None:
    """Packed, they would be taken for other words."""
    with pytest.raises(ValueError, match="no word of a text"):
        compiled.Scorer(*_model_of([word]))
    with pytest.raises(ValueError, match="no word of a text"):
        compiled.Vocabulary([word], np.ones((1, 1), np.float32), np.ones(1, np.float32))


class _Spiteful(str):
    """A text that empties lists when it is asked for anything."""

    prey: tuple[list[Any], ...] = ()

    def lower(self) -> Any:
        for victim in self.prey:
            victim.clear()
        return 5

    def __hash__(self) -> int:
        self.lower()
        return str.__hash__(self)

    __eq__ = str.__eq__


def test_what_subclasses_of_str_do_harms_nothing() -> None:
    """A text is read as `str` reads it; words are the ones that were handed in, whatever becomes of their list meanwhile."""
    words, others = [_Spiteful("kim"), "met"], ["of", "the", *(f"f{i}" for i in range(9999))]
    lines = [_Spiteful("İ kim"), *["a line of text"] * 9999]
    _Spiteful.prey = (words, others)
    arguments = _model_of(["kim", "met"])
    scorer = compiled.Scorer(words, *arguments[1:-1], others)
    assert scorer.score("of kim") == scoring.Scorer(*arguments).score("of kim")
    _Spiteful.prey = (lines,)
    assert scorer.score(_Spiteful("İ kim met")) == scorer.score("İ kim met")
    read = compiled.Vocabulary(["kim"], np.ones((1, 1), np.float32), np.ones(1, np.float32)).read(lines)
    assert read.share(0, 1, 0, 1) == 1.0
    assert len(lines) == 10_000  # nothing was asked of it


def test_a_scorer_is_made_once() -> None:
    """Neither a second time nor from within the first."""
    scorer = compiled.Scorer.__new__(compiled.Scorer)

    class Again(str):
        def __hash__(self) -> int:
            with pytest.raises(RuntimeError, match="made once"):
                scorer.__init__(*_model_of(["met"]))
            return 7

    scorer.__init__(*_model_of([])[:-1], [Again("of")])
    with pytest.raises(RuntimeError, match="made once"):
        scorer.__init__(*_model_of(["met"]))
    assert scorer.score("of the")[2:] == (2, 0, 2, 1)


def test_numbers_that_are_not_aligned_are_refused() -> None:
    """No processor is asked to read a number across the places where it may lie."""

    def shifted(array: np.ndarray) -> np.ndarray:
        return np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:]

    for broken in range(1, 5):
        arguments = list(MODEL)
        arguments[broken] = shifted(arguments[broken])
        with pytest.raises(ValueError, match="aligned"):
            compiled.Scorer(*arguments)
    with pytest.raises(ValueError, match="aligned"):
        compiled.Vocabulary(["one"], np.ones((1, 1), np.float32), shifted(np.ones(1, np.float32)))
    with pytest.raises(ValueError, match="aligned"):
        SCORERS[1].score_many(["text"], np.frombuffer(bytearray(25), np.uint8)[1:])
    with pytest.raises(ValueError, match="aligned"):
        COMPILED.read(["text"]).stranger_cues(0, 1, bytes(1), np.frombuffer(bytearray(24 * 8 + 1), np.uint8)[1:])


def test_no_page_makes_reading_slow() -> None:
    """Words chosen to fall into the same slots of the table, as a known hash allows, take no longer than others."""
    rng, n, mask = np.random.default_rng(1), 20_000, np.uint64(2**16 - 1)
    letters = rng.integers(ord("a"), ord("z") + 1, (2_600_000, 6)).astype(np.uint64)
    packed = (letters << (np.arange(6, dtype=np.uint64) * np.uint64(8))).sum(axis=1)
    hashes = packed * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(0x632BE59BD9B4E019 * 0xD6E8FEB86659FD93 % 2**64)
    chosen = ((hashes ^ hashes >> np.uint64(32)) & mask) < 600

    def seconds(rows: np.ndarray) -> float:
        words = [bytes(row).decode() for row in rows[:n].astype(np.uint8)]
        lines = [" ".join(words[at : at + 100]) for at in range(0, n, 100)]
        times = []
        for _ in range(3):
            start = time.process_time()
            COMPILED.read(lines)
            times.append(time.process_time() - start)
        return min(times)

    assert chosen.sum() > n
    assert seconds(letters[chosen]) < 10 * seconds(letters) + 0.01


def test_the_reference_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """`WIRETAG_KERNEL=reference` runs without the compiled part."""
    monkeypatch.setenv(kernels.ENVIRONMENT, "reference")
    assert kernels.name() == "reference"
    assert kernels.of("Vocabulary") is reading.Vocabulary
