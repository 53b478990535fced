"""Bytes that a record takes on the wire, at links of different rates: python -m benchmarks.wire_bench.

The product's pipeline makes the frames, as it is asked to on a link of that rate (half a second of it a frame); counted are whole messages
as the codec writes them. Deterministic.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import workload
from benchmarks.chain_bench import commits_of
from benchmarks.workload import Rules, Spread
from node.engine.pipeline import Pipeline, Self
from node.store.journal import open_journal
from policies.gate import CompiledGate, Station
from policies.masks import KeyRing
from policies.ruleset import merge
from sync.core.messages import Data
from sync.core.ready import OutboundJob, OutboundResult, PeerFacts
from sync.core.window import FRAME_S, THIN_BYTES_S
from sync.model import DEFAULT_LIMITS, Direction, Frame, Lane, Level, Manifest, signed_bytes
from sync.wire.codec import encode

JSON_BYTES = 91
"""The record as compact JSON, as NUMBERS counts it."""
LINKS_MBIT_S = (0.05, 1.0, 8.0, 20.0, 1_000.0)
THIN_MBIT_S = 20.0
"""Links up to here are thin."""
BATCHES = 32
ROWS = 5_000


class _Signer:
    """Signatures of the right length; their value does not change a length."""

    issuer = "raw"

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        return Manifest(self.issuer, header_sha256, inputs, signed_bytes(self.issuer, header_sha256, inputs)[:64].ljust(64, b"\0"))

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        raise NotImplementedError("nothing arrives here")


def bytes_per_record(mbit_s: float) -> float:
    """Bytes of all messages over the records in them."""
    gate = CompiledGate(
        merge([workload.bundle(Rules.POLICY, "province")]), Station("raw", Level.GRID, KeyRing({"bench-key": b"k" * 32})),
        now_us=workload.START_US,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        journal = open_journal(Path(name) / "journal.db", node="raw", incarnation=1)
        for writes in commits_of(workload.batches(BATCHES, rows=ROWS, spread=Spread.TOGETHER)):
            journal.commit(writes)
        pipeline = Pipeline(
            me=Self("raw", Level.GRID, workload.TERRITORY), journal=journal, gate_of=lambda: gate, vouch=_Signer(), limits=DEFAULT_LIMITS
        )
        try:
            return _over_the_journal(pipeline, gate, journal.last_lsn, int(mbit_s * 1e6 / 8 * FRAME_S))
        finally:
            journal.close()


def _over_the_journal(pipeline: Pipeline, gate: CompiledGate, top: int, frame_bytes: int) -> float:
    peer = PeerFacts("street", 1, Level.STREET, "370202006", is_parent=True)
    after = sent = records = 0
    is_thin = frame_bytes < THIN_BYTES_S * FRAME_S
    while after < top:
        target = min(frame_bytes, DEFAULT_LIMITS.batch_bytes_target)
        job = OutboundJob(1, peer, Direction.UP, Lane.BULK, after, top, gate.version, bytes_target=target, is_thin=is_thin)
        outcome = pipeline.run(job)
        assert isinstance(outcome, OutboundResult)
        for index, part in enumerate(outcome.parts):
            frame = Frame(Lane.BULK, Direction.UP, outcome.span, index, len(outcome.parts), part.batch)
            sent += len(encode(Data(frame)))
            records += part.batch.header.row_count
        after = outcome.span.upto
    return sent / records


if __name__ == "__main__":
    for rate in LINKS_MBIT_S:
        found = bytes_per_record(rate)
        print(f"{rate:>8g} Mbit/s  {found:6.2f} bytes a record, {found / JSON_BYTES:.3f} of {JSON_BYTES}")
