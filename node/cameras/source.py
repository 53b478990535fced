"""Where a camera's pictures come from, as people write it: what can be opened, and by which kind of camera.

What opens it later is asked here already, so that a wrong address is told to who types it. Raises ValueError, whose words repeat nothing
of the address, because it may hold a password. Pure. Called by list_sheet.py (rows and `camera add`) and node/config/check.py (both files).
"""

from __future__ import annotations

from typing import Literal

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.address import read_address
from node.cameras.templates import NO_IP, is_part_of_ip

Kind = Literal["rtsp", "v4l2", "file"]
DEVICES = ("/dev/video", "/dev/v4l/")


def kind_of(source: str) -> Kind:
    """The kind of camera that a checked address asks for; a rendered scene is a file that only a person knows to be one."""
    if source.startswith("rtsp://"):
        return "rtsp"
    return "v4l2" if source.startswith(DEVICES) else "file"


def checked_source(text: str) -> str:
    """The address as it is kept. Raises ValueError with what is wrong and the way out."""
    scheme, sign, rest = text.partition("://")
    if sign and scheme.lower() == "rtsps":
        raise ValueError("is RTSP over TLS, which is not read: let the camera offer RTSP and give rtsp://HOST/PATH")
    if sign and scheme.lower() == "rtsp":
        return _checked_rtsp(f"rtsp://{rest}")
    # FFmpeg takes what stands before a colon for a protocol: concat:, data:, subfile,,start,0:
    if ":" in text.partition("/")[0]:
        raise ValueError("is no address that can be opened: rtsp://HOST/PATH, a device or a file")
    return checked_words(text)


def checked_for(kind: str, text: str) -> None:
    """Refuse an address that cannot be opened, or not by a camera of this kind. Raises ValueError."""
    found = kind_of(checked_source(text))
    if kind == "rendered" and found != "file":
        raise ValueError("is a real camera's, and a rendered scene is a file: pictures of people would leave unmasked; give another kind")
    if kind != "rendered" and found != kind:
        raise ValueError(f"is that of kind {found!r}: give this kind, or another address")


def checked_words(text: str) -> str:
    """Words that people will read. Raises ValueError for what a screen would hide or obey."""
    if not text.isprintable():
        raise ValueError("has signs that are not seen, or are no UTF-8: type it again")
    return text


def _checked_rtsp(address: str) -> str:
    try:
        found, _ = read_address(address)
    except SourceError as error:
        raise ValueError(str(error).removeprefix("its address refused: ")) from None
    if "@" in found.url or "#" in address:
        # A password with a raw /, ? or # ends the host early, and what follows would be kept as the path.
        raise ValueError("has an @ or # behind its host: write them as %40 and %23, and other special characters of a password as %XX")
    if is_part_of_ip(found.host):
        raise ValueError(f"its host is {NO_IP}")
    return checked_words(address)
