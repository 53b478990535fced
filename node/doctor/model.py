"""What a check is and what it finds. The texts are in the message catalogue under `doctor.<id>_*`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from node.clock import Clock
from node.config.config import NodeConfig


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
    """What one check saw, with the value, in English as exception messages are."""

    severity: Severity
    saw: str


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One line of the table: `doctor.<id>_title` and `doctor.<id>_why` are its texts."""

    id: str
    look: Callable[[Place], Finding]
    fix: str
    """The command or edit that mends it."""
    offline: str
    """What the check does without an uplink."""
    needs_config: bool = True
