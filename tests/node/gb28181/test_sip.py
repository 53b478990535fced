"""SIP messages: written and read back, and anything else refused with one clear error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.gb28181.errors import SipError
from node.gb28181.sip import HEADERS_MAX, LINE_BYTES_MAX, Message, answer_to, parameters, parse, write

REQUEST = Message(
    (
        ("via", "SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1"), ("via", "SIP/2.0/UDP 10.0.0.2"), ("from", "<sip:1@d>;tag=a"),
        ("to", "<sip:2@d>"), ("call-id", "c1"), ("cseq", "20 MESSAGE"),
    ),
    b"<Query/>", method="MESSAGE", uri="sip:2@d",
)  # fmt: skip
BYTES = write(REQUEST)
PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
NAMES = PLAIN.map(str.lower).filter(lambda name: len(name) > 1 and name != "content-length")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(NAMES, PLAIN), max_size=10), st.binary(max_size=200))
def test_what_is_written_reads_back(headers: list[tuple[str, str]], body: bytes) -> None:
    message = Message(tuple(headers), body, method="MESSAGE", uri="sip:x@y")
    again = parse(write(message))
    assert (again.method, again.uri, again.body) == ("MESSAGE", "sip:x@y", body)
    assert again.headers == (*headers, ("content-length", str(len(body))))


def test_an_answer_repeats_what_it_must_and_names_its_side() -> None:
    answer = parse(write(answer_to(REQUEST, 200, "OK", tag="t")))
    assert (answer.status, answer.all("via"), answer.cseq) == (200, REQUEST.all("via"), (20, "MESSAGE"))
    assert (answer.get("to"), answer.branch) == ("<sip:2@d>;tag=t", "z9hG4bK1")


def test_short_names_of_headers_are_understood() -> None:
    message = parse(b"MESSAGE sip:a SIP/2.0\r\nv: SIP/2.0/UDP h;branch=b\r\ni: c9\r\nl: 2\r\n\r\nabXX")
    assert (message.branch, message.get("call-id"), message.body) == ("b", "c9", b"ab")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BYTES[:-12], "do not end|bytes of a body"),
        (b"MESSAGE sip:a HTTP/1.1\r\n\r\n", "first line"),
        (b"SIP/2.0 999 x\r\n\r\n", "status"),
        (b"MESSAGE sip:a SIP/2.0\r\nno colon\r\n\r\n", "no name"),
        (b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 1e9\r\n\r\n", "Content-Length"),
        (b"MESSAGE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
        (b"MESSAGE sip:a SIP/2.0\r\n" + b"a: b\r\n" * (HEADERS_MAX + 1) + b"\r\n", "headers"),
        (b"MESSAGE sip:a SIP/2.0\r\na: " + b"x" * LINE_BYTES_MAX + b"\r\n\r\n", "bytes"),
        (b"MESSAGE sip:a SIP/2.0\r\na: b\x00\r\n\r\n", "control"),
        (b"x" * 70_000, "at most"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(SipError, match=words):
        parse(data)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(BYTES) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_mutated_bytes_are_read_or_refused_and_never_anything_else(at: int, put: bytes, cut: int) -> None:
    data = BYTES[:at] + put + BYTES[at + cut :]
    try:
        message = parse(data)
    except SipError:
        return
    assert message.is_request == (message.status == 0)


def test_a_header_cannot_bring_a_line_of_its_own() -> None:
    with pytest.raises(SipError, match="end of a line"):
        write(Message((("to", "x\r\nEvil: 1"),), method="MESSAGE", uri="sip:a"))


def test_parameters_are_read_quoted_or_not() -> None:
    assert parameters('Digest realm="a, b", nonce=9f, qop="auth,auth-int"') == {"realm": "a, b", "nonce": "9f", "qop": "auth,auth-int"}
