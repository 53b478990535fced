"""Copies of clips for people: masked and stamped as a film, or as the camera sent it with a note of who has it.

A stamp cannot be burnt into compressed video without encoding it anew, which would end the proof that it is the camera's own; so the note
goes beside it, and the grant has to say so. Called by api.py and clip_fetching.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import msgspec

from edge_ai.wire.clips import ClipTask
from node.evidence.clip_book import Clip
from node.evidence.desk import EvidenceDesk
from node.evidence.errors import EvidenceDamaged
from node.evidence.stamping import Stamp, filmed

FILM, STREAM = "mjpeg-avi", "mpeg-ts"
"""Forms of a copy: masked pictures, and the clip as it is."""
NOTICE = "video as the camera sent it, not masked: for the named person and purpose alone, not to be passed on"


@dataclass(frozen=True, slots=True)
class ClipCopy:
    """What is handed out."""

    clip: Clip
    form: str
    data: bytes
    note: str
    """JSON: who has it, when, under what, and the hash of the clip as it lies at its node."""


@dataclass(frozen=True, slots=True)
class ClipCopies:
    """Makes copies of this node's clips."""

    desk: EvidenceDesk

    async def made(self, name: str, stamp: Stamp, *, unmasked: bool) -> ClipCopy:
        """A copy of the clip of an event, which is added to what the stamp is about.

        Raises EvidenceFault where it is not here (any more), not what it was, or no film can be made.
        """
        clip, data = await asyncio.to_thread(self._original, name)
        stamp = replace(stamp, about=f"{clip.event_id} {stamp.about}".rstrip())
        if not unmasked:
            path, task = self.desk.keeping.clip_files.path_of(clip.sha256, clip.at_us), await asyncio.to_thread(self._task, clip, stamp)
            data = await filmed(path, task)
            if not task.whole and self.desk.wants_mosaic(clip.camera):
                # The wish became stricter while the film was made.
                data = await filmed(path, msgspec.structs.replace(task, whole=True))
        return ClipCopy(clip, STREAM if unmasked else FILM, data, self._note(clip, stamp, unmasked=unmasked))

    def _original(self, name: str) -> tuple[Clip, bytes]:
        return self.desk.clips.original(self.desk.picture(name).event_id)

    def _task(self, clip: Clip, stamp: Stamp) -> ClipTask:
        facts = self.desk.keeping.clip_files.read_facts(clip.event_id, clip.at_us)
        if facts is None:
            raise EvidenceDamaged(f"what is known of the clip of event {clip.event_id} is gone: no masked copy can be made")
        boxes, whole = self.desk.clips.boxes(clip), self.desk.wants_mosaic(clip.camera)
        return ClipTask(text=stamp.line, began_us=facts.began_us, boxes=boxes, whole=whole)

    def _note(self, clip: Clip, stamp: Stamp, *, unmasked: bool) -> str:
        said = {
            "event_id": clip.event_id, "camera": clip.camera, "original_sha256": clip.sha256, "codec": clip.codec, "seconds": clip.seconds,
            "for_node": stamp.node, "for_person": stamp.by, "at_us": stamp.at_us, "under": stamp.about, "from_node": self.desk.node,
        }  # fmt: skip
        return msgspec.json.encode(said | ({"notice": NOTICE} if unmasked else {})).decode()
