"""Vendors' addresses: main and sub stream, and what may stand in one."""

from __future__ import annotations

import pytest

from node.cameras.errors import CameraRefused
from node.cameras.templates import Stream, template_of, templates


@pytest.mark.parametrize(
    ("vendor", "stream", "address"),
    [
        ("hikvision", Stream.MAIN, "rtsp://10.1.2.3/Streaming/Channels/201"),
        ("海康", Stream.SUB, "rtsp://10.1.2.3/Streaming/Channels/202"),
        ("Dahua", Stream.SUB, "rtsp://10.1.2.3/cam/realmonitor?channel=2&subtype=1"),
        ("uniview", Stream.MAIN, "rtsp://10.1.2.3/unicast/c2/s0/live"),
        ("axis", Stream.SUB, "rtsp://10.1.2.3/axis-media/media.amp?videocodec=h264&camera=2&resolution=640x360"),
    ],
)
def test_an_address_is_made_of_vendor_host_and_channel(vendor: str, stream: Stream, address: str) -> None:
    assert template_of(vendor).address("10.1.2.3", channel=2, stream=stream) == address


def test_every_template_names_its_manual_and_has_both_streams_or_neither() -> None:
    assert all(each.source and bool(each.main) == bool(each.sub) for each in templates().values())


def test_another_port_and_ipv6_stand_in_the_address() -> None:
    assert template_of("dahua").address("fd00::5", port=8554).startswith("rtsp://[fd00::5]:8554/cam/")
    assert template_of("dahua").address("::ffff:10.1.2.3").startswith("rtsp://[::ffff:10.1.2.3]/cam/")


@pytest.mark.parametrize(
    "host", ["a b", "user@host", "h/x", "", "h?x", "10.1.2.3:554", "h:554", "fe80::1::2", "10.1.2", "10.1.2.300", "123"]
)
def test_a_host_brings_no_path_no_login_and_no_part_of_an_address(host: str) -> None:
    with pytest.raises(CameraRefused, match="host"):
        template_of("axis").address(host)


def test_a_host_without_a_vendor_is_told_so() -> None:
    with pytest.raises(CameraRefused, match="no vendor is named: hikvision, dahua"):
        template_of(" ")


def test_unknown_vendors_and_those_that_must_be_asked_are_refused() -> None:
    with pytest.raises(CameraRefused, match="hikvision, dahua"):
        template_of("acme")
    with pytest.raises(CameraRefused, match="discover"):
        template_of("onvif").address("10.0.0.1")
    with pytest.raises(CameraRefused, match="channel 0"):
        template_of("axis").address("10.0.0.1", channel=0)
