"""Small jobs, done within the turn that asks for them, so that a few records cross a hop with one commit and no hand-over between threads.

Owns: which jobs are small, and the steps of a turn that goes on with their answers: a frame is verified, stored, decided for the next hop
and entered in the share ledger, and one transaction makes all of it durable before anything of it is sent. Refuses everything that reads
the journal: a frame is in its job, and what is to be sent is at hand when this very turn stores it. Called by node/runtime.py, on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.engine.pipeline import Pipeline
from sync.core.engine import Engine
from sync.core.ready import InboundJob, Job, JobResult, OutboundJob, Ready
from sync.model import Instant, Lane, StoredBatch
from sync.model.writes import StoreBatch, Write

SMALL_BYTES_MAX = 16 << 10
"""Payload of a small job: what takes the loop's time is bounded with it."""
SMALL_ROWS_MAX = 256
JOBS_AT_ONCE_MAX = 4
"""Small jobs of one step. With more the node is busy, and the threads serve every link in turn."""
STEPS_MAX = 3
"""Steps of one turn: a frame is verified, its batch is decided for the next hop, and one more."""


@dataclass(frozen=True, slots=True)
class SmallJobs:
    """What may be done at once in one turn."""

    pipeline: Pipeline
    tops: Mapping[Lane, int]
    """The newest lsn of each lane before the turn."""
    has_job_out: Callable[[str], bool]
    """True when a thread has a job of this peer: the jobs of one link run in order."""

    def ready(self, engine: Engine, now: Instant) -> Ready:
        """What `engine.ready` gives, and what its small jobs lead to, as one turn; the other jobs stay in it."""
        ready = engine.ready(now)
        for _ in range(STEPS_MAX):
            answers = self._answers(ready.jobs, ready.writes)
            if not answers:
                break
            engine.advance()
            for answer in answers:
                engine.gated(answer, now)
            ready = _joined(ready, engine.ready(now))
        return ready

    def _answers(self, jobs: Sequence[Job], writes: Sequence[Write]) -> list[JobResult]:
        """The answers to all of `jobs`, or none when one of them is for the threads."""
        if not 0 < len(jobs) <= JOBS_AT_ONCE_MAX:
            return []
        at_hand = [self._at_hand(job, writes) for job in jobs]
        if not all(is_small for is_small, _ in at_hand):
            return []
        return [self.pipeline.run(job, at_hand=batches) for job, (_, batches) in zip(jobs, at_hand, strict=True)]

    def _at_hand(self, job: Job, writes: Sequence[Write]) -> tuple[bool, Sequence[StoredBatch]]:
        """Whether a job is small, and the batches that it would read."""
        if self.has_job_out(job.peer.node):
            return False, ()
        if isinstance(job, InboundJob):
            return _are_few([job.frame.batch.header.row_count], len(job.frame.batch.payload)), ()
        if not isinstance(job, OutboundJob) or not self._is_plain(job):
            return False, ()
        found = [
            write.stored
            for write in writes
            if isinstance(write, StoreBatch) and write.stored.batch.header.lane is job.lane and job.after < write.stored.lsn <= job.upto
        ]
        size = sum(len(stored.batch.payload) for stored in found)
        fits = size <= (job.bytes_target or SMALL_BYTES_MAX)
        return bool(found) and fits and _are_few([stored.batch.header.row_count for stored in found], size), found

    def _is_plain(self, job: OutboundJob) -> bool:
        """True when all that it would read is of this turn, and what becomes of it asks nothing else of the journal."""
        return job.after >= self.tops[job.lane] and not (job.accounts_upto or job.defer_upto or job.peer.reseeds)


def are_small(writes: Sequence[Write]) -> bool:
    """True when all batches of `writes` together are no larger than a small job."""
    return sum(len(write.stored.batch.payload) for write in writes if isinstance(write, StoreBatch)) <= SMALL_BYTES_MAX


def _are_few(rows: Sequence[int], payload_bytes: int) -> bool:
    return sum(rows) <= SMALL_ROWS_MAX and payload_bytes <= SMALL_BYTES_MAX


def _joined(first: Ready, second: Ready) -> Ready:
    """Two outputs as one: the jobs of the first are answered in the second."""
    return Ready(
        (*first.writes, *second.writes), second.jobs, (*first.sends, *second.sends), (*first.events, *second.events), second.wake_at
    )
