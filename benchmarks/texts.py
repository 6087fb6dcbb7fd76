"""The texts that the benchmarks read, made of the corpus of this repository."""

from models.topics import load_topics
from training.corpus import CORPUS_DIR, Segment, read_segments

N_TEXTS = 1000


def corpus() -> list[Segment]:
    """The labelled segments."""
    return read_segments([CORPUS_DIR], [topic.id for topic in load_topics()])


def texts_of_the_wires_length() -> list[str]:
    """Texts of 2 to 6 KB, made by joining segments of the corpus."""
    texts: list[str] = []
    pending = ""
    for each in corpus():
        pending += each.full_text + "\n"
        if len(pending) >= 2000:
            texts.append(pending[:6000])
            pending = ""
    return texts[:N_TEXTS]


def text_of_a_wire(texts: list[str]) -> str:
    """The first that has about 4 KB."""
    return next(text for text in texts if 3500 < len(text.encode()) < 4500)
