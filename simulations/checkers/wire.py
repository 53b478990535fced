"""P4 on the wire: watches every frame that leaves a node and holds it against the oracle, while the faults go on.

A frame is judged by the policy it names, and it must name one that was in force when its turn began. Called by the world for every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simulations.checkers.copies import RecordRow, rows_of
from simulations.checkers.oracle import May, Oracle
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
    secrets: Callable[[], frozenset[object]]
    """Values of residents that may not be seen, as made so far."""
    violations: list[Violation] = field(default_factory=list)
    frames: int = 0
    records: int = 0
    _since: dict[str, list[tuple[int, PolicyVersion]]] = field(default_factory=dict)

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
        rows = rows_of(data.frame.batch.payload)
        if len(rows) != sum(run.count for run in header.runs if run.state.has_rows):
            self._report(source, f"a frame of {header.resource} to {target} carries rows that no run accounts for")
            return
        self._judge(source, target, header, rows, epoch)

    def _epoch(self, source: str, digest: bytes, now_us: int) -> int | None:
        known = self._since.get(source, [])
        for index, (_, version) in enumerate(known):
            ended = known[index + 1][0] if index + 1 < len(known) else now_us
            if version.digest == digest and ended + TURN_US >= now_us:
                return version.epoch(self.ruler)
        return None

    def _judge(self, source: str, target: str, header: BatchHeader, rows: list[RecordRow], epoch: int) -> None:
        secrets = self.secrets() if header.resource == "residents" else frozenset()
        for run in header.runs:
            if not run.state.has_rows:
                continue
            for row in rows[run.row_offset : run.row_offset + run.count]:
                may = self.oracle.may_hold(header.resource, row, origin=run.origin, holder=target, epoch=epoch)
                if may is May.NOTHING:
                    self._report(source, f"a record of {header.resource} from {run.origin} is on the wire to {target} under epoch {epoch}")
                elif may is May.MASKED and (shown := self.oracle.shows_secrets(row, secrets)):
                    self._report(source, f"{header.resource} from {run.origin} on the wire to {target} shows {', '.join(shown)}")

    def _report(self, node: str, text: str) -> None:
        if len(self.violations) < VIOLATIONS_PER_CHECK_MAX:
            self.violations.append(Violation(Promise.GOVERNED, node, text))
