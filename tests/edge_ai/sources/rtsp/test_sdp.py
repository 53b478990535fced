"""Session descriptions as cameras write them."""

from __future__ import annotations

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.codec import Codec
from edge_ai.sources.rtsp.sdp import read_offer

BASE = "rtsp://10.0.0.9:554/main/"
H264 = """v=0
o=- 1 1 IN IP4 10.0.0.9
s=Media Presentation
a=control:*
m=audio 0 RTP/AVP 8
a=control:trackID=2
m=video 0 RTP/AVP 96
b=AS:5000
a=control:trackID=1
a=framerate:25.000000
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKpWoHgCJ+VA=,aO48gA==
"""


def test_the_first_video_that_can_be_decoded_is_taken() -> None:
    offer = read_offer(H264, BASE)
    assert (offer.codec, offer.payload_type, offer.control, offer.fps) == (Codec.H264, 96, BASE + "trackID=1", 25.0)
    assert [unit[0] & 0x1F for unit in offer.parameter_sets] == [7, 8]


def test_the_session_has_an_address_of_its_own() -> None:
    assert read_offer(H264, BASE).session_control == BASE
    elsewhere = read_offer(H264.replace("a=control:*", "a=control:rtsp://10.0.0.9/all/"), BASE)
    assert (elsewhere.session_control, elsewhere.control) == ("rtsp://10.0.0.9/all/", "rtsp://10.0.0.9/all/trackID=1")


def test_h265_and_mpeg4_bring_their_sets() -> None:
    h265 = "m=video 0 RTP/AVP 97\na=rtpmap:97 H265/90000\na=fmtp:97 sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=\na=control:rtsp://h/t\n"
    offer = read_offer(h265, BASE)
    assert (offer.codec, offer.control, offer.fps) == (Codec.H265, "rtsp://h/t", None)
    assert [unit[0] >> 1 for unit in offer.parameter_sets] == [32, 33, 34]
    mpeg4 = "m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\na=fmtp:96 profile-level-id=1;config=000001B001\n"
    assert read_offer(mpeg4, BASE).parameter_sets == (b"\x00\x00\x01\xb0\x01",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no video at all"),
        ("m=video 0 RTP/AVP 26\n", "payload type 26"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 VP8/90000\n", "VP8"),
        ("m=video 0 RTP/AVP 300\na=rtpmap:300 H264/90000\n", "payload type '300'"),
        ("m=video 0 RTP/AVP ²\na=rtpmap:² H264/90000\n", "payload type '²'"),
        (f"m=video 0 RTP/AVP {'9' * 5_000}\na=rtpmap:{'9' * 5_000} H264/90000\n", "payload type '9999"),
        ("\x00\xff" * 400, "no video at all"),
    ],
)
def test_what_cannot_be_decoded_is_named_with_the_way_out(text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_offer(text, BASE)


def test_careless_parameters_are_passed_over() -> None:
    text = H264.replace("Z00AKpWoHgCJ+VA=", "%%%").replace("25.000000", "nan")
    assert read_offer(text, BASE).parameter_sets == ()
    assert read_offer(text, BASE).fps is None
