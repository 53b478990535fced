"""Which processes tried a version that has not proved itself, and which of them ended meanwhile: an empty file for each.

A version that crashes takes its process along, so it is known only afterwards. A process is its number and the moment of its start, because
the machine gives a number again. Called by edge_ai/models/library.py.
"""

from __future__ import annotations

import os
from pathlib import Path

_STARTED = 19
"""Place of `starttime` behind the name of the process, proc(5) field 22."""


class Trials:
    """The marks of one algorithm's versions in `folder`; made when the first is needed. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, version: str) -> int:
        """Note that this process tries a version; how many processes ended while they tried it."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        dead = [mark for mark in self._folder.glob(f"{version}@*") if not _is_alive(mark.name.rpartition("@")[2])]
        self._mark(version).touch()
        return len(dead)

    def end(self, version: str) -> None:
        """The version has proved itself in this process, or is not tried any more."""
        self._mark(version).unlink(missing_ok=True)

    def forget(self, version: str) -> None:
        """It begins anew: nothing that ended before counts."""
        for mark in self._folder.glob(f"{version}@*"):
            mark.unlink(missing_ok=True)

    def _mark(self, version: str) -> Path:
        return self._folder / f"{version}@{process_name(os.getpid())}"


def process_name(number: int) -> str:
    """`number-start` of a process, in clock ticks since the machine began; `number-` of one that is gone."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text("ascii", errors="replace")
    except OSError:
        return f"{number}-"
    return f"{number}-{stat.rpartition(')')[2].split()[_STARTED]}"


def _is_alive(process: str) -> bool:
    number, _, started = process.partition("-")
    return number.isdigit() and bool(started) and process_name(int(number)) == process
