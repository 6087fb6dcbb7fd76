"""The label set: topics are data, read from a TOML file."""

import re
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import TopicsError

DEFAULT_PATH = Path(__file__).with_name("topics.toml")
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the desk. `uri` is an IPTC Media Topic only where that is exactly the topic."""

    id: str
    label: str
    description: str
    definition: str
    uri: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The topic as plain values, for JSON."""
        return asdict(self)


def load_topics(path: Path = DEFAULT_PATH) -> tuple[Topic, ...]:
    """The topics of a TOML file, in its order.

    Raises `TopicsError` naming the file and the fault.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TopicsError(f"{path}: no such topics file; name one with --topics") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopicsError(f"{path}: not a TOML file in UTF-8 ({error})") from None
    if unknown := set(data) - {"topic"}:
        raise TopicsError(f"{path}: unknown key {min(unknown)!r}; a topics file holds [[topic]] tables only")
    rows = data.get("topic", [])
    if not isinstance(rows, list) or not rows:
        raise TopicsError(f"{path}: no [[topic]] table; a model needs at least one topic")
    return parse_topics(rows, str(path))


def parse_topics(rows: list[Any], where: str) -> tuple[Topic, ...]:
    """Topics from plain values; `where` names their origin in messages. Raises `TopicsError`."""
    topics: list[Topic] = []
    for number, row in enumerate(rows, 1):
        place = f"{where}: topic {number}"
        if not isinstance(row, dict):
            raise TopicsError(f"{place}: expected a table")
        allowed = set(Topic.__dataclass_fields__)
        if unknown := set(row) - allowed:
            raise TopicsError(f"{place}: unknown key {min(unknown)!r}; allowed are {', '.join(sorted(allowed))}")
        for key in ("id", "label", "description", "definition"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise TopicsError(f"{place}: {key!r} must be a text that is not empty")
        if row.get("uri") is not None and not isinstance(row["uri"], str):
            raise TopicsError(f"{place}: 'uri' must be a text, or be left out")
        if not _ID.fullmatch(row["id"]):
            raise TopicsError(f"{place}: id {row['id']!r} must be lower-case letters, digits and underscores, 64 at most")
        topics.append(Topic(**{key: value.strip() if isinstance(value, str) else value for key, value in row.items()}))
    ids = [topic.id for topic in topics]
    if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise TopicsError(f"{where}: topic id {min(twice)!r} stands twice")
    return tuple(topics)
