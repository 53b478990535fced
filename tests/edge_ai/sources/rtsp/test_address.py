"""Addresses, and the login apart from them."""

from __future__ import annotations

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.address import Credentials, read_address


def test_login_is_taken_out_of_the_address() -> None:
    address, credentials = read_address("rtsp://admin:p%40ss%2Fw@10.0.0.9/Streaming/Channels/101?x=1")
    assert (address.host, address.port, address.url) == ("10.0.0.9", 554, "rtsp://10.0.0.9:554/Streaming/Channels/101?x=1")
    assert credentials == Credentials("admin", "p@ss/w")
    assert "p@ss" not in repr((address, credentials))


def test_an_address_without_login_has_none() -> None:
    assert read_address("RTSP://[fe80::1]:8554/a")[1] is None
    assert read_address("rtsp://[fe80::1]:8554/a")[0].url == "rtsp://[fe80::1]:8554/a"


@pytest.mark.parametrize(
    "path", ["user=admin_password=hunter2_channel=1.sdp", "live?token=hunter2&x=1", "a;pwd=hunter2", "?passwd=hunter2"]
)
def test_secrets_that_makers_hide_in_paths_are_not_shown(path: str) -> None:
    address, _ = read_address(f"rtsp://10.0.0.9/{path}")
    assert "hunter2" in address.url
    assert "hunter2" not in address.shown + repr(address)
    assert address.shown.startswith("10.0.0.9:554/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://u:hunter2@h/",
        "rtsp://",
        "rtsp://u:hunter2@/x",
        "rtsp://u:hun/ter2@h:99999/",
        "rtsp://u:hunter2@h/a b",
        "rtsp://h\r\nX: hunter2/",
        "rtsp://u:hunter2@a..b/x",
        "rtsp://u:hunter2@a。。b/x",
        f"rtsp://u:hunter2@{'a' * 64}/x",
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_address(text)
    assert "hun" not in str(caught.value)
