"""The files of clips: `evidence/YYYY/MM/DD/<sha256>.ts` beside the originals, with what is known of each and its boxes by event.

A clip comes in as pictures do: hash read from the file itself, then a rename. What a worker wrote about it is checked before it is used; an
event's id names a file only where it is a plain word. Called by keeping.py and check.py, off the event loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_ai.wire.clips import CLIP_BOXES, CLIP_BYTES_MAX, CLIP_FACTS, CLIP_FILE, ClipFacts
from edge_ai.wire.events import INCOMING
from node.evidence.errors import EvidenceDamaged, EvidenceUnknown
from node.evidence.store import EvidenceStore, Found, checked, day_of, is_plain, read_own
from node.files import sync_folder

FACTS_BYTES_MAX = 16 << 10
BOXES_BYTES_MAX = 2 << 20
PART = ".part"
"""Ending of what a worker was writing when it ended."""


@dataclass(frozen=True, slots=True)
class ClipStore:
    """The part of the folder of evidence that holds clips."""

    store: EvidenceStore

    @property
    def incoming(self) -> Path:
        """Where workers lay things down."""
        return self.store.folder / INCOMING

    def facts(self, event_id: str) -> ClipFacts | None:
        """What a worker says of a clip that it laid down whole; None while it has not. Raises EvidenceDamaged, OSError."""
        assert is_plain(event_id), "an order names plain words alone"
        try:
            data = read_own(self.incoming / f"{event_id}{CLIP_FACTS}", FACTS_BYTES_MAX)
        except EvidenceUnknown:
            return None
        try:
            said = msgspec.json.decode(data, type=ClipFacts)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvidenceDamaged(f"the facts of the clip of event {event_id} cannot be read: {error}") from error
        if said.event_id != event_id or not said.sha256:
            raise EvidenceDamaged(f"the facts of the clip of event {event_id} are about {said.event_id or 'nothing'}")
        return said

    def take_over(self, facts: ClipFacts, at_us: int) -> int:
        """Move a clip and its facts to their day; the clip's bytes. Raises EvidenceFault, OSError."""
        target, source = self.path_of(facts.sha256, at_us), self.incoming / f"{facts.event_id}{CLIP_FILE}"
        if target.is_file() and not source.exists():
            size = len(checked(target, facts.sha256, CLIP_BYTES_MAX))
        else:
            size = len(checked(source, facts.sha256, CLIP_BYTES_MAX))
            self.store.make_day(target.parent)
            source.replace(target)
        # After a crash between these steps they are taken again, and one of them is done already.
        with suppress(FileNotFoundError):
            (self.incoming / f"{facts.event_id}{CLIP_FACTS}").replace(target.parent / f"{facts.event_id}{CLIP_FACTS}")
        sync_folder(target.parent)
        return size

    def fetch_boxes(self, event_id: str, at_us: int) -> bytes:
        """The boxes of a clip, taken over where they still lie in the incoming folder; empty when there are none. Raises OSError."""
        target, source = self._boxes_of(event_id, at_us), self.incoming / f"{event_id}{CLIP_BOXES}"
        if source.is_file() and not source.is_symlink() and target.parent.is_dir():
            source.replace(target)
        try:
            return read_own(target, BOXES_BYTES_MAX)
        except (EvidenceUnknown, EvidenceDamaged):
            return b""

    def waiting_boxes(self) -> list[str]:
        """Events whose boxes lie in the incoming folder. Raises OSError."""
        names = [path.name.removesuffix(CLIP_BOXES) for path in self.incoming.glob(f"*{CLIP_BOXES}")]
        return [name for name in names if is_plain(name)]

    def read(self, sha256: str, at_us: int) -> bytes:
        """A clip, as its hash says. Raises EvidenceUnknown, EvidenceDamaged, OSError."""
        return checked(self.path_of(sha256, at_us), sha256, CLIP_BYTES_MAX)

    def read_facts(self, event_id: str, at_us: int) -> ClipFacts | None:
        """What is known of a clip that is here; None when that is gone or cannot be read. Raises OSError."""
        try:
            data = read_own(self.store.folder / day_of(at_us) / f"{event_id}{CLIP_FACTS}", FACTS_BYTES_MAX)
            return msgspec.json.decode(data, type=ClipFacts)
        except (EvidenceUnknown, EvidenceDamaged, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def remove(self, event_id: str, sha256: str, at_us: int) -> None:
        """Let a clip go with what is known of it. Raises OSError."""
        path = self.path_of(sha256, at_us)
        for one in (path, path.parent / f"{event_id}{CLIP_FACTS}", self._boxes_of(event_id, at_us)):
            one.unlink(missing_ok=True)
        self.store.tidy(path.parent)

    def turn_away(self, event_id: str) -> None:
        """Remove what a worker laid down of a clip that nothing keeps. Raises OSError."""
        for ending in (CLIP_FILE, CLIP_FACTS, CLIP_BOXES):
            (self.incoming / f"{event_id}{ending}").unlink(missing_ok=True)

    def has(self, sha256: str, at_us: int) -> bool:
        """True when a file of that name lies there; its content is not read."""
        return self.path_of(sha256, at_us).is_file()

    def files(self) -> Iterator[Found]:
        """Every clip under a day, in no order. Raises OSError."""
        return self.store.files(CLIP_FILE)

    def clear_parts(self) -> int:
        """Remove what workers of an earlier life were writing when they ended; how many. Raises OSError."""
        parts = [path for path in self.incoming.glob(f".*{PART}") if path.is_file() or path.is_symlink()] if self.incoming.is_dir() else []
        for path in parts:
            path.unlink(missing_ok=True)
        return len(parts)

    def clear_old(self, before_us: int) -> int:
        """Remove what was laid down of clips before a time and never taken over; how many files. Raises OSError."""
        removed = 0
        for ending in (CLIP_FILE, CLIP_FACTS, CLIP_BOXES):
            for path in self.incoming.glob(f"*{ending}"):
                with suppress(FileNotFoundError):
                    if path.stat(follow_symlinks=False).st_mtime_ns // 1_000 < before_us:
                        path.unlink()
                        removed += 1
        return removed

    def path_of(self, sha256: str, at_us: int) -> Path:
        """Where a clip of that time lies."""
        return self.store.path_of(sha256, at_us, CLIP_FILE)

    def _boxes_of(self, event_id: str, at_us: int) -> Path:
        return self.store.folder / day_of(at_us) / f"{event_id}{CLIP_BOXES}"
