"""The session itself: renewals, refusals, cameras that talk nonsense. A camera of a few lines answers what it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from edge_ai.clock import SystemClock
from edge_ai.errors import SourceError
from edge_ai.sources.rtsp import client
from edge_ai.sources.rtsp.address import read_address
from edge_ai.sources.rtsp.client import RtspClient
from edge_ai.sources.rtsp.framing import encode_message, encode_packet
from simulations.devices.rtsp_packets import RtpWriter

SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
PACKET = encode_packet(4, RtpWriter(1).packet(b"\x65abc", timestamp=1, is_last=True))


def answer(cseq: int, body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    return encode_message(f"RTSP/1.0 {status}", {"CSeq": str(cseq), **headers}, body)


GOOD = [
    answer(1, Public="OPTIONS, GET_PARAMETER"),
    answer(2, SDP),
    answer(3, Session="7;timeout=1", Transport="RTP/AVP/TCP;interleaved=4-5"),
    PACKET + answer(4) + PACKET,
]


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[RtspClient, list[bytes]]]:
    """A client of a camera that sends one answer for each request, then waits for the end."""
    asked: list[bytes] = []

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            for entry in answers:
                asked.append(connection.recv(65_536))
                connection.sendall(entry)
            while data := connection.recv(65_536):
                asked.append(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        address, credentials = read_address(f"rtsp://u:hunter2@127.0.0.1:{server.getsockname()[1]}/main")
        subject = RtspClient(address, credentials, SystemClock(), Random(1))
        try:
            yield subject, asked
        finally:
            subject.close()
            thread.join(10)


def test_packets_before_the_answer_to_play_are_not_lost() -> None:
    with answering(*GOOD) as (subject, asked):
        subject.open()
        deadline = SystemClock().now().plus(5)
        assert [subject.next_packet(deadline).payload for _ in range(2)] == [b"\x65abc"] * 2
    assert [request.split(b" ")[0] for request in asked] == [b"OPTIONS", b"DESCRIBE", b"SETUP", b"PLAY", b"TEARDOWN"]
    assert b"Session: 7\r\n" in asked[3]
    assert not any(b"hunter2" in request for request in asked)


def test_the_session_is_renewed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SESSION_S_MIN", 0.0)
    monkeypatch.setattr(client, "KEEP_ALIVE_SHARE", 0.0)
    with answering(*GOOD, PACKET, answer(6) + PACKET) as (subject, asked):
        subject.open()
        for _ in range(4):
            subject.next_packet(SystemClock().now().plus(5))
    assert asked[4].startswith(b"GET_PARAMETER rtsp://127.0.0.1")
    assert b"Session: 7\r\n" in asked[4]


def test_a_nonce_that_grew_old_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SESSION_S_MIN", 0.0)
    monkeypatch.setattr(client, "KEEP_ALIVE_SHARE", 0.0)
    stale = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 5\r\nWWW-Authenticate: Digest realm="r", nonce="second", stale=true\r\n\r\n'
    with answering(*GOOD, stale + PACKET, answer(6) + PACKET) as (subject, asked):
        subject.open()
        for _ in range(4):
            subject.next_packet(SystemClock().now().plus(5))
    assert any(b'nonce="second"' in request for request in asked[5:])


def test_a_request_of_the_camera_is_answered() -> None:
    ask = encode_message("ANNOUNCE rtsp://x RTSP/1.0", {"CSeq": "9"})
    with answering(*GOOD[:3], answer(4) + ask + PACKET) as (subject, asked):
        subject.open()
        subject.next_packet(SystemClock().now().plus(5))
    assert any(b"501 Not Implemented\r\nCSeq: 9" in entry for entry in asked)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "it is silent"),
        ([b"\x00\x01"], "does not speak RTSP"),
        ([GOOD[0], answer(2, status="404 Not Found")], "404 Not Found: check the path"),
        ([GOOD[0], answer(2, b"nonsense")], "no video at all"),
        ([*GOOD[:2], answer(3, status="461 Unsupported Transport")], "allow it there"),
        ([*GOOD[:2], answer(3)], "no Session header"),
        ([*GOOD[:3], answer(4, status="453 Not Enough Bandwidth")], "end other viewers"),
        ([GOOD[0], b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Negotiate\r\n\r\n"], "allow Digest"),
        ([GOOD[0], answer(2, status="302 Moved", Location="rtsp://elsewhere/")], "302 Moved"),
    ],
)
def test_what_the_camera_refuses_is_said_with_the_way_out(answers: list[bytes], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPEN_S", 0.3)
    with answering(*answers) as (subject, _), pytest.raises(SourceError, match=words):
        subject.open()


def test_a_closed_port_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    subject = RtspClient(read_address(f"rtsp://127.0.0.1:{port}/")[0], None, SystemClock(), Random(1))
    with pytest.raises(SourceError, match="no connection to it"):
        subject.open()
    subject.close()
