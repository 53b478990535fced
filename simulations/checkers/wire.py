"""P4 on the wire: watches every frame that leaves a node and holds it against the oracle, while the faults go on.

A frame is judged by the policy it names, and it must name one that was in force when its turn began. Called by the world for every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from simulations.checkers.copies import Decoded
from simulations.checkers.oracle import NEEDED_COLUMNS, SECRET_COLUMNS, May, Oracle, Origins
from simulations.checkers.records import only, places
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from sync.core.messages import Data
from sync.model import BatchHeader, PolicyVersion

TURN_US = 2_500
"""An input waits this long for its turn at most (simulations/host.py), so a frame decided just before a change may leave just after it."""


@dataclass(slots=True)
class WireWatch:
    """Every policy a node had in force, and what its frames made of it."""

    oracle: Oracle
    ruler: str
    """The province: its epochs are what changes."""
    secrets: Callable[[], Collection[str]]
    """Values of residents that may not be seen, as made so far."""
    decoded: Decoded = field(default_factory=Decoded)
    """Payloads that were read before."""
    violations: list[Violation] = field(default_factory=list)
    frames: int = 0
    records: int = 0
    _since: dict[str, list[tuple[int, PolicyVersion]]] = field(default_factory=dict)
    _known: dict[tuple[str, int, bytes], tuple[str, ...]] = field(default_factory=dict)
    """Judgements by target, epoch and header: what goes out again after a cut is not judged again."""

    def in_force(self, node: str, version: PolicyVersion, now_us: int) -> None:
        """A node's policy as it stands; call before each of its frames, and whenever it changes."""
        known = self._since.setdefault(node, [])
        if not known or known[-1][1] != version:
            known.append((now_us, version))

    def saw(self, source: str, target: str, data: Data, now_us: int) -> None:
        """A frame left `source`."""
        header = data.frame.batch.header
        self.frames += 1
        self.records += header.row_count
        epoch = self._epoch(source, header.policy_version, now_us)
        if epoch is None:
            self._report(source, f"a frame of {header.resource} to {target} names a policy that is not in force")
            return
        manifest = data.frame.batch.manifest
        key = (target, epoch, manifest.digest if manifest else header.payload_sha256)
        if key not in self._known:
            self._known[key] = tuple(self._judge(target, header, data.frame.batch.payload, epoch))
        for text in self._known[key]:
            self._report(source, text)

    def _epoch(self, source: str, digest: bytes, now_us: int) -> int | None:
        known = self._since.get(source, [])
        for index, (_, version) in enumerate(known):
            ended = known[index + 1][0] if index + 1 < len(known) else now_us
            if version.digest == digest and ended + TURN_US >= now_us:
                return version.epoch(self.ruler)
        return None

    def _judge(self, target: str, header: BatchHeader, payload: bytes, epoch: int) -> list[str]:
        runs = [run for run in header.runs if run.state.has_rows]
        announced = sum(run.count for run in runs)
        batch = self.decoded.rows(payload) if payload else None
        if (batch.num_rows if batch else 0) != announced:
            return [f"a frame of {header.resource} to {target} carries rows that no run accounts for"]
        if batch is None:
            return []
        nodes = {run.origin: place for place, run in enumerate(runs)}
        index = np.full(announced, -1, np.int64)
        where, owner = places(np.array([run.row_offset for run in runs], np.int64), np.array([run.count for run in runs], np.int64))
        index[where] = np.array([nodes[run.origin] for run in runs], np.int64)[owner]
        origins = Origins(tuple(run.origin for run in runs), index)
        wanted = (*NEEDED_COLUMNS.get(header.resource, ()), *(SECRET_COLUMNS if header.resource == "residents" else ()))
        rows = only(batch, [name for name in wanted if name in batch.schema.names])
        may = self.oracle.may_hold(header.resource, rows, origins, holder=target, epoch=epoch)
        found = []
        if (may == May.NOTHING).any():
            found.append(f"{int((may == May.NOTHING).sum())} records of {header.resource} are on the wire to {target} under epoch {epoch}")
        if header.resource == "residents" and (self.oracle.shows_secrets(rows, self.secrets()) & (may == May.MASKED)).any():
            found.append(f"{header.resource} on the wire to {target} show what is secret")
        return found

    def _report(self, node: str, text: str) -> None:
        if len(self.violations) < VIOLATIONS_PER_CHECK_MAX:
            self.violations.append(Violation(Promise.GOVERNED, node, text))
