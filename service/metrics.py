"""What the service counts, for all its workers together. Every method is cheap, safe under threads, and never raises."""

from collections.abc import Sequence

from models.pipeline import Json


class Metrics:
    """The counts of this service."""

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered."""

    def results(self, results: Sequence[Json]) -> None:
        """Documents were classified: the contract's results, errors among them."""

    def shed(self, reason: str) -> None:
        """A request was refused to protect the others; `reason` is one of a few fixed words."""

    def reload(self, outcome: str, version: str | None) -> None:
        """A release was asked for: `outcome` is `loaded` or `refused`, `version` the one that serves now."""


metrics = Metrics()
