"""An original that another node has, under a grant: asked for by event or hash, judged like a row, stamped, sealed, entered at both ends.

Owns what is beyond a page of rows: the question that names one picture, and what is said where a grant does not speak of unmasked ones
(policies/granting.py has the rule). The original is judged as a row of `camera-evidence` graded L3, by the very gate, filters, ceiling and
negative list of any page (node/requests/giving.py), and leaves as a page of that one row. Nodes between see who asks whom about which
picture, and no pixel. Called through node/tree/routes.py, by api.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cameras.rows import EVIDENCE
from node.evidence.book import Picture
from node.evidence.desk import EvidenceDesk
from node.evidence.handing_out import GRADE_ORIGINAL, check_resource, gives_unmasked, handed_out, only_row, row_of
from node.evidence.stamping import Stamp, stamped
from node.requests.envelope import Cursor, Question, Seal, Signer, read_asked, signed_paper
from node.requests.errors import FetchRefused
from node.requests.giving import Giving
from node.requests.taking import Taking
from policies.grant import Grant
from policies.granting import MASKED

PICTURE = "evidence-original"
"""Verb of the question between nodes."""
_ASKING = b"yunnao-picture-1\x00"


class PictureQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker wants."""

    question: Question
    """As for a page; its cursor says nothing."""
    picture: Annotated[str, Meta(min_length=8, max_length=128)]
    """The event, or the hash of its original or of the masked picture that travelled."""


@dataclass(frozen=True, slots=True)
class Original:
    """A copy that was handed out."""

    jpeg: bytes
    """With the watermark."""
    original_sha256: str
    """Of the picture without it; empty where the grant does not give the column."""
    event_id: str


def picture_paper(question: Question, seal: Seal, *, picture: str) -> bytes:
    """A question for one picture, signed."""
    return signed_paper(_ASKING, msgspec.msgpack.encode(PictureQuestion(question=question, picture=picture)), b"", seal)


def read_picture_question(data: bytes, seal: Seal) -> tuple[PictureQuestion, Signer]:
    """A question for one picture and who signed it. Raises FetchRefused."""
    return read_asked(_ASKING, data, PictureQuestion, seal)


@dataclass(slots=True)
class EvidenceGiving:
    """The provider's side."""

    desk: EvidenceDesk
    giving: Giving
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """The original that a question names, as a page of one row. Raises CaseError, PolicyError, EvidenceFault, JournalError."""
        async with self._one_at_a_time:
            await self.giving.cases.follow()
            asked, signer, grant = await asyncio.to_thread(self._judged, body)
            found, original = await asyncio.to_thread(self.desk.original, asked.picture)
            at_us, question = self.giving.clock.wall_us(), asked.question
            jpeg = await stamped(original, Stamp(question.asker, question.by, at_us, f"{found.event_id} {question.case_id}"))
            return await asyncio.to_thread(self._handed_out, question, signer, grant, found, jpeg)

    def _judged(self, body: bytes) -> tuple[PictureQuestion, Signer, Grant]:
        asked, signer = read_picture_question(body, self.giving.seal)
        grant = self.giving.judged(asked.question, signer)
        check_resource(self.giving, grant, EVIDENCE, "originals")
        if not gives_unmasked(self.giving, grant):
            raise FetchRefused(
                f"the grant of request {asked.question.case_id} gives masked pictures only: ask for one with the fields jpeg and masked "
                f"and the filter `masked = false`"
            )
        return asked, signer, grant

    def _handed_out(self, question: Question, signer: Signer, grant: Grant, found: Picture, jpeg: bytes) -> bytes:
        said = {"event_time": found.at_us, "grade": GRADE_ORIGINAL, "sha256": found.sha256, "event_id": found.event_id}
        row = row_of(self.giving, EVIDENCE, said | {"camera": found.camera, "jpeg": jpeg, MASKED: False})
        return handed_out(self.giving, question, signer, grant, row, bytes_in="jpeg", what="the original")


@dataclass(frozen=True, slots=True)
class EvidenceTaking:
    """The asker's side; keeps nothing."""

    taking: Taking

    async def original(self, case_id: str, picture: str, *, by: str) -> Original:
        """A copy of an original of the provider of a granted request. Raises CaseError, RouteRefused, PolicyError, EvidenceFault."""
        rows, _ = await self.taking.page(case_id, Cursor(), by=by, verb=PICTURE, paper=partial(picture_paper, picture=picture))
        row = only_row(rows, "jpeg", picture)
        return Original(row["jpeg"], row.get("sha256") or "", row.get("event_id") or "")
