"""The signed question for one live picture; the answer is a page of one row, sealed to the asker (node/requests/envelope.py).

Owns its layout. Refuses what does not parse and what somebody else signed. Called by giving.py and taking.py.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.requests.envelope import Question, Seal, Signer, read_asked, signed_paper

VIEW = "camera-view"
"""Verb of the question between nodes."""
_LOOKING = b"yunnao-view-1\x00"


class ViewQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who looks wants next."""

    question: Question
    """As for a page; `cursor.after_lsn` is when the picture was taken that the asker has."""
    camera: Annotated[str, Meta(min_length=1, max_length=64)]
    view: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    """One for each time somebody sits down to look."""
    turn: Annotated[int, Meta(ge=1, le=1 << 53)]
    """Higher with each question of a view, so that none is answered twice."""
    ends: bool = False
    """True for the last one, which asks for nothing."""


def view_paper(question: Question, seal: Seal, *, camera: str, view: str, turn: int, ends: bool = False) -> bytes:
    """A question for one live picture, signed."""
    asked = ViewQuestion(question=question, camera=camera, view=view, turn=turn, ends=ends)
    return signed_paper(_LOOKING, msgspec.msgpack.encode(asked), b"", seal)


def read_view_question(data: bytes, seal: Seal) -> tuple[ViewQuestion, Signer]:
    """A question for a live picture and who signed it. Raises FetchRefused."""
    return read_asked(_LOOKING, data, ViewQuestion, seal)
