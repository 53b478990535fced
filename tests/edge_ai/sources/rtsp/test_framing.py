"""Bytes into messages and packets."""

from __future__ import annotations

from random import Random

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.framing import BODY_BYTES_MAX, HEAD_BYTES_MAX, Interleaved, Message, RtspReader, encode_message, encode_packet

ANSWER = encode_message("RTSP/1.0 200 OK", {"CSeq": "3", "Session": "77;timeout=60"}, b"v=0")


def items(data: bytes, step: int) -> list[Message | Interleaved]:
    reader = RtspReader()
    found: list[Message | Interleaved] = []
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
        while (item := reader.next_item()) is not None:
            found.append(item)
    return found


@pytest.mark.parametrize("step", [1, 3, 1_000])
def test_messages_and_packets_come_out_in_order_however_they_arrive(step: int) -> None:
    first, packet, second = items(ANSWER + encode_packet(1, b"rtp") + b"\r\n" + encode_message("OPTIONS * RTSP/1.0", {"CSeq": "1"}), step)
    assert isinstance(first, Message)
    assert (first.status, first.header("session"), first.body) == (200, "77;timeout=60", b"v=0")
    assert packet == Interleaved(1, b"rtp")
    assert isinstance(second, Message)
    assert not second.is_response


def test_a_header_may_come_twice_and_a_lone_line_end_ends_it() -> None:
    (message,) = items(b"RTSP/1.0 401 No\r\nWWW-Authenticate: a\r\nWWW-Authenticate: b\nEvil: x\r\n\r\n", 1_000)
    assert isinstance(message, Message)
    assert message.all_of("www-authenticate") == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03",
        b"HTTP\r\n\r\n",
        b"RTSP/1.0 abc no\r\n\r\n",
        "RTSP/1.0 ²00 OK\r\n\r\n".encode(),
        b"RTSP/1.0 200 OK\r\nX: " + b"a" * HEAD_BYTES_MAX,
        b"RTSP/1.0 " + b"9" * 5_000 + b" OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: ²\r\n\r\n".encode(),
        b"RTSP/1.0 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        f"RTSP/1.0 200 OK\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode(),
    ],
)
def test_what_is_no_rtsp_is_refused_before_it_takes_memory(data: bytes) -> None:
    with pytest.raises(SourceError):
        items(data, 1_000)


def test_noise_never_raises_anything_but_a_source_error() -> None:
    rng = Random(9)
    for _ in range(2_000):
        noise = bytearray(ANSWER + encode_packet(0, b"abc"))
        for _ in range(rng.randrange(1, 6)):
            noise[rng.randrange(len(noise))] = rng.randrange(256)
        try:
            items(bytes(noise), 64)
        except SourceError:
            continue
