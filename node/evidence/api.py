"""The verbs of the local API about evidence. Called by node/api.py."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.verbs import CaseId, Name, Plain, Table, Why
from node.evidence.book import Picture
from node.evidence.clip_copies import ClipCopies
from node.evidence.clip_fetching import fetched_clip
from node.evidence.desk import EvidenceDesk
from node.evidence.fetching import fetched_original
from node.evidence.stamping import Stamp, stamped
from node.requests.taking import Taking

EvidenceName = Annotated[str, Meta(min_length=8, max_length=128)]
"""An event, or the hash of its original or masked picture; of each a beginning is enough."""
Form = Literal["picture", "clip", "unmasked-video"]
"""What is asked for: the original picture stamped, the clip masked and stamped, or the clip as the camera sent it."""
UNMASKED: Form = "unmasked-video"
LISTED_MAX = 1_000


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest events with what became of their originals."""

    state: Literal["", "kept", "missing", "expired", "dropped", "lost"] = ""
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One event."""

    id: EvidenceName


class Checking(msgspec.Struct, forbid_unknown_fields=True):
    """The folder against the book."""

    deep: bool = False
    """Read every file."""


class Exporting(msgspec.Struct, forbid_unknown_fields=True):
    """An original of this node for a person here, or a clip."""

    id: EvidenceName
    by: Name
    why: Why
    form: Form = "picture"


class Dropping(msgspec.Struct, forbid_unknown_fields=True):
    """Let an original go before its time."""

    id: EvidenceName
    by: Name
    why: Why


class Fetching(msgspec.Struct, forbid_unknown_fields=True):
    """An original of another node, under a request that it granted."""

    id: CaseId
    picture: EvidenceName
    by: Name
    form: Form = "picture"


@dataclass(frozen=True, slots=True)
class EvidenceVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    desk: Callable[[], EvidenceDesk]
    taking: Callable[[], Taking]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "evidence_list": (Listing, self._list),
            "evidence_show": (Show, self._show),
            "evidence_check": (Checking, self._check),
            "evidence_export": (Exporting, self._export),
            "evidence_drop": (Dropping, self._drop),
            "evidence_fetch": (Fetching, self._fetch),
        }

    async def _list(self, asked: Listing) -> Plain:
        desk = self.desk()
        found = await asyncio.to_thread(desk.book.newest, limit=asked.limit, state=asked.state)
        clips = await asyncio.to_thread(desk.keeping.clips.states, [one.event_id for one in found])
        pictures = [plain_of(one) | {"clip": clips.get(one.event_id, "")} for one in found]
        return {"pictures": pictures} | await asyncio.to_thread(desk.facts)

    async def _show(self, asked: Show) -> Plain:
        return await asyncio.to_thread(self._shown, asked.id)

    def _shown(self, name: str) -> Plain:
        desk = self.desk()
        found = desk.picture(name)
        clip = desk.keeping.clips.find(found.event_id)
        said = None if clip is None else asdict(clip) | {"state": clip.state.value}
        return plain_of(found) | {"file": desk.file_name(found), "boxes": desk.boxes(found), "clip": said}

    async def _check(self, asked: Checking) -> Plain:
        report = await asyncio.to_thread(self.desk().check, deep=asked.deep)
        return asdict(report) | {"holds": report.holds}

    async def _export(self, asked: Exporting) -> Plain:
        desk = self.desk()
        if asked.form != "picture":
            stamp = Stamp(desk.node, asked.by, desk.clock.wall_us(), "")
            copy = await ClipCopies(desk).made(asked.id, stamp, unmasked=asked.form == UNMASKED)
            return _video(copy.data, copy.form, copy.note, copy.clip.event_id)
        found, original = await asyncio.to_thread(desk.original, asked.id)
        jpeg = await stamped(original, Stamp(desk.node, asked.by, desk.clock.wall_us(), found.event_id))
        return plain_of(found) | {"jpeg": base64.b64encode(jpeg).decode()}

    async def _drop(self, asked: Dropping) -> Plain:
        return {"dropped": await asyncio.to_thread(self.desk().drop, asked.id)}

    async def _fetch(self, asked: Fetching) -> Plain:
        if asked.form != "picture":
            taken = await fetched_clip(self.taking(), asked.id, asked.picture, by=asked.by, unmasked=asked.form == UNMASKED)
            return _video(taken.video, taken.form, taken.note, taken.event_id)
        found = await fetched_original(self.taking(), asked.id, asked.picture, by=asked.by)
        return {"jpeg": base64.b64encode(found.jpeg).decode(), "original_sha256": found.original_sha256, "event_id": found.event_id}


def _video(data: bytes, form: str, note: str, event_id: str) -> Plain:
    return {"video": base64.b64encode(data).decode(), "form": form, "note": note, "event_id": event_id}


def plain_of(picture: Picture) -> Plain:
    """What is known of an event's original, as JSON."""
    return asdict(picture) | {"state": picture.state.value, "incident": picture.incident.value, "open": picture.is_open}
