"""What simulated devices sent and what the door said of it: counts, and a file of ids that lies outside the node.

The file holds a JSON line when a reading is sent for the first time (`"acked": false`) and another when its acknowledgement is in; it is
what benchmarks/plain_audit.py counts against a journal. Readings that were lies are counted and not written: nobody promised to keep them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Ledger:
    """Counts of a whole park."""

    file: TextIO | None = None
    sent: int = 0
    """Readings, each once, lies included."""
    again: int = 0
    """Packets that repeated a reading."""
    acked: int = 0
    """Readings whose first acknowledgement is in."""
    lies: int = 0
    """Of the sent ones."""
    lies_acked: int = 0
    """Of the acknowledged ones: MQTT 3.1.1 cannot say that a message was kept as a reject."""
    unanswered: int = 0
    """Readings that were in flight when the park ended."""
    connections: int = 0
    """CONNECT packets that were accepted."""
    commands: Counter[str] = field(default_factory=Counter)
    """Commands by what the device made of them."""
    refused: Counter[str] = field(default_factory=Counter)
    """By reason: `publish 0x99`, `connect 0x05`, `closed`."""

    def note_sent(self, identity: str, *, is_lie: bool) -> None:
        """A reading leaves the device for the first time."""
        self.sent += 1
        self.lies += is_lie
        if not is_lie:
            self._write({"id": identity, "acked": False})

    def note_acked(self, identity: str, *, is_lie: bool) -> None:
        """Its acknowledgement is in: PUBACK, or PUBREC at QoS 2."""
        self.acked += 1
        self.lies_acked += is_lie
        if not is_lie:
            self._write({"id": identity, "device": identity.rpartition("/")[0]})

    def facts(self) -> dict[str, object]:
        """Everything as plain values."""
        names = ("sent", "again", "acked", "lies", "lies_acked", "unanswered", "connections")
        found: dict[str, object] = {name: getattr(self, name) for name in names}
        return found | {"commands": dict(sorted(self.commands.items())), "refused": dict(sorted(self.refused.items()))}

    def _write(self, entry: dict[str, object]) -> None:
        if self.file is not None:
            self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self.file.flush()
