"""What is done with the fuzzer's inputs: each target makes something of bytes and holds the kernel to its definition.

`fuzz.sh` runs them. Whatever raises here is a finding, except what a caller is promised for input that cannot be used.
`python tests/kernel/fuzz.py TARGET FOLDER` writes the inputs that the fuzzer starts from.
"""

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

from models import _kernel as compiled
from models import furniture, reading, rules, scoring, text
from models.cohesion import STRANGER_CUES
from models.sight import Lines

TOLERANCE = 1e-9
REFUSED = (TypeError, ValueError, BufferError)  # what a caller is promised for arguments that do not fit together

# words on both sides of what a key packs, of every width of letters
WORDS = [
    *("ii", "of", "the", "kim", "12", "_9", "ж7", "é1"), *("élysée", "санкции", "한국", "ﬁnance", "snake_case", "𝒜𝒷𝒸𝒹"),
    *("x" * n for n in (14, 15, 16, 17, 18, 40)), *("x" * 15 + "й", "x" * 16 + "й", "ж" * 16, "ж" * 17, "yx" * 8),
]  # fmt: skip
STEMS = [*dict.fromkeys(stem for word in WORDS for stem in reading.stems(word)), "story", "talks", "kims"]
PIECES = [
    *WORDS, *STEMS, *(word.upper() for word in WORDS), *(" ", "\n", "|", ".", "—", "_", "x", "i"),
    *("İ", "Σ", "ς", "ΟΔΥΣΣΕΥΣ", "K", "ß", "ẞ", "ǅ", "\ud800", "\udfff", "\x00", "\u0307", "²", "٣", "𝒜", "\U0010ffff"),
]  # fmt: skip


SIGNS = [
    *PIECES, *sorted({*rules.signs()[0], *rules.signs()[1]}), *" \t\u2028\xa0.,:|·/-–—#@\"'“”’…()[]0123456789>", "  ", ". ",
    "The minister left. ", "two days of talks in the north of the country ", " ago", "May 12", "(Photo: AP)", "By Jane Roe", "-30-",
]  # fmt: skip
EVERYTHING = Lines([], b"", b"", 0, 0)
WEIGHTS = np.linspace(-2, 2, len(STRANGER_CUES))

np.seterr(all="ignore")  # what overflows is compared, where it can be


