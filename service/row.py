"""What one worker counts: the writing side of a row of `service.counts`."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from models.decisions import Decision, Reason
from models.pipeline import Form, Reading, Result
from models.reference import EDGES, SCORE_EDGES
from models.release import Release
from service.counts import METHODS, OUTCOMES, REASONS, ROLES, SECONDS, STATUSES, SUB_WINDOWS, Counts, Labels, view
from service.terms import Terms

_MANY = 12  # texts from which arrays count them sooner than a loop does
_METHOD = {method: index for index, method in enumerate(METHODS)}
_STATUS = {int(status): index for index, status in enumerate(STATUSES[:-1])}
_OUTCOME = {outcome: index for index, outcome in enumerate(OUTCOMES)}
_ROLE = {role: index for index, role in enumerate(ROLES)}
_REASON = {reason: index for index, reason in enumerate(REASONS)}
_N_SECONDS, _N_SCORES = len(SECONDS) + 2, len(SCORE_EDGES) + 2
_SCORE_EDGES = np.array(SCORE_EDGES)
_EDGES = {name: np.array(edges, np.float64) for name, edges in EDGES.items()}
_TEXT, _ASSIGNED, _NOTHING = Form.TEXT, Decision.ASSIGNED, Decision.NONE  # enum members cost a look-up each time


class Row:
    """The row of a slot, as its worker writes it. Not safe under threads: every call needs the lock of its `Metrics`.

    clock: seconds, the same for all processes; window: seconds that drift looks back.
    """

    def __init__(self, counts: Counts, slot: int, clock: Callable[[], float], window: float):
        row = self._row = counts.rows[slot]
        self._measured = row["measured"]
        self._clock, self._sub_window = clock, window / SUB_WINDOWS
        self._terms = Terms(counts.snapshots[slot], clock, window / 2)
        self._routes, self._topics, self._shed_reasons = (Labels(row[kind]) for kind in ("routes", "topics", "shed_reasons"))
        self._requests, self._seconds, self._shed, self._reloads = (
            view(row[name]) for name in ("requests", "seconds", "shed", "reloads")
        )
        self._documents, self._segments, self._none = (view(row[name]) for name in ("documents", "segments", "none"))
        self._scores, self._decisions = (view(self._measured[name]) for name in ("scores", "decisions"))
        self._histograms = {name: view(self._measured[name]) for name in EDGES}
        self._release: Release | None = None
        self._columns: list[int] = []  # where the topics of the release are counted
        self._places = self._offsets = np.array([], np.int64)  # the same; and where each begins among the bins of all
        self._quiet: tuple[Decision, ...] = ()  # the decisions for a text that is given nothing
        self._epoch = int(row["epoch"])
        if row["sub_window"] != self._sub_window:
            self._begin_window()

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        index = self._routes.index(route)
        of_method = index * len(METHODS) + _METHOD.get(method, len(METHODS) - 1)
        self._requests[of_method * len(STATUSES) + _STATUS.get(status, len(STATUSES) - 1)] += 1
        self._seconds[index * _N_SECONDS + bisect_left(SECONDS, seconds)] += 1
        self._seconds[index * _N_SECONDS + _N_SECONDS - 1] += seconds

    def shed(self, reason: str) -> None:
        """Count a refusal."""
        self._shed[self._shed_reasons.index(reason)] += 1

    def reload(self, outcome: str) -> None:
        """Count a reload."""
        self._reloads[_OUTCOME.get(outcome, len(OUTCOMES) - 1)] += 1

    def document(self, is_unusable: bool) -> None:
        """Count a document of which nothing else is known."""
        self._documents[is_unusable] += 1

    def classified(self, release: Release, results: Sequence[Result]) -> None:
        """Count the results of one release."""
        self._roll()
        if release is not self._release:
            self._adopt(release)
        own = [each.readings[0] if each.form is _TEXT else self._page(each) for each in results]
        texts = [reading for reading in own if reading is not None]
        self._documents[0] += len(results)
        if len(texts) < _MANY:
            for reading in texts:
                self._text(reading)
        else:
            self._texts(texts)
        for reading in texts[: self._terms.room()]:
            self._terms.hand_over(release, reading)

    def _page(self, result: Result) -> Reading | None:
        """Count the segments of a page; its main one speaks for it."""
        self._observe("segments", len(result.readings))
        for reading in result.readings:
            self._segments[_ROLE[reading.role]] += 1  # type: ignore[index] # a segment has a role
        if (main := result.own) is None:
            self._unassigned(result["reason"], 1)
        return main

    def _text(self, reading: Reading) -> None:
        """Count what was made of one text."""
        scored, scores = reading.scored, self._scores
        for column, score in zip(self._columns, scored.scores, strict=True):
            at = column * _N_SCORES
            scores[at + bisect_left(SCORE_EDGES, score)] += 1
            scores[at + _N_SCORES - 1] += score
        self._observe("tokens", scored.n_tokens)
        self._observe("unknown_terms", (scored.n_tokens - scored.n_known) / (scored.n_tokens or 1))
        self._decided(reading.decisions, 1)
        self._unassigned(reading.reason, 1)

    def _texts(self, readings: Sequence[Reading]) -> None:
        """The same for many texts, sooner."""
        _, scores, n_tokens, n_known, _, _ = zip(*[reading.scored for reading in readings], strict=True)
        n_texts, n_topics = len(scores), len(self._columns)
        values = np.fromiter(chain.from_iterable(scores), np.float64, n_texts * n_topics).reshape(n_texts, n_topics)
        bins = _SCORE_EDGES.searchsorted(values) + self._offsets
        counts = np.bincount(bins.ravel(), minlength=n_topics * _N_SCORES).astype(np.float64).reshape(n_topics, _N_SCORES)
        counts[:, -1] = values.sum(axis=0)
        np.add.at(self._measured["scores"], self._places, counts)  # several topics may be counted as one, "other"
        tokens = np.fromiter(n_tokens, np.float64, n_texts)
        known = np.fromiter(n_known, np.float64, n_texts)
        self._observe_many("tokens", tokens)
        self._observe_many("unknown_terms", (tokens - known) / np.maximum(tokens, 1))
        for decisions, count in Counter([reading.decisions for reading in readings]).items():
            self._decided(decisions, count)
        for reason, count in Counter([reading.reason for reading in readings]).items():
            self._unassigned(reason, count)

    def _unassigned(self, reason: Reason | None, count: int) -> None:
        if reason is not None:
            self._none[_REASON[reason]] += count

    def _decided(self, decisions: tuple[Decision, ...], count: int) -> None:
        if decisions != self._quiet:
            for column, decision in zip(self._columns, decisions, strict=True):
                if decision is not _NOTHING:
                    self._decisions[2 * column + (decision is not _ASSIGNED)] += count

    def _observe(self, name: str, value: float) -> None:
        counts, edges = self._histograms[name], EDGES[name]
        counts[bisect_left(edges, value)] += 1
        counts[len(edges) + 1] += value

    def _observe_many(self, name: str, values: NDArray[np.float64]) -> None:
        counts, edges = self._measured[name], _EDGES[name]
        counts[:-1] += np.bincount(edges.searchsorted(values), minlength=len(edges) + 1)
        counts[-1] += values.sum()

    def _adopt(self, release: Release) -> None:
        """Count for the topics of a release; what another version measured is out of the window."""
        self._release = release
        self._columns = [self._topics.index(topic.id) for topic in release.topics]
        self._places, self._offsets = np.array(self._columns), np.arange(len(self._columns)) * _N_SCORES
        self._quiet = (Decision.NONE,) * len(release.topics)
        if self._row["measured_by"] != release.version.encode():
            self._begin_window()
            self._row["measured_by"] = release.version.encode()

    def _roll(self) -> None:
        """Note where the sub-windows begin that began since the last call."""
        epoch = int(self._clock() // self._sub_window)
        if epoch == self._epoch:
            return
        for each in range(max(self._epoch + 1, epoch - SUB_WINDOWS + 1), epoch + 1):
            self._row["starts"][each % SUB_WINDOWS] = self._measured
        self._row["epoch"] = self._epoch = epoch

    def _begin_window(self) -> None:
        self._row["starts"] = self._measured
        self._row["sub_window"] = self._sub_window
        self._row["epoch"] = self._epoch = int(self._clock() // self._sub_window)
