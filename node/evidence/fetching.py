"""An original that another node has, under a grant: asked for by event or hash, judged like a row, stamped, sealed, entered at both ends.

Owns the question that names one picture. The original is judged as a row of `camera-evidence` graded L3, by the very gate, filters, ceiling
and negative list of any page (node/requests/giving.py), and only where the grant speaks of unmasked ones (policies/granting.py has the
rule). Nodes between see who asks whom about which picture, and no pixel. The frame of an answer is in handing_out.py. Called through
node/tree/routes.py, by api.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cameras.rows import EVIDENCE
from node.evidence.desk import EvidenceDesk
from node.evidence.handing_out import Cells, HandingOut, Sort, taken_row
from node.evidence.stamping import Stamp, stamped
from node.requests.envelope import Question
from node.requests.giving import Giving
from node.requests.taking import Taking

ORIGINAL = Sort(
    verb="evidence-original",
    label=b"yunnao-picture-1\x00",
    resource=EVIDENCE,
    bytes_in="jpeg",
    many="originals",
    masked="masked picture",
    unmasked="original",
    how_unmasked="gives masked pictures only: ask for one with the fields jpeg and masked and the filter `masked = false`",
)


class PictureQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker wants."""

    question: Question
    """As for a page; its cursor says nothing."""
    picture: Annotated[str, Meta(min_length=8, max_length=128)]
    """The event, or the hash of its original or of the masked picture that travelled."""

    @property
    def unmasked(self) -> bool:
        """True: the masked picture travels by itself, so nobody asks for it."""
        return True


@dataclass(frozen=True, slots=True)
class Original:
    """A copy that was handed out."""

    jpeg: bytes
    """With the watermark."""
    original_sha256: str
    """Of the picture without it; empty where the grant does not give the column."""
    event_id: str


def originals_of(desk: EvidenceDesk, giving: Giving) -> HandingOut[PictureQuestion]:
    """What answers questions for originals of this node."""

    async def copied(asked: PictureQuestion, stamp: Stamp) -> Cells:
        found, original = await asyncio.to_thread(desk.original, asked.picture)
        jpeg = await stamped(original, replace(stamp, about=f"{found.event_id} {stamp.about}"))
        said = {"event_time": found.at_us, "event_id": found.event_id, "camera": found.camera}
        return said | {"sha256": found.sha256, "jpeg": jpeg}

    return HandingOut(ORIGINAL, PictureQuestion, giving, copied)


async def fetched_original(taking: Taking, case_id: str, picture: str, *, by: str) -> Original:
    """A copy of an original of the provider of a granted request; kept nowhere.

    Raises CaseError, RouteRefused, PolicyError, EvidenceFault.
    """

    def question(asked: Question) -> PictureQuestion:
        return PictureQuestion(question=asked, picture=picture)

    row = await taken_row(taking, ORIGINAL, case_id, by=by, unmasked=True, named=picture, question=question)
    return Original(row["jpeg"], row.get("sha256") or "", row.get("event_id") or "")
