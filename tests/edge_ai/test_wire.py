"""Messages between worker and node, honest and hostile."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from edge_ai.errors import MessageError
from edge_ai.wire import (
    HEADER_BYTES_MAX,
    JPEG_BYTES_MAX,
    STOP_PARTS,
    Ack,
    EventMessage,
    EventRow,
    EvidenceInfo,
    StateRow,
    ack_parts,
    event_parts,
    parse_from_node,
    parse_from_worker,
    state_parts,
)

JPEG = b"\xff\xd8 a picture"
SHA = hashlib.sha256(JPEG).hexdigest()


def event(event_id: str = "e1", *, ended: bool = False, jpeg: bytes = JPEG, score: float = 0.5, thumb: bytes = bytes(6)) -> EventMessage:
    row = EventRow(
        event_id=event_id, camera="c", territory="370202", rule="r", label="person", score=score, time_us=1, algorithm="a",
        algorithm_sha256="", evidence_sha256=SHA, evidence_grade="none", scene="real", ended=ended, place="p",
        evidence=EvidenceInfo(SHA, 2, 1),
    )  # fmt: skip
    return EventMessage(row, jpeg, thumb)


def test_event_survives_the_socket_with_the_names_of_the_api() -> None:
    parts = event_parts(event())
    assert parse_from_worker(parts) == event()
    assert msgspec.json.decode(parts[1])["class"] == "person"


def test_state_survives_the_socket() -> None:
    state = StateRow(camera="c", state="lost", since_us=1, fps=0.0, frames=0, dropped=0, retry_in_s=5.5, why="gone")
    assert parse_from_worker(state_parts(state)) == state


def test_orders_survive_the_socket() -> None:
    assert parse_from_node(ack_parts(Ack("e1", False))) == Ack("e1", False)
    assert parse_from_node(STOP_PARTS) is None


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "0 parts"),
        ([b"event"], "1 parts"),
        ([b"noise", b"{}"], "kind b'noise'"),
        ([b"event", b"{}"], "with 2 parts"),
        ([b"event", b"{}", b"", b""], "missing required field"),
        ([b"event", b"\xff\xfe", b"", b""], "refused as EventRow"),
        ([b"state", b'{"camera": 3}'], "refused as StateRow"),
        ([b"state", b" " * (HEADER_BYTES_MAX + 1)], "at most"),
        (event_parts(event(score=7.0)), "<= 1"),
        (event_parts(event(jpeg=b"x" * (JPEG_BYTES_MAX + 1))), "picture of"),
        (event_parts(event(jpeg=b"another")), "damaged on its way"),
        (event_parts(event(thumb=b"12345")), "thumbnail of 5 bytes for 2x1"),
    ],
)
def test_what_a_broken_worker_says_is_refused_in_words(parts: list[bytes], words: str) -> None:
    with pytest.raises(MessageError, match=words):
        parse_from_worker(parts)
