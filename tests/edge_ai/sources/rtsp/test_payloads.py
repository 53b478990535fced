"""Pictures in RTP packets and out of them again."""

from __future__ import annotations

from random import Random

import pytest

from edge_ai.sources.rtsp.codec import Codec, DamagedPacket, Payloads
from edge_ai.sources.rtsp.h264 import H264Payloads
from edge_ai.sources.rtsp.h265 import H265Payloads
from edge_ai.sources.rtsp.mpeg4 import Mpeg4Payloads
from edge_ai.sources.rtsp.units import payloads_for
from simulations.devices.rtsp_packets import payloads_of
from tests.edge_ai.sources.serving import stream


def taken(payloads: Payloads, packets: list[bytes]) -> list[bytes]:
    parts = [part for packet in packets for part in payloads.take(packet)]
    payloads.finish()
    return parts


@pytest.mark.parametrize("name", ["small.h264", "bframes.h264", "small.h265"])
@pytest.mark.parametrize("size", [20, 100, 1_400])
def test_every_picture_comes_out_as_it_went_in(name: str, size: int) -> None:
    clip = stream(name)
    for picture in clip.pictures:
        assert tuple(taken(payloads_for(clip.codec), list(payloads_of(picture, clip.codec, size)))) == picture


def test_aggregates_are_split() -> None:
    units = [b"\x67abc", b"\x68de", b"\x65fgh"]
    body = b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    assert H264Payloads().take(b"\x78" + body) == units
    wide = [b"\x40\x01abc", b"\x42\x01de"]
    body = b"".join(len(unit).to_bytes(2, "big") + unit for unit in wide)
    assert H265Payloads().take(b"\x60\x01" + body) == wide


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xe5abc",
        b"\x78",
        b"\x78\x00\x00",
        b"\x78\x00\x09abc",
        b"\x78\x00\x03abcX",
        b"\x79abc",
        b"\x7c",
        b"\x7c\x85",
        b"\x7c\x05abc",
        b"\x00abc",
    ],
)
def test_damaged_h264_payloads_are_named_as_damaged(payload: bytes) -> None:
    with pytest.raises(DamagedPacket):
        H264Payloads().take(payload)


@pytest.mark.parametrize("payload", [b"", b"\x26", b"\xa6\x01x", b"\x60\x01\x00\x09a", b"\x62\x01\x13abc", b"\x64\x01abc"])
def test_damaged_h265_payloads_are_named_as_damaged(payload: bytes) -> None:
    with pytest.raises(DamagedPacket):
        H265Payloads().take(payload)


def test_a_fragment_whose_end_is_missing_is_damage() -> None:
    payloads = H264Payloads()
    payloads.take(b"\x7c\x85abc")
    with pytest.raises(DamagedPacket):
        payloads.take(b"\x41abc")
    payloads.take(b"\x7c\x85abc")
    with pytest.raises(DamagedPacket):
        payloads.finish()
    payloads.finish()


def test_a_picture_tells_key_from_others_and_leaves_delimiters_out() -> None:
    clip = stream("small.h264")
    payloads = H264Payloads()
    keys = [payloads.read([b"\x09\xf0", *picture]).is_key for picture in clip.pictures]
    assert [index for index, is_key in enumerate(keys) if is_key] == sorted(clip.keys)
    assert b"\x09\xf0" not in payloads.read([b"\x09\xf0", *clip.pictures[0]]).body


def test_mpeg4_header_and_kind_of_picture_are_found() -> None:
    head = b"\x00\x00\x01\xb0\x01\x00\x00\x01\x00\x00\x00\x01\x20\xaa\xbb"
    picture = Mpeg4Payloads().read([head, b"\x00\x00\x01\xb3abc\x00\x00\x01\xb6\x10data"])
    assert (picture.is_key, picture.has_picture, picture.sets) == (True, True, {(0, 0): head})
    assert picture.body.startswith(b"\x00\x00\x01\xb3")
    follower = Mpeg4Payloads().read([b"\x00\x00\x01\xb6\x50data"])
    assert (follower.is_key, follower.has_picture, follower.sets) == (False, True, {})


@pytest.mark.parametrize("codec", list(Codec))
def test_noise_is_damage_and_never_anything_else(codec: Codec) -> None:
    rng = Random(11)
    payloads = payloads_for(codec)
    for _ in range(3_000):
        try:
            payloads.take(rng.randbytes(rng.randrange(12)))
        except DamagedPacket:
            continue
