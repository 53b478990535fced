"""The words of the system as frozen dataclasses; standard library only."""

from sync.model.batch import (
    BATCH_FORMAT,
    EMPTY_CHAIN,
    Batch,
    BatchHeader,
    Frame,
    LedgerEntry,
    Manifest,
    Span,
    StoredBatch,
    next_chain,
    signed_bytes,
)
from sync.model.clock import MICROSECONDS, ClockQuality, HybridTime, Instant
from sync.model.errors import ForkError, JournalCorrupt, JournalError, JournalFull, LinkError, ModelError, SyncError, WireError
from sync.model.limits import DEFAULT_LIMITS, Limits
from sync.model.lives import LIVES_TOLD_MAX, Life, parting
from sync.model.names import TERRITORY_DIGITS, Direction, Lane, Level, Territory, check_node_id, check_resource, code_contains
from sync.model.runs import NO_ROWS, Run, RunMap, Segment, StateRange, Stream, merged_ranges, split_runs
from sync.model.states import Fate, State, may_move
from sync.model.version import PolicyVersion

__all__ = [
    "BATCH_FORMAT",
    "DEFAULT_LIMITS",
    "EMPTY_CHAIN",
    "LIVES_TOLD_MAX",
    "MICROSECONDS",
    "NO_ROWS",
    "TERRITORY_DIGITS",
    "Batch",
    "BatchHeader",
    "ClockQuality",
    "Direction",
    "Fate",
    "ForkError",
    "Frame",
    "HybridTime",
    "Instant",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "Lane",
    "LedgerEntry",
    "Level",
    "Life",
    "Limits",
    "LinkError",
    "Manifest",
    "ModelError",
    "PolicyVersion",
    "Run",
    "RunMap",
    "Segment",
    "Span",
    "State",
    "StateRange",
    "StoredBatch",
    "Stream",
    "SyncError",
    "Territory",
    "WireError",
    "check_node_id",
    "check_resource",
    "code_contains",
    "may_move",
    "merged_ranges",
    "next_chain",
    "parting",
    "signed_bytes",
    "split_runs",
]