class Bytes:
    """An input, eaten from the front; zeros at its end."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def below(self, n: int) -> int:
        """A number from 0 to n - 1, n at most 256."""
        self.at += 1
        return self.data[self.at - 1] % n if self.at <= len(self.data) else 0

    def one_of(self, choices: Any) -> Any:
        """One of some."""
        return choices[self.below(len(choices))]

    def text(self) -> str:  # noqa: PLR0911 - one form, one return
        """What is left, as a text: letters of one, two or four bytes, pieces that are known to matter, or up to 4,096 words."""
        form, size, left = self.below(7), self.below(13), self.data[self.at :]
        self.at = len(self.data)
        match form:
            case 0:
                return bytes(byte & 0x7F for byte in left).decode()
            case 1:
                return left.decode("latin-1")
            case 2:
                return left[: len(left) // 2 * 2].decode("utf-16-le", "surrogatepass")
            case 3:
                return "".join(chr(int.from_bytes(left[at : at + 3]) % 0x110000) for at in range(0, len(left), 3))
            case 4:
                return left.decode("utf-8", "surrogateescape")
            case 5:
                begins = left or b"\0"
                return " ".join(f"{PIECES[begins[n % len(begins)] % len(PIECES)]}{n:x}" for n in range(1 << size))
        return "".join(PIECES[byte % len(PIECES)] for byte in left)


def _real(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 129, shape) / 64  # sums of these are exact, in whatever order


def _scorers(longest: int, n_topics: int) -> tuple[scoring.Scorer, Any]:
    rng = np.random.default_rng(longest)
    words = [word for word in WORDS if len(word) <= longest]
    n = len(words)
    pairs = np.array(sorted({tuple(pair) for pair in rng.integers(0, n, (3 * n, 2)).tolist()}), np.int32)
    kinds = rng.integers(-1, 2, n).astype(np.int32)
    n_features = n + len(pairs) + 2
    coef, bias = _real(rng, n_features, n_topics), _real(rng, n_topics)
    arguments = (words, pairs, kinds, 3 + _real(rng, n_features), coef, bias, ["the", "and", "x" * longest])
    return scoring.Scorer(*arguments), compiled.Scorer(*arguments)


def _vocabularies(n_rows: int, n_latent: int) -> tuple[reading.Vocabulary, Any]:
    rng = np.random.default_rng(n_rows)
    vectors, rarities = _real(rng, n_rows, n_latent).astype(np.float32), (3 + _real(rng, n_rows)).astype(np.float32)
    return reading.Vocabulary(STEMS, vectors, rarities), compiled.Vocabulary(STEMS, vectors, rarities)


SCORERS = [_scorers(*sizes) for sizes in ((2, 1), (14, 2), (15, 3), (16, 3), (17, 32), (18, 33), (40, 3))]
VOCABULARIES = [_vocabularies(*sizes) for sizes in ((1, 1), (8, 3), (len(STEMS) - 3, 8), (len(STEMS), 2))]


def _agree(ours: Any, theirs: Any, what: object) -> None:
    if not all(abs(a - b) <= TOLERANCE for a, b in zip(ours, theirs, strict=True)):
        raise AssertionError(f"{what!r}: {ours} by the definition, {theirs} by the kernel")


def _score(reference: scoring.Scorer, kernel: Any, content: str) -> None:
    (margins, scores, *counts), (their_margins, their_scores, *their_counts) = reference.score(content), kernel.score(content)
    if counts != their_counts:
        raise AssertionError(f"{content!r}: {counts} by the definition, {their_counts} by the kernel")
    _agree(margins, their_margins, content)
    _agree(scores, their_scores, content)


def score(data: bytes) -> None:
    """A text, or several, are scored as they are defined to be."""
    source = Bytes(data)
    reference, kernel = source.one_of(SCORERS)
    is_many, content = source.below(2), source.text()
    if not is_many:
        return _score(reference, kernel, content)
    texts = content.split("|")
    ours, theirs = np.zeros((2, len(texts), len(reference.score("")[0])))
    reference.score_many(texts, ours)
    kernel.score_many(texts, theirs)
    return _agree(ours.ravel(), theirs.ravel(), texts)


def read(data: bytes) -> None:
    """Lines are read and compared as they are defined to be; places that are not there are refused."""
    source = Bytes(data)
    vocabularies, call, places = source.one_of(VOCABULARIES), source.below(3), [source.below(256) for _ in range(4)]
    first_shape, lines = source.below(256), source.text().split("\n")
    n = len(lines)
    shapes = bytes((first_shape + 7 * index) % 256 for index in range(n))
    ours, theirs = (vocabulary.read(lines) for vocabulary in vocabularies)
    # now and then far outside, where sums overflow
    far = {255: sys.maxsize, 254: -sys.maxsize - 1, 253: n + 1, 252: -1}
    a, b, c, d = (far.get(place, place % (n + 1)) for place in places)
    try:
        if call == 0:
            is_there = 0 <= a <= b <= n and 0 <= c <= d <= n
            found = [theirs.share(a, b, c, d)]
            expected = [ours.share(a, b, c, d)] if is_there else []
        elif call == 1:
            is_there = 0 <= a <= b < n
            found = theirs.opening_cues(a, b)
            expected = ours.opening_cues(a, b) if is_there else ()
        else:
            is_there = 0 <= a <= b <= n
            cues = np.zeros((2, b - a if is_there else 1, len(STRANGER_CUES)))
            odds = np.zeros((2, len(cues[0])))
            for n_th, kernel in enumerate((theirs, ours) if is_there else (theirs,)):
                kernel.stranger_cues(a, b, shapes, cues[n_th])
                kernel.stranger_odds(a, b, shapes, WEIGHTS, 0.5, odds[n_th])
            found, expected = np.hstack([cues.reshape(2, -1), odds])
    except IndexError:
        if is_there:
            raise
        return
    if not is_there:
        raise AssertionError(f"call {call} with {a}, {b}, {c}, {d} of {n} lines was not refused")
    _agree(expected, found, (call, a, b, c, d, lines))


def sight(data: bytes) -> None:
    """Lines are found where they are, and are what all rules together say they are, whichever of them are tried."""
    source = Bytes(data)
    is_worded, times, content = source.below(2), source.one_of((1, 1, 2, 40)), source.text()
    if is_worded:
        content = "".join(SIGNS[ord(letter) % len(SIGNS)] for letter in content)
    content = (content * times)[: max(len(content), 4_000)]  # rules of marks are about rows of them
    found, expected = furniture.reader().read(content), EVERYTHING.read(content)
    if [line[:3] for line in found] != [line[:3] for line in expected]:
        raise AssertionError(f"{content!r}: {expected} by the definition, {found} by the kernel")
    for start, end, _, held in found:
        line = content[start:end]
        if (kind := furniture.kind_of(line, held)) is not furniture.kind_of(line):
            raise AssertionError(f"{line!r}: {furniture.kind_of(line)} by all rules, {kind} by those of {held}")


class Spiteful(str):
    """A text whose methods do what no text's do, and take from under the kernel what it works on."""

    prey: list[list[Any]] = []  # noqa: RUF012 - shared by all on purpose

    def _spite(self) -> None:
        for victim in self.prey:
            victim.clear()

    def lower(self) -> Any:
        """No text."""
        self._spite()
        return 5

    def __eq__(self, other: object) -> bool:
        self._spite()
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        self._spite()
        return str.__hash__(self)


