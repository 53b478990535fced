"""Who was admitted below this node, however it was decided: by the running node, by a verb beside it, or while it was stopped.

Owns the comparison of the admissions with what the log says of them. What differs is entered, within seconds or at the next start; the
decision itself was made elsewhere and is not held up. Called by wiring.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node.audit.desk import AuditDesk
from node.audit.entry import TEXT_CHARS_MAX, decode
from node.audit.words import AuditKind
from node.identity.admissions import Admission

LOOK_EVERY_S = 5.0
VERB = "admission"
_SAID = (
    "SELECT CAST(entry AS BLOB) FROM audit_entry WHERE kind = 'operator' AND kind <> 'decisions' "
    "AND json_extract(entry, '$[5].verb') = 'admission' ORDER BY seq"
)

_Standing = tuple[str, str]
"""Stage and fingerprint."""


@dataclass(slots=True)
class AdmissionWatch:
    """Keeps the log of admissions of one node."""

    desk: AuditDesk
    admissions: Callable[[], Sequence[Admission]]
    _known: dict[str, _Standing] = field(default_factory=dict)

    async def run(self) -> None:
        """Enter what changed, for as long as the node runs."""
        self._known = await asyncio.to_thread(self.desk.journal.look, "read of admissions in the audit log", _said)
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Enter what differs from what the log says."""
        for one in self.admissions():
            now = one.stage.value, one.fingerprint[:TEXT_CHARS_MAX]
            if self._known.get(one.node) != now:
                self._known[one.node] = now
                self.desk.add(AuditKind.OPERATOR, one.node, by="", detail={"verb": VERB, "stage": now[0], "fingerprint": now[1]})


def _said(connection: sqlite3.Connection) -> dict[str, _Standing]:
    """By node: what the newest entry about its admission says."""
    entries = [decode(data) for (data,) in connection.execute(_SAID)]
    return {entry.subject: (str(entry.detail.get("stage")), str(entry.detail.get("fingerprint"))) for entry in entries}
