"""What a check is and what it finds. The texts are in the message catalogue under `doctor.<id>_*` and `doctor.saw_*`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from edge_ai.errors import EdgeError
from node.clock import Clock
from node.config.config import NodeConfig
from node.texts import text
from node.texts.reasons import worded


class Severity(Enum):
    """How a finding weighs; only FAIL makes doctor end with 1."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Place:
    """What the checks look at."""

    folder: Path
    clock: Clock
    config: NodeConfig | None
    """None when node.toml does not load; checks that need it are skipped."""
    config_error: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, as the name of a text (`doctor.saw_<saw>`) and the values in it."""

    severity: Severity
    saw: str
    values: Mapping[str, object] = field(default_factory=dict)

    def words(self, language: str) -> str:
        """The text with its values; a reason of edge_ai among them is worded too."""
        values = {name: worded(str(value), language) for name, value in self.values.items()}
        return text(f"doctor.saw_{self.saw}", language, **values)


def failed(error: Exception, severity: Severity = Severity.FAIL, saw: str = "error") -> Finding:
    """The finding of a check that met an error."""
    return Finding(severity, saw, {"what": error.told if isinstance(error, EdgeError) else error})


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One line of the table; its texts are `doctor.<id>_title`, `_why` and `_fix`, the command or edit that mends it."""

    id: str
    look: Callable[[Place], Finding]
    offline: str
    """What the check does without an uplink."""
    needs_config: bool = True
