"""The signed question for one live picture or piece; the answer is a page of one row, sealed to the asker (node/requests/envelope.py).

Owns its layout. Refuses what does not parse and what somebody else signed. Called by giving.py and taking.py.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.policy.showing import WHY_CHARS_MAX
from node.requests.envelope import Question, Seal, Signer, read_asked, signed_paper


class ViewQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who looks wants next."""

    question: Question
    """As for a page; `cursor.after_lsn` is the position of what the asker has (`Live` of kind.py)."""
    camera: Annotated[str, Meta(min_length=1, max_length=64)]
    view: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    """One for each time somebody sits down to look."""
    turn: Annotated[int, Meta(ge=1, le=1 << 53)]
    """Higher with each question of a view, so that none is answered twice."""
    ends: bool = False
    """True for the last one, which asks for nothing."""
    why: Annotated[str, Meta(max_length=WHY_CHARS_MAX)] = ""
    """Why somebody looks, as they said."""


def view_paper(asked: ViewQuestion, seal: Seal, *, label: bytes) -> bytes:
    """A question, signed as one of its kind of view."""
    return signed_paper(label, msgspec.msgpack.encode(asked), b"", seal)


def read_view_question(data: bytes, seal: Seal, *, label: bytes) -> tuple[ViewQuestion, Signer]:
    """A question of a kind of view and who signed it. Raises FetchRefused."""
    return read_asked(label, data, ViewQuestion, seal)
