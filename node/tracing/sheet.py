"""The file of a recording while it is written: a turn goes in with all its inputs, or not at all. Runs on a thread; called by desk.py."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import msgspec

from node.tracing.errors import TraceError
from node.tracing.file import HEADER, End, Snapshot, Turn, encoded
from node.tracing.inputs import Input
from node.tracing.outlines import outline
from node.tracing.values import Veil
from sync.core.engine import Engine
from sync.core.ready import Ready
from sync.model import Limits
from sync.model.writes import InPosition, Recovered

BYTES_MAX = 256 << 20
"""A recording ends when its file has so many bytes."""


@dataclass(slots=True)
class Sheet:
    """An open file and what is in it so far."""

    file: IO[bytes]
    veil: Veil
    inputs: int = 0
    turns: int = 0
    file_bytes: int = 0
    _turn: list[Input] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """True when nothing more goes in."""
        return self.file_bytes >= BYTES_MAX

    def begin(self, snapshot: Snapshot) -> None:
        """Write the header and the first record."""
        self._write(HEADER + encoded(_veiled(snapshot, self.veil)))
        self.file.flush()

    def enter(self, seen: Sequence[Input | tuple[int, Ready]]) -> None:
        """Write the turns that are whole."""
        for one in seen:
            if isinstance(one, Input):
                self._turn.append(one)
            elif not self.is_full:
                us, ready = one
                records = [encoded(entry.veiled(self.veil)) for entry in self._turn]
                self._write(b"".join([*records, encoded(Turn(us, outline(ready, self.veil)))]))
                self.inputs, self.turns = self.inputs + len(records), self.turns + 1
                self._turn.clear()
        self.file.flush()

    def end(self, us: int, reason: str) -> None:
        """Write the last record."""
        self._write(encoded(End(us, self.inputs, self.turns, reason)))
        self.file.flush()

    def make_durable(self) -> None:
        """Have the disk take it."""
        os.fsync(self.file.fileno())

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self.file_bytes += len(data)


def new_file(path: Path) -> IO[bytes]:
    """A file that was not there; raises TraceError when it was, OSError when it cannot be made."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise TraceError(f"{path} is there already: a recording never replaces a file, give another --out") from None


def snapshot_of(engine: Engine, recovered: Recovered, *, has_parent: bool, limits: Limits, software: str, us: int) -> Snapshot:
    """What an engine like `engine` that begins with `recovered` at `us` is made of; call before its first turn, which changes run maps."""
    return Snapshot(
        software=software,
        node=engine.node,
        incarnation=engine.incarnation,
        has_parent=has_parent,
        version=engine.version,
        limits=limits,
        clock=engine.clock,
        fresh_first=tuple(sorted(engine.fresh_first)),
        caps=engine.caps.caps,
        standing=engine.standing,
        us=us,
        last_lsn=recovered.last_lsn,
        lane_tops=tuple(recovered.lane_tops.items()),
        streams=tuple((stream, run_map.encode()) for stream, run_map in recovered.streams.items()),
        out_marks=tuple((*place, mark) for place, mark in recovered.out_marks.items()),
        in_positions=tuple((*place, position) for place, position in recovered.in_positions.items()),
        bearers=recovered.bearers,
        refusals=recovered.refusals,
    )


def _veiled(snapshot: Snapshot, veil: Veil) -> Snapshot:
    positions = tuple((*place, InPosition(position.upto, veil.hashed(position.chain))) for *place, position in snapshot.in_positions)
    refusals = tuple(replace(veil.refusal(refusal), runs=()) for refusal in snapshot.refusals)
    return msgspec.structs.replace(snapshot, in_positions=positions, refusals=refusals)