def _words(source: Bytes) -> list[Any]:
    wild = ["", "\x00", "\x00b", "\x7f", "Kim", "ΣΑΣ", "İ", "\ud800", None, 5, b"of", [], Spiteful("kim"), Spiteful("İx")]
    return [
        source.one_of([*WORDS, *STEMS, *wild] if source.below(8) == 7 else [*WORDS, *STEMS]) for _ in range(source.below(12))
    ]


def _buffer(source: Bytes, array: np.ndarray) -> Any:
    content = array.tobytes()
    match source.below(32):
        case 31:
            return content[: source.below(len(content) + 1)] if len(content) < 256 else b""
        case 30:
            return np.frombuffer(b"\0" + content, np.uint8)[1:]  # not where such numbers may lie
        case 29:
            return source.one_of([None, "text", np.ones((4, 4))[:, ::2], 5, b"", content + bytes(source.below(64))])
    return array


def _reals(source: Bytes, *shape: int) -> np.ndarray:
    wild = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e300, 5e-324, 1e-30, 3e38]
    cells = int(np.prod(shape))
    values = [source.one_of(wild) if source.below(16) == 15 else (source.below(256) - 128) / 64 for _ in range(cells)]
    return np.array(values, np.float64).reshape(shape)


def construct(data: bytes) -> None:
    """Arguments that do not fit together are refused; others make a scorer and a vocabulary that work."""
    source = Bytes(data)
    words, function_words = _words(source), _words(source)
    n, n_pairs, n_kinds, n_topics = len(words), source.below(8), source.below(3), source.below(4)
    pairs = np.array([source.below(n + 2) - (source.below(16) == 15) for _ in range(2 * n_pairs)], np.int32).reshape(-1, 2)
    kinds = np.array([source.below(n_kinds + 1) - 1 - (source.below(64) == 63) for _ in range(n)], np.int32)
    n_features = n + n_pairs + n_kinds + (source.below(16) == 15)
    idf, coef, bias = _reals(source, n_features), _reals(source, n_features, n_topics), _reals(source, n_topics)
    vectors, rarities = _reals(source, n, n_topics).astype(np.float32), _reals(source, n).astype(np.float32)
    arrays = (pairs, kinds, idf, coef, bias)
    buffers = [_buffer(source, array) for array in arrays]
    given, known, stems = list(words), list(function_words), [*words, *function_words]
    content = source.text()
    texts: list[Any] = [*content.split("|"), *map(str, words)]
    if n and isinstance(words[0], Spiteful):
        texts += [Spiteful(content + "İ"), "İx"]
    Spiteful.prey = [given, function_words, stems, texts]
    scorer = compiled.Scorer.__new__(compiled.Scorer)
    try:
        scorer.__init__(given, *buffers, function_words)
        is_made = True
    except REFUSED:
        is_made = False
    _use_scorer(scorer, is_made, content, texts, n_topics)
    plain = [word for word in words if type(word) is str]
    everything = np.concatenate([array.ravel() for array in arrays])
    if is_made and all(buffer is array for buffer, array in zip(buffers, arrays, strict=True)) and plain == words:
        idf, coef, bias = (array.astype(np.float32).astype(np.float64) for array in (idf, coef, bias))
        if text.tokens(" ".join(words)) == words and np.abs(everything).max(initial=0) <= 1e3:
            _score(scoring.Scorer(words, pairs, kinds, idf, coef, bias, known), scorer, content)
    try:
        vocabulary = compiled.Vocabulary(stems, _buffer(source, vectors), _buffer(source, rarities))
        lines = vocabulary.read(texts)
        lines.share(0, 1, 0, 1)
        lines.opening_cues(0, 0)
        lines.stranger_cues(0, 1, bytes(len(texts)), np.zeros((1, 24)))
        lines.stranger_odds(0, 1, bytes(len(texts)), _buffer(source, np.zeros(24)), 0.0, np.zeros(1))
    except (*REFUSED, IndexError, RuntimeError):
        pass
    try:
        held = bytes(source.below(256) for _ in stems)
        compiled.Lines(
            stems, _buffer(source, np.frombuffer(held, np.uint8)), held, 16 + source.below(32), source.below(256)
        ).read(content)
    except (*REFUSED, RuntimeError):
        pass
    Spiteful.prey = []


