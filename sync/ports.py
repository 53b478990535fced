"""The interfaces the replication system is written against; each has a contract suite in tests/contracts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from sync.model import Direction, Lane, Level, Manifest, PolicyVersion, Run, RunMap, Span, StoredBatch, Stream
from sync.model.batch import BatchHeader
from sync.model.writes import Recovered, Write

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Selection:
    """Which batches of a lane a reader wants."""

    resources: frozenset[str]
    not_from: str
    """Source whose batches are left out."""

    def takes(self, stored: StoredBatch) -> bool:
        """True for a batch of the selection."""
        return stored.batch.header.resource in self.resources and stored.source != self.not_from


NOTHING_AGAIN: Mapping[str, int] = MappingProxyType({})
"""No reason whose held records are decided again under the same version."""


@dataclass(frozen=True, slots=True)
class Reprieve:
    """Which refusals by a peer are decided again although the own version is the one they were sent under."""

    version: bytes = b""
    """Digest of the peer's policy version: what it refused under another one is meant."""
    upto: int = 0
    """Own lsn up to which frames are meant; 0: none."""
    over: frozenset[str] = frozenset()
    """What the peer refused for a reason that names one of these is meant too, whatever its version."""
    program: str = ""
    """Software of the peer: what it refused as another program is meant; empty when it does not say."""
    decided_upto: int = 0
    """Whatever the peer refused of frames up to this own lsn is meant: the own plans are others since."""


NO_REPRIEVE = Reprieve()


class Journal(Protocol):
    """The node's durable, ordered log of batches. Implementations: node/store/journal.py; a memory one in tests."""

    def recover(self) -> Recovered:
        """Everything the engine needs to go on; raises JournalCorrupt when the file cannot be trusted."""

    def commit(self, writes: Sequence[Write]) -> None:
        """Make `writes` durable in one transaction (on disk when this returns); raises JournalFull or JournalError with nothing written."""

    def read(self, lane: Lane, span: Span, *, batches_max: int, bytes_max: int, only: Selection | None = None) -> list[StoredBatch]:
        """Batches of the lane inside `span`, ascending; at least one if there is one. Checks payload checksums (JournalCorrupt).

        `only` leaves batches out without reading their payloads.
        """

    def batch(self, lsn: int) -> StoredBatch | None:
        """The batch at `lsn`, checksum verified; None when there is none."""

    def ledger_chain(self, peer: str, direction: Direction, lane: Lane, upto: int, *, claimed: bytes = b"") -> bytes | None:
        """The manifest chain the share ledger has for the span ending at `upto`; None when no span ends there.

        A stretch may have been made twice, into files under different plans: then `claimed` is the answer if it is one of them, else the
        newest.
        """

    def held(
        self, peer: str, direction: Direction, *, not_version: bytes, batches_max: int, again: Mapping[str, int] = NOTHING_AGAIN,
        reprieve: Reprieve = NO_REPRIEVE, plans: Collection[tuple[str, bytes]] = (),
    ) -> list[StoredBatch]:  # fmt: skip
        """Batches with records that were held back from `peer`, or that `peer` refused, under another policy version than
        `not_version`, or put off (reason `deferred`), not yet settled, ascending by lsn.

        `again` names reasons whose records count whatever the version, each with the highest lsn of a batch that it holds for; `reprieve`
        says which refusals by the peer do. What was denied or closed under one of `plans` (resource, hash) counts, too.
        """

    def plans_decided(self, peer: str, direction: Direction) -> frozenset[tuple[str, bytes]]:
        """The plans (resource, hash) under which anything toward `peer` was decided."""

    def delivered_to(self, peer: str) -> Mapping[Stream, RunMap]:
        """What became of every record that `peer` above has acknowledged, by stream."""

    def close(self) -> None:
        """Release the file; everything committed stays."""


