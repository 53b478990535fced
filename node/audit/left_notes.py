"""The notes that verbs left beside a node, entered in its audit log: within seconds while it runs, else at its next start.

A note is deleted once its entry is durable, and is entered once however often a crash lies between. What cannot be read is entered as that.
Called by wiring.py.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from node.audit.desk import AuditDesk
from node.audit.entry import Detail
from node.audit.errors import AuditRefused
from node.audit.left import FOLDER, SUFFIX, Note, read_note
from node.audit.words import AuditKind

LOOK_EVERY_S = 5.0
NOTES_PER_LOOK = 256
UNREADABLE_NOTE = "unreadable"
_SAID = "SELECT count(*) FROM audit_entry WHERE kind = 'operator' AND kind <> 'decisions' AND json_extract(entry, '$[5].note') = ?"

log = logging.getLogger("yunnao.audit")


@dataclass(frozen=True, slots=True)
class LeftNotes:
    """Enters what was left beside one node."""

    desk: AuditDesk
    data: Path

    async def run(self) -> None:
        """Enter what is left, for as long as the node runs."""
        while True:
            try:
                await self.look()
            except (AuditRefused, OSError) as error:
                # What is not entered now is entered at the next look: the note stays.
                log.warning("notes of verbs wait: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Enter every note there is, in the order they were left. Raises AuditRefused, OSError."""
        for path, note in await asyncio.to_thread(self._read):
            if not await asyncio.to_thread(self._is_said, path.stem):
                await self._enter(path.stem, note)
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _enter(self, name: str, note: Note | None) -> None:
        if note is None:
            log.warning("a note of a verb cannot be read: %s", name)
        subject, by = (note.subject, note.by) if note else (UNREADABLE_NOTE, "")
        said: Detail = {**note.detail, "verb": note.verb, "at_us": note.at_us} if note else {"verb": UNREADABLE_NOTE}
        await self.desk.note(AuditKind.OPERATOR, subject, by=by, detail={**said, "note": name})

    def _is_said(self, name: str) -> bool:
        def count(connection: sqlite3.Connection) -> int:
            return int(connection.execute(_SAID, (name,)).fetchone()[0])

        return self.desk.journal.look("read of notes in the audit log", count) > 0

    def _read(self) -> list[tuple[Path, Note | None]]:
        folder = self.data / FOLDER
        if not folder.is_dir():
            return []
        found = [(path, read_note(path)) for path in sorted(folder.glob(f"*{SUFFIX}"))[:NOTES_PER_LOOK]]
        return sorted(found, key=lambda one: (one[1].at_us if one[1] else 0, one[0].name))
