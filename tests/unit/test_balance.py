"""Connections are shared out among workers, and nobody waits for a worker that does not come."""

import pytest

from service import balance
from service.balance import NAPS, Balance, Share


@pytest.fixture(autouse=True)
def short_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "NAP", 0.0)


def test_a_worker_that_is_ahead_leaves_a_connection_to_the_other() -> None:
    """One more is no reason, two are."""
    counts = Balance(2)
    first, second = Share(counts, 0), Share(counts, 1)
    first.note(4)
    second.note(3)
    assert not first.leaves_to_others(4)
    assert first.leaves_to_others(5)
    assert not second.leaves_to_others(3)


def test_a_worker_that_does_not_come_loses_its_turn() -> None:
    """A stopped worker delays a connection by a few moments, each time anew."""
    counts = Balance(2)
    first = Share(counts, 0)
    Share(counts, 1).note(0)
    for _ in range(3):
        assert [first.leaves_to_others(9) for _ in range(NAPS + 1)] == [True] * NAPS + [False]


def test_a_worker_that_has_gone_is_not_waited_for() -> None:
    """Its place is free again, and counts for nothing until a new one speaks up."""
    counts = Balance(2)
    first = Share(counts, 0)
    Share(counts, 1).note(0)
    assert first.leaves_to_others(9)
    counts.keep([0])
    assert not first.leaves_to_others(9)
    assert counts.free_slot({0}) == 1


def test_workers_beyond_those_foreseen_take_what_comes() -> None:
    """SIGTTIN may add workers; they have no place in the balance, and do no harm."""
    counts = Balance(1)
    Share(counts, 0).note(0)
    extra = Share(counts, counts.free_slot({0}))
    extra.note(50)
    assert not extra.leaves_to_others(50)