def _use_scorer(scorer: Any, is_made: bool, content: str, texts: list[Any], n_topics: int) -> None:
    """Call what can be called, rightly and wrongly; a scorer that was not made says so."""
    for call in (
        lambda: scorer.score(content),
        lambda: scorer.score(Spiteful(content)),
        lambda: scorer.score_many([content, Spiteful(content)], np.zeros((2, n_topics + 1))),
        lambda: scorer.score_many(texts, np.zeros((len(texts), n_topics + 1))),
        lambda: scorer.score_many(texts, bytearray(8 * n_topics)),
        lambda: scorer.score_many(texts, np.frombuffer(bytearray(8 * 64 + 1), np.uint8)[1:]),
        lambda: scorer.score_many(texts, b""),
        lambda: scorer.score_many(tuple(texts), np.zeros(64)),
        lambda: scorer.score(None),
    ):
        try:
            call()
        except RuntimeError as error:
            if is_made and "changed" not in str(error):
                raise
        except REFUSED:
            pass


def _write_seeds(target: str, folder: Path) -> None:
    """What the fuzzer starts from, in `folder`, and beside it `folder`.dict with strings worth trying."""
    rng = random.Random(target)
    for number in range(64):
        (folder / f"seed-{number}").write_bytes(rng.randbytes(4 + 4 * number))
    strings = (piece.encode("utf-8", "surrogatepass") for piece in PIECES)
    lines = ("".join(f"\\x{byte:02x}" for byte in string) for string in strings)
    folder.with_suffix(".dict").write_text("".join(f'"{line}"\n' for line in lines))


if __name__ == "__main__":
    _write_seeds(sys.argv[1], Path(sys.argv[2]))
elif hasattr(compiled, "__file__"):
    raise ImportError("the kernel that is fuzzed is the one linked into the fuzzer")
