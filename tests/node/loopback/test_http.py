"""Who may ask a loopback page, and what of a request is believed."""

from __future__ import annotations

import pytest

from node.loopback.http import BODY_BYTES_MAX, Reply, RequestRefused, admitted, parse_head, reply_head

TOKEN = "0123456789abcdef"
GOOD = {"host": "127.0.0.1:8080"}


def head(method: str = "GET", target: str = f"/{TOKEN}/still.jpg", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in (GOOD | headers).items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode()


def status(data: bytes) -> int:
    """Of the refusal; 200 for a request that is answered."""
    try:
        found = parse_head(data)
        admitted(found, TOKEN)
        return 200 if found.body_bytes >= 0 else 0
    except RequestRefused as refused:
        return refused.status


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:9"])
def test_a_request_by_this_machines_name_is_admitted(host: str) -> None:
    assert admitted(parse_head(head(host=host)), TOKEN) == "still.jpg"


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil", "[::2]", "0.0.0.0"])
def test_a_name_that_somebody_else_chose_is_refused_whatever_the_token(host: str) -> None:
    assert status(head(host=host)) == 403


@pytest.mark.parametrize("target", ["/", "/still.jpg", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", "//evil/x", f"http://evil/{TOKEN}x/", "*", "/é/"])
def test_without_the_token_nothing_is_here(target: str) -> None:
    assert status(head(target=target)) == 404


def test_what_stands_behind_a_question_mark_is_no_part_of_the_path() -> None:
    assert admitted(parse_head(head(target=f"/{TOKEN}/still.jpg?t=1")), TOKEN) == "still.jpg"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    assert status(head(method)) == 405


def test_a_change_comes_as_json_of_this_very_page() -> None:
    json = {"content_type": "application/json", "content_length": "2"}
    found = parse_head(head("POST", origin="http://127.0.0.1:8080", **json))
    assert (admitted(found, TOKEN), found.body_bytes) == ("still.jpg", 2)
    assert status(head("POST", content_type="text/plain", content_length="2")) == 415
    assert status(head("POST", origin="http://127.0.0.1:9999", **json)) == 403
    assert status(head("POST", origin="null", **json)) == 403
    assert status(head("POST", sec_fetch_site="cross-site", **json)) == 403


@pytest.mark.parametrize("length", ["", "-1", "1e3", "9" * 10, "٣"])
def test_a_body_without_a_plain_length_is_refused(length: str) -> None:
    assert status(head("POST", content_type="application/json", content_length=length).decode().encode("utf-8")) == 411


def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    assert status(head("POST", content_type="application/json", content_length=str(BODY_BYTES_MAX + 1))) == 413
    assert status(head("POST", content_type="application/json", content_length="2", transfer_encoding="chunked")) == 411


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n", b"GET /\r\n\r\n", b"GET / SPDY/3\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", head().replace(b"host:", b"host :"),
        head().replace(b"\r\n\r\n", b"\r\nhost: localhost\r\n\r\n"), head().replace(b"\r\n\r\n", b"\r\nx: y" * 101 + b"\r\n\r\n"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(data: bytes) -> None:
    assert status(data) == 400


def test_every_reply_is_closed_to_other_pages_and_to_caches() -> None:
    said = reply_head(Reply("text/html", b""), length=0).decode()
    for line in ("Cache-Control: no-store", "frame-ancestors 'none'", "default-src 'none'", "Referrer-Policy: no-referrer", "nosniff"):
        assert line in said
