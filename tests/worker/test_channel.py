import socket
from collections.abc import Iterator

import pytest

from worker.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = (Channel(end) for end in socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_messages_arrive_one_by_one(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    for number in range(3):
        one.send({"number": number, "text": "line\nbreak"})
    assert [other.receive()["number"] for _ in range(3)] == [0, 1, 2]


def test_waiting_ends_in_time(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(TimeoutError):
        ends[0].receive(0.01)


def test_what_was_sent_before_hanging_up_is_read(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    one.send({"last": True})
    one.close()
    assert other.receive() == {"last": True}
    with pytest.raises(EOFError):
        other.receive()
