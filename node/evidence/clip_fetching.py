"""A clip that another node has, under a grant of `camera-clips`: masked as a film, or as the camera sent it where the grant says so.

Owns the question that names one event and one form. A grant of masked clips gives no other (policies/granting.py has the rule), and the
resource is one that nobody is granted by granting pictures. The frame of an answer is in handing_out.py. Called through
node/tree/routes.py, by api.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cameras.rows import CLIPS
from node.evidence.clip_copies import ClipCopies
from node.evidence.handing_out import Cells, HandingOut, Sort, taken_row
from node.evidence.stamping import Stamp
from node.requests.envelope import Question
from node.requests.giving import Giving
from node.requests.taking import Taking

CLIP = Sort(
    verb="evidence-clip",
    label=b"yunnao-clip-1\x00",
    resource=CLIPS,
    bytes_in="video",
    many="clips",
    masked="clip",
    unmasked="unmasked clip",
    how_unmasked="gives masked clips only: ask for one of unmasked video, with the fields video, note and masked and the filter "
    "`masked = false`",
)


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


def clips_of(copies: ClipCopies, giving: Giving) -> HandingOut[ClipQuestion]:
    """What answers questions for clips of this node."""

    async def copied(asked: ClipQuestion, stamp: Stamp) -> Cells:
        copy = await copies.made(asked.event, stamp, unmasked=asked.unmasked)
        clip = copy.clip
        return {
            "event_time": clip.at_us, "event_id": clip.event_id, "camera": clip.camera, "sha256": clip.sha256, "form": copy.form,
            "video": copy.data, "note": copy.note,
        }  # fmt: skip

    return HandingOut(CLIP, ClipQuestion, giving, copied)


async def fetched_clip(taking: Taking, case_id: str, event: str, *, by: str, unmasked: bool) -> TakenClip:
    """A copy of a clip of the provider of a granted request; kept nowhere. Raises CaseError, RouteRefused, PolicyError, EvidenceFault."""

    def question(asked: Question) -> ClipQuestion:
        return ClipQuestion(question=asked, event=event, unmasked=unmasked)

    row = await taken_row(taking, CLIP, case_id, by=by, unmasked=unmasked, named=event, question=question)
    return TakenClip(row["video"], row.get("form") or "", row.get("note") or "", row.get("event_id") or "")
