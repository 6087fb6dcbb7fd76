"""Annif projects trained on labelled segments, by Annif's own command."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from training.corpus import Segment

PROJECT = """
[{backend}]
name={backend}
language=en
backend={backend}
analyzer=simple
vocab=topics
limit=5
"""


def uri(topic: str) -> str:
    """The address by which Annif knows a topic."""
    return f"http://topics/{topic}"


def train(
    command: Path | str, folder: Path, backend: str, topics: Sequence[str], segments: Sequence[Segment]
) -> dict[str, str]:
    """Train a project named like its backend in a folder, and give the environment in which Annif finds it.

    Topicless segments cannot be shown to Annif. Raises `CalledProcessError`.
    """
    (folder / "projects.cfg").write_text(PROJECT.replace("{backend}", backend), encoding="utf-8")
    (folder / "topics.tsv").write_text("".join(f"<{uri(topic)}>\t{topic}\n" for topic in topics), encoding="utf-8")
    rows = (f"{' '.join(s.full_text.split())}\t{' '.join(f'<{uri(t)}>' for t in s.topics)}\n" for s in segments if s.topics)
    (folder / "train.tsv").write_text("".join(rows), encoding="utf-8")
    # Annif's sentence splitter wants a data file that it would download; an empty one splits at every full stop, which these
    # backends do not mind
    punkt = folder / "nltk" / "tokenizers" / "punkt_tab" / "english"
    punkt.mkdir(parents=True)
    for name in ("abbrev_types.txt", "collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (punkt / name).touch()
    environment = {"NLTK_DATA": str(folder / "nltk")}
    for arguments in (["load-vocab", "--language", "en", "topics", "topics.tsv"], ["train", backend, "train.tsv"]):
        subprocess.run(
            [command, *arguments], cwd=folder, env={**os.environ, **environment}, check=True, capture_output=True, text=True
        )
    return environment