RESEED_PURPOSE = "reseed"
"""Purpose of a RETURN that gives a child back what it brought itself and has lost since."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One plan key: who would receive what, which way. The distance comes from each batch."""

    peer: str
    peer_level: Level
    peer_territory: str
    direction: Direction
    subtree: frozenset[str] = frozenset()
    """For RETURN: node ids attached at or below the peer; their own records do not return to them."""
    purpose: str = ""
    """Empty: the standing purpose of the resource in the catalogue."""
    takes_envelopes: bool = True
    """False for a peer whose program passes no sealed envelopes on."""
    sealed_only: bool = False
    """True toward a foster parent outside the territory chain: nothing goes there but sealed envelopes."""


class Outcome(Enum):
    """What a plan makes of one batch."""

    WHOLE = "whole"
    """Every row passes unchanged: forward the bytes."""
    REWRITTEN = "rewritten"
    """Rows withheld or columns masked: new payload, new runs."""
    CLOSED = "closed"
    """Aggregate-only or deny for the whole resource on this flow: no stream opens."""
    ELSEWHERE = "elsewhere"
    """Not addressed to this peer at all (return to another territory, a returned batch going up): not accounted on this hop."""


@dataclass(frozen=True, slots=True)
class Released:
    """What the gate lets go; sinks accept nothing else.

    An account of records without their rows is anybody's to construct. One that brings rows comes from `let_rows_go`, which only a gate
    calls: the constructor and `dataclasses.replace` refuse it with TypeError.
    """

    outcome: Outcome
    runs: tuple[Run, ...]
    """The batch's runs with the state each has on this flow; row offsets fit `rows`."""
    rows: pa.RecordBatch | None
    """The new payload for REWRITTEN; None otherwise."""
    plan_hash: bytes
    grade_max: int = 0
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL and (self.outcome is Outcome.WHOLE or self.rows is not None):
            raise TypeError("released rows refused: they come from a gate's let_rows_go and from nowhere else")

    def part(self, runs: tuple[Run, ...], *, grade_max: int) -> Released:
        """One batch of several that were let go whole together."""
        assert self.outcome is Outcome.WHOLE, "only what went whole has parts"
        return Released(self.outcome, runs, None, self.plan_hash, grade_max, seal=_SEAL)


_SEAL = object()


def let_rows_go(outcome: Outcome, runs: tuple[Run, ...], rows: pa.RecordBatch | None, plan_hash: bytes, grade_max: int = 0) -> Released:
    """A `Released` that may bring rows: for gates alone (tests/house/test_doors.py names every caller)."""
    return Released(outcome, runs, rows, plan_hash, grade_max, seal=_SEAL)


class Gate(Protocol):
    """The policy in force as the pipeline sees it. Pure: same batch, same answer. Implementation: policies/gate.py."""

    @property
    def version(self) -> PolicyVersion:
        """The version every answer is of."""

    def addressed(self, flow: Flow) -> frozenset[str] | None:
        """Resources of which anything can be for this flow, so that nothing else is read; None for all."""

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        """The outcome where the header alone decides; None when the rows must be read."""

    def closed_for(self, flow: Flow, header: BatchHeader) -> Released:
        """For an outcome CLOSED at a glance: the batch's runs as the own books close them."""

    def whole_for(self, flow: Flow, header: BatchHeader) -> Released:
        """For an outcome WHOLE at a glance: the batch as it is."""

    def release(self, flow: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """Decide over the rows of a batch for `flow`."""

    def plan_hash(self, flow: Flow, header: BatchHeader) -> bytes:
        """Hash of the compiled plan for batches like this."""

    def reopened(self, flow: Flow, decided: Collection[tuple[str, bytes]]) -> frozenset[tuple[str, bytes]]:
        """Which of these plans (resource, hash) are no longer in force, where those that are let something pass."""

    def inspect(self, flow: Flow, header: BatchHeader, rows: pa.RecordBatch | None) -> str:
        """Receiver's check: empty when the batch is not looser than the own plan, else the reason. `flow.peer` is this node."""


class Vouch(Protocol):
    """Signs and checks manifests. Implementation: node/identity; a seeded one in simulations."""

    @property
    def issuer(self) -> str:
        """The node that signs."""

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        """A manifest of this node over a header."""

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        """True when `manifest` is signed by `issuer`'s certified key."""
