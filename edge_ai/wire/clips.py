"""Clips of events: what is wanted, what became of it, and what is known of one. Messages, and the files beside a clip."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_ai.wire.words import EventName, Sha256, Text

CLIP_BYTES_MAX = 8 << 20
"""Of a clip as the camera sent it: 16 s at 4 Mbit/s. It lies in a file and never passes the socket."""
CLIP_FILE, CLIP_FACTS, CLIP_BOXES = ".ts", ".clip.json", ".boxes.json"
"""What a clip is made of, each named by its event: the pictures, what is known of them, and the boxes of its analysed pictures."""


class ClipSpan(msgspec.Struct, frozen=True):
    """From when to when a clip of an event is wanted, by the monotonic clock of this machine in microseconds."""

    since_us: int
    at_us: int
    """Of the event, which the clip must not miss where it cannot have everything."""
    until_us: int


class ClipOrder(msgspec.Struct, frozen=True):
    """The node tells a capture process to keep the packets around an event."""

    event_id: EventName
    camera: Text
    span: ClipSpan


class ClipNote(msgspec.Struct, frozen=True):
    """A capture process tells what became of a clip: it lies in INCOMING, or `why` not."""

    event_id: EventName
    camera: Text
    why: Annotated[str, msgspec.Meta(max_length=64)] = ""


class ClipFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a clip, in the file beside it."""

    event_id: EventName
    camera: Text
    codec: Text
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=1, le=CLIP_BYTES_MAX)]
    pictures: Annotated[int, msgspec.Meta(ge=1)]
    seconds: Annotated[float, msgspec.Meta(ge=0, le=3_600)]
    began_us: int
    """Monotonic time of the first picture, as in ClipSpan."""
    wall_us: int
    """Its wall clock, microseconds since 1970 UTC."""
    cut: Text = ""
    """Why the clip ends before the span does; empty when it does not."""


class ClipTask(msgspec.Struct, frozen=True):
    """What the node tells the throw-away process that makes a clip fit to leave (edge_ai/evidence/clip.py)."""

    text: str
    """To be burnt in."""
    began_us: int
    """Monotonic time of the clip's first picture."""
    boxes: bytes = b""
    """The file of boxes; empty: none, so nothing stays sharp."""
    whole: bool = False
    """True: nothing stays sharp, whatever was found: the camera's wish of now is stricter than that of then."""
