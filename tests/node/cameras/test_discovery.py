"""Cameras found by ONVIF: a simulated one on loopback, asked with its own clock, and hostile answers that say nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.cameras import discovery
from node.cameras.credentials import Credentials
from node.cameras.discovery import OnvifCamera, discover, post
from node.cameras.errors import CameraRefused
from node.cameras.onvif_xml import ANSWER_BYTES_MAX, matches, parsed, stream_address
from node.clock import SystemClock
from tests.node.cameras.onvif_camera import CLOCK, PASSWORD, USER, Camera, match, soap

MESSAGE = "11111111-2222-3333-4444-555555555555"
LOGIN = Credentials(USER, PASSWORD)


def test_a_stream_that_is_none_is_refused_without_the_login_in_it() -> None:
    with pytest.raises(CameraRefused, match=r"'http://10\.0\.0\.1/x' as its stream, which is no RTSP address"):
        stream_address(soap(f"<t:Uri>http://{USER}:{PASSWORD}@10.0.0.1/x</t:Uri>"))


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    made.start()
    yield made
    made.stop()


def asked(camera: Camera, login: Credentials | None = LOGIN) -> OnvifCamera:
    return OnvifCamera(camera.service, login, SystemClock(), lambda: b"0123456789abcdef")


def test_a_camera_is_found_once_among_answers_that_are_none_and_nobody_speaks_for_another_host(camera: Camera) -> None:
    with_login = match(MESSAGE, "http://u:p@127.0.0.1/x").replace(b"cam-1", b"cam-2")
    of_others = match(MESSAGE, "http://10.9.9.9/x http://localhost:1/x").replace(b"cam-1", b"liar")
    camera.junk = [b"\x00junk", b"<!DOCTYPE a>", match("another", "http://127.0.0.1/x"), with_login, of_others]
    found = discover(SystemClock(), interface="127.0.0.1", target=camera.target, seconds=0.3, message_id=MESSAGE)
    assert [(each.name, each.hardware, each.services) for each in found] == [
        ("North Gate", "X1", ()),
        ("North Gate", "X1", ()),
        ("North Gate", "X1", (camera.service,)),
    ]


@pytest.mark.parametrize("start", [b"", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_an_answer_that_drips_is_given_up(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "HTTP_S", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        dripping = threading.Thread(target=drip, args=(door, start))
        dripping.start()
        with pytest.raises(CameraRefused):
            parsed(post(f"http://127.0.0.1:{door.getsockname()[1]}/x", b""))
        dripping.join(5.0)
        assert not dripping.is_alive()


def drip(door: socket.socket, start: bytes) -> None:
    """A byte for a twentieth of a second until nobody listens any more."""
    line, _ = door.accept()
    with line, suppress(OSError):
        line.settimeout(0.05)
        line.sendall(start)
        while True:
            line.sendall(b"H")
            with suppress(TimeoutError):
                if not line.recv(65_536):
                    return


def test_a_camera_that_takes_its_time_for_each_answer_is_asked_no_more(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "CAMERA_S", 0.0)
    with pytest.raises(CameraRefused, match="to name its streams"):
        asked(camera).streams()


def test_its_streams_come_without_the_credentials_in_their_addresses(camera: Camera) -> None:
    streams = asked(camera).streams()
    assert [(each.profile.width, each.profile.codec, each.address) for each in streams] == [
        (1920, "H264", "rtsp://127.0.0.1/p0"),
        (640, "H264", "rtsp://127.0.0.1/p1"),
    ]


def test_the_digest_is_of_the_cameras_own_clock(camera: Camera) -> None:
    asked(camera).streams()
    assert all(created.startswith(CLOCK[:13]) for created in camera.created)
    assert len(camera.created) == 4


@pytest.mark.parametrize("login", [None, Credentials(USER, "wrong")])
def test_a_wrong_login_is_said_as_one(camera: Camera, login: Credentials | None) -> None:
    with pytest.raises(CameraRefused, match="user or password are wrong"):
        asked(camera, login).streams()


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("GetProfiles", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ("GetProfiles", b"x" * (ANSWER_BYTES_MAX + 1), "bytes refused"),
        ("GetProfiles", b"<a>" + b"<b/>" * 6_000 + b"</a>", "elements"),
        ("GetCapabilities", soap("<t:Media><t:XAddr>http://10.9.9.9/x</t:XAddr></t:Media>"), "own address alone"),
        ("GetStreamUri", soap("<t:Uri>file:///etc/passwd</t:Uri>"), "no RTSP address"),
        ("GetStreamUri", soap("<t:Uri>rtsp://10.9.9.9/p0</t:Uri>"), "names 10.9.9.9 as the place of its streams"),
    ],
)
def test_hostile_answers_are_refused_with_the_reason(camera: Camera, question: str, answer: bytes, words: str) -> None:
    camera.answers = {question: answer}
    with pytest.raises(CameraRefused, match=words):
        asked(camera).streams()


def test_nobody_there_is_said() -> None:
    with pytest.raises(CameraRefused, match="ONVIF is on"):
        OnvifCamera("http://127.0.0.1:9/x", None, SystemClock(), lambda: b"n").streams()


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_datagram_is_an_answer_or_refused(data: bytes) -> None:
    for each in (data, match(MESSAGE, "http://h/x")[:150] + data):
        try:
            matches(each, MESSAGE)
        except CameraRefused:
            continue


def test_encodings_that_the_parser_does_not_know_are_refused() -> None:
    with pytest.raises(CameraRefused, match="no XML"):
        parsed(b'<?xml version="1.0" encoding="klingon"?><a/>')
