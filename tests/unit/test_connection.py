"""A client's socket while the loop answers on it: it waits for nothing."""

import socket
from collections.abc import Iterator

import pytest

from service.connection import ClientSocket, Unreader


@pytest.fixture
def pair() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """Ours, held as the loop holds it, and the client's."""
    ours, theirs = socket.socketpair()
    held = ClientSocket(ours, patience=1.0)
    held.setblocking(False)
    held.held = bytearray()
    with held, theirs:
        yield held, theirs


def test_what_is_sent_waits_until_it_is_let_go(pair: tuple[ClientSocket, socket.socket]) -> None:
    """Head and body leave together."""
    ours, theirs = pair
    ours.sendall(b"head ")
    ours.sendall(b"body")
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    assert ours.let_go() == b""
    assert theirs.recv(100) == b"head body"


def test_a_client_that_does_not_read_is_not_waited_for(pair: tuple[ClientSocket, socket.socket]) -> None:
    """What the client does not take at once comes back, to be sent by a thread."""
    ours, theirs = pair
    answer = bytes(range(256)) * 40_000
    ours.sendall(answer)
    rest = ours.let_go()
    assert 0 < len(rest) < len(answer)
    taken = len(answer) - len(rest)
    received = bytearray()
    while len(received) < taken:
        received += theirs.recv(taken - len(received))
    assert received + rest == answer
    assert ours.let_go() == b""  # nothing is sent twice


def test_no_more_is_read_than_was_gathered(pair: tuple[ClientSocket, socket.socket]) -> None:
    """A request that says less than it is, in words that our hint and the parser read differently, ends its connection."""
    ours, theirs = pair
    theirs.sendall(b"more")
    with pytest.raises(ConnectionResetError):
        Unreader(ours).chunk()


def test_nothing_makes_a_held_socket_wait(pair: tuple[ClientSocket, socket.socket]) -> None:
    """gunicorn sets its sockets to wait before it answers."""
    ours, _ = pair
    ours.setblocking(True)
    ours.settimeout(5)
    assert ours.gettimeout() == 0
