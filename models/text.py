"""Tokens and their places: the one definition that training and serving share.

Lower-case with `str.lower`, then take every run of two or more word characters. That is scikit-learn's default
(`CountVectorizer`, pattern `\\b\\w\\w+\\b`) for all of Unicode; training passes `TOKEN_PATTERN` to scikit-learn and a test
holds both to the same answer.
"""

import re

TOKEN_PATTERN = r"(?u)\b\w\w+\b"
_find_words = re.compile(r"\w+").findall
_iter = re.compile(r"\w\w+").finditer  # the same runs: `\w\w+` is greedy, so its ends are word boundaries
_PART_ASCII = bytes(byte if byte >= 128 or chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(256))
_is_list = re.compile(r"(?:\w\w+\n)*").fullmatch

# Function words by which running English is told from another language written in the same letters. None of them is
# common in French, Spanish, German, Italian, Portuguese, Dutch, Indonesian or Swahili.
ENGLISH_WORDS = frozenset(
    """
    the of and to that for with was on by as at from his her it is are were be been has have had not this which who
    will would their they he she its an or but after said about more when there than can could into over also
    """.split()
)

# Words that every report needs, and no feature of any model: function words, times, and the verbs of reporting. Their shares
# tell one writer from another, and we are judged on text that others wrote.
NEUTRAL_WORDS = ENGLISH_WORDS | frozenset(
    """
    so if no up out do did does how what why where we our you your my me him them these those then now than just only even
    other some such any all most many much very own same each every both few because while during before under again
    further here should might must shall having being
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december year years month months week weeks day days last next first one two three four five
    said says say saying told tells tell according added adding mr mrs ms
    """.split()
)

HEADLINE_WEIGHT = 2  # a headline is read so many times: it says what the text is about


def as_read(headline: str | None, text: str) -> str:
    """The string that the model reads for a text and its headline."""
    return "\n".join([*[headline] * HEADLINE_WEIGHT, text]) if headline else text


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order."""
    return [word for word in words(text.lower()) if len(word) > 1]


def words(lowered: str) -> list[str]:
    """The runs of word characters of a text, in order, single ones included."""
    # two thirds of the time that the pattern takes on a whole text: it is asked of what is not ASCII alone
    parted = lowered.encode("utf-8", "surrogatepass").translate(_PART_ASCII).decode("utf-8", "surrogatepass").split()
    if lowered.isascii():
        return parted
    found: list[str] = []
    for word in parted:
        if word.isascii():
            found.append(word)
        else:
            found += _find_words(word)
    return found


def are_tokens(lines: str) -> bool:
    """Whether each line is a token that some text has, and the last of them ends."""
    return lines == lines.lower() and _is_list(lines) is not None


def token_spans(text: str) -> list[tuple[str, int, int]]:
    """The tokens of a text with their code-point range [start, end) in the text as it was given."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return [(match[0], match.start(), match.end()) for match in _iter(lowered)]
    # `İ` is lowered to two code points: map places in the lowered text back to the given one
    origin = [index for index, char in enumerate(text) for _ in char.lower()]
    return [(match[0], origin[match.start()], origin[match.end() - 1] + 1) for match in _iter(lowered)]


def language_sample(found: list[str], at_most: int = 200) -> list[str]:
    """Some `at_most` tokens from all over a text, to tell its language by: a scraped text may begin with a long menu."""
    return found[:: 1 + len(found) // at_most]


def is_english(n_seen: int, n_english: int, at_least: int = 12, share: float = 0.12) -> bool:
    """Whether a text is running English: enough of the tokens looked at are English function words.

    Fewer than `at_least` tokens are too few to tell and count as English. Of our own corpus 99.9 % of the segments lie above a
    share of 0.14, half above 0.34.
    """
    return n_seen < at_least or n_english >= share * n_seen
