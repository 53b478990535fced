"""Messages between worker and node, honest and hostile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec
import pytest

from edge_ai.errors import MessageError
from edge_ai.wire.clips import ClipNote, ClipOrder, ClipSpan
from edge_ai.wire.events import JPEG_BYTES_MAX, Ack, EventMessage, EventRow, EvidenceInfo
from edge_ai.wire.parts import HEADER_BYTES_MAX, STOP_PARTS, parse_from_node, parse_from_worker, parts_of
from edge_ai.wire.states import StateRow
from edge_ai.wire.views import (
    MARK_BYTES_MAX,
    VIDEO_BYTES_MAX,
    VIEW_BYTES_MAX,
    VideoMessage,
    VideoOrder,
    VideoRow,
    ViewMessage,
    ViewOrder,
    ViewRow,
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
    parts = parts_of(event())
    assert parse_from_worker(parts) == event()
    assert msgspec.json.decode(parts[1])["class"] == "person"


def test_state_survives_the_socket() -> None:
    state = StateRow(camera="c", state="lost", since_us=1, fps=0.0, frames=0, dropped=0, retry_in_s=5.5, why="gone")
    assert parse_from_worker(parts_of(state)) == state


def test_orders_survive_the_socket() -> None:
    assert parse_from_node(parts_of(Ack("e1", False))) == Ack("e1", False)
    assert parse_from_node(STOP_PARTS) is None


def test_a_look_and_its_answer_survive_the_socket() -> None:
    order = ViewOrder(camera="c", number=3, text="城 li", known_us=7)
    assert parse_from_node(parts_of(order)) == order
    picture, none = ViewRow(camera="c", number=3, time_us=9), ViewRow(camera="c", number=3, missing="same")
    for message in (ViewMessage(picture, JPEG), ViewMessage(none)):
        assert parse_from_worker(parts_of(message)) == message


def test_a_question_for_video_and_its_answer_survive_the_socket() -> None:
    order = VideoOrder(camera="c", number=3, mark=b"\x00\xff")
    assert parse_from_node(parts_of(order)) == order
    whole = VideoRow(camera="c", number=3, codec="H264", pictures=2, lost_s=1.5, more=True, mark=b"\x00")
    for message in (VideoMessage(whole, b"G"), VideoMessage(VideoRow(camera="c", number=3, missing="same"))):
        assert parse_from_worker(parts_of(message)) == message


def test_clips_are_ordered_and_told_over_the_socket() -> None:
    order = ClipOrder("e1", "c", ClipSpan(1, 2, 3))
    assert parse_from_node(parts_of(order)) == order
    assert parse_from_worker(parts_of(ClipNote("e1", "c", "busy"))) == ClipNote("e1", "c", "busy")


@pytest.mark.parametrize("name", ["", "../e1", "a/b", "x" * 65, "e 1"])
def test_a_clip_of_an_event_that_may_name_no_file_is_refused(name: str) -> None:
    with pytest.raises(MessageError, match="ClipNote"):
        parse_from_worker([b"clip", msgspec.json.encode({"event_id": name, "camera": "c"})])


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
        (parts_of(event(score=7.0)), "<= 1"),
        (parts_of(event(jpeg=b"x" * (JPEG_BYTES_MAX + 1))), "picture of"),
        (parts_of(event(jpeg=b"another")), "damaged on its way"),
        (parts_of(event(thumb=b"12345")), "thumbnail of 5 bytes for 2x1"),
        (parts_of(ViewMessage(ViewRow(camera="c", number=1), b"")), "view of c refused: 0 bytes"),
        (parts_of(ViewMessage(ViewRow(camera="c", number=1, missing="same"), JPEG)), "missing: same"),
        (parts_of(ViewMessage(ViewRow(camera="c", number=1), b"x" * (VIEW_BYTES_MAX + 1))), "at most"),
        ([b"view", b"{}"], "with 2 parts"),
        (parts_of(VideoMessage(VideoRow(camera="c", number=1), b"")), "video of c refused: 0 bytes"),
        (parts_of(VideoMessage(VideoRow(camera="c", number=1), b"x" * (VIDEO_BYTES_MAX + 1))), "at most"),
        (parts_of(VideoMessage(VideoRow(camera="c", number=1, mark=b"x" * (MARK_BYTES_MAX + 1)), b"x")), "refused as VideoRow"),
    ],
)
def test_what_a_broken_worker_says_is_refused_in_words(parts: list[bytes], words: str) -> None:
    with pytest.raises(MessageError, match=words):
        parse_from_worker(parts)


@pytest.mark.parametrize(("parse", "kind"), [(parse_from_worker, b"state"), (parse_from_worker, b"view"), (parse_from_node, b"ack")])
def test_nesting_deeper_than_the_stack_is_refused(parse: Callable[[Sequence[bytes]], object], kind: bytes) -> None:
    deep = b'{"unknown":' + b"[" * 15_000 + b"]" * 15_000 + b"}"
    with pytest.raises(MessageError):
        parse([kind, deep, b""] if kind == b"view" else [kind, deep])
