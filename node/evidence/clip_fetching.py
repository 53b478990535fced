"""A clip that another node has, under a grant of `camera-clips`: masked as a film, or as the camera sent it where the grant says so.

Owns the question that names one event and one form. A grant of masked clips gives no other (policies/granting.py has the rule), and the
resource is one that nobody is granted by granting pictures. Judged, entered and sealed as any page (handing_out.py). Called through
node/tree/routes.py, by api.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cameras.rows import CLIPS, GRADE
from node.evidence.clip_copies import ClipCopies, ClipCopy
from node.evidence.handing_out import GRADE_ORIGINAL, check_resource, gives_unmasked, handed_out, only_row, row_of
from node.evidence.stamping import Stamp
from node.requests.envelope import Cursor, Question, Seal, Signer, read_asked, signed_paper
from node.requests.errors import FetchRefused
from node.requests.giving import Giving
from node.requests.taking import Taking
from policies.grant import Grant
from policies.granting import MASKED

CLIP = "evidence-clip"
"""Verb of the question between nodes."""
_ASKING = b"yunnao-clip-1\x00"


class ClipQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker wants."""

    question: Question
    """As for a page; its cursor says nothing."""
    event: Annotated[str, Meta(min_length=8, max_length=128)]
    """Of the clip; by the hash of a picture of it as well."""
    unmasked: bool
    """True: as the camera sent it."""


@dataclass(frozen=True, slots=True)
class TakenClip:
    """A copy that was handed out."""

    video: bytes
    form: str
    note: str
    event_id: str


def clip_paper(question: Question, seal: Seal, *, event: str, unmasked: bool) -> bytes:
    """A question for one clip, signed."""
    return signed_paper(_ASKING, msgspec.msgpack.encode(ClipQuestion(question=question, event=event, unmasked=unmasked)), b"", seal)


def read_clip_question(data: bytes, seal: Seal) -> tuple[ClipQuestion, Signer]:
    """A question for one clip and who signed it. Raises FetchRefused."""
    return read_asked(_ASKING, data, ClipQuestion, seal)


@dataclass(slots=True)
class ClipGiving:
    """The provider's side."""

    copies: ClipCopies
    giving: Giving
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """The clip that a question names, as a page of one row. Raises CaseError, PolicyError, EvidenceFault, JournalError."""
        async with self._one_at_a_time:
            await self.giving.cases.follow()
            asked, signer, grant = await asyncio.to_thread(self._judged, body)
            question, at_us = asked.question, self.giving.clock.wall_us()
            stamp = Stamp(question.asker, question.by, at_us, question.case_id)
            copy = await self.copies.made(asked.event, stamp, unmasked=asked.unmasked)
            return await asyncio.to_thread(self._handed_out, asked, signer, grant, copy)

    def _judged(self, body: bytes) -> tuple[ClipQuestion, Signer, Grant]:
        asked, signer = read_clip_question(body, self.giving.seal)
        grant = self.giving.judged(asked.question, signer)
        check_resource(self.giving, grant, CLIPS, "clips")
        if asked.unmasked and not gives_unmasked(self.giving, grant):
            raise FetchRefused(
                f"the grant of request {asked.question.case_id} gives masked clips only: ask for one of unmasked video, with the fields "
                f"video, note and masked and the filter `masked = false`"
            )
        return asked, signer, grant

    def _handed_out(self, asked: ClipQuestion, signer: Signer, grant: Grant, copy: ClipCopy) -> bytes:
        clip = copy.clip
        said = {"event_time": clip.at_us, "grade": GRADE_ORIGINAL if asked.unmasked else GRADE, "event_id": clip.event_id}
        said |= {"camera": clip.camera, "sha256": clip.sha256, "form": copy.form, "video": copy.data, "note": copy.note}
        row = row_of(self.giving, CLIPS, said | {MASKED: not asked.unmasked})
        what = "the unmasked clip" if asked.unmasked else "the clip"
        return handed_out(self.giving, asked.question, signer, grant, row, bytes_in="video", what=what)


@dataclass(frozen=True, slots=True)
class ClipTaking:
    """The asker's side; keeps nothing."""

    taking: Taking

    async def clip(self, case_id: str, event: str, *, by: str, unmasked: bool) -> TakenClip:
        """A copy of a clip of the provider of a granted request. Raises CaseError, RouteRefused, PolicyError, EvidenceFault."""
        paper = partial(clip_paper, event=event, unmasked=unmasked)
        rows, _ = await self.taking.page(case_id, Cursor(), by=by, verb=CLIP, paper=paper)
        row = only_row(rows, "video", event)
        return TakenClip(row["video"], row.get("form") or "", row.get("note") or "", row.get("event_id") or "")
