"""What the stages of one hop cost alone: CPU seconds per million records, each stage in a loop of its own, without links or event loop.

Called by gates.py, which divides their sum by the CPU that two real nodes took for the same batches (efficiency, G4), and puts national
cryptography in the place of SHA-256 and AES-GCM (G13). Usage: python -m benchmarks.stage_bench
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SM3, Hash

from benchmarks import workload
from benchmarks.chain_bench import commits_of
from benchmarks.chain_files import COMMIT_BATCHES
from benchmarks.workload import Rules, Spread
from node.engine.rowfacts import facts_of
from node.equality.sums import part_sums
from node.store.journal import open_journal
from policies.gate import CompiledGate, Station
from policies.masks import KeyRing
from policies.ruleset import merge
from sync.core.ready import LocalBatch
from sync.model import DEFAULT_LIMITS, Batch, BatchHeader, Direction, Lane, Level, Run, Span, StoredBatch
from sync.model.writes import StoreBatch
from sync.ports import Flow
from sync.wire.codec_batch import header_digest
from sync.wire.payload import Compression, decode_payload, decoded_size, encode_payload, unfold_together

LOOPS = 30
ROWS = 5_000
BATCHES = 64
KEY = b"k" * 32
FLOW = Flow("street", Level.STREET, "370202006", Direction.UP)


@dataclass(frozen=True, slots=True)
class Stages:
    """CPU seconds per million records of the backlog."""

    costs: dict[str, float]
    payload: bytes
    """What is hashed, signed and sent of `records` records of the backlog."""
    records: int

    @property
    def total(self) -> float:
        """All stages."""
        return sum(self.costs.values())

    def per_million(self, stage: Callable[[bytes], None]) -> float:
        """What another stage over the same payload costs."""
        return cpu_us(lambda: stage(self.payload)) / self.records


def measure(*, rules: Rules = Rules.POLICY, compression: Compression = "lz4") -> Stages:
    """The stages of a hop that joins as many batches of ROWS rows as one frame takes."""
    joined = DEFAULT_LIMITS.batch_rows_target // ROWS
    models = workload.batches(joined, rows=ROWS, spread=Spread.TOGETHER)
    payloads, records = [model.payload for model in models], ROWS * joined
    gate = CompiledGate(
        merge([workload.bundle(rules, "province")]), Station("grid", Level.GRID, KeyRing({"bench-key": KEY})), now_us=workload.START_US
    )
    rows = unfold_together(payloads)
    stored = _stored(models[0], records)
    released = gate.release(FLOW, stored, rows)
    kept = rows if released.rows is None else released.rows
    payload = encode_payload(kept, compression=compression)
    header = replace(
        stored.batch.header, runs=released.runs, row_count=kept.num_rows, origin_distance=1, grade_max=released.grade_max,
        plan_hash=released.plan_hash, policy_version=gate.version.digest, payload_bytes=len(payload),
        payload_sha256=hashlib.sha256(payload).digest(), decoded_bytes=decoded_size(payload),
    )  # fmt: skip
    signer = Ed25519PrivateKey.generate()
    signature, checker = signer.sign(header_digest(header)), signer.public_key()
    arrived = decode_payload(payload, decoded_bytes_max=DEFAULT_LIMITS.decoded_bytes_max, rows_max=DEFAULT_LIMITS.batch_rows_max)
    assert not gate.inspect(FLOW, header, arrived), "the receiver takes what the sender releases"
    stages: dict[str, Callable[[], object]] = {
        "unfold": lambda: unfold_together(payloads),
        "gate of the sender": lambda: gate.release(FLOW, stored, rows),
        "row sums of the proof of equality": lambda: part_sums(kept, released.runs, Lane.BULK, workload.RESOURCE),
        "encode": lambda: (encode_payload(kept, compression=compression), facts_of(kept), decoded_size(payload)),
        "hash and sign": lambda: (hashlib.sha256(payload).digest(), signer.sign(header_digest(header))),
        "hash and verify": lambda: (hashlib.sha256(payload).digest(), checker.verify(signature, header_digest(header))),
        "decode and validate": lambda: decode_payload(
            payload, decoded_bytes_max=DEFAULT_LIMITS.decoded_bytes_max, rows_max=DEFAULT_LIMITS.batch_rows_max
        ),
        "gate of the receiver": lambda: gate.inspect(FLOW, header, arrived),
        "encrypt and decrypt (AES-256-GCM)": lambda: _aes(payload),
    }
    costs = {name: cpu_us(stage) / records for name, stage in stages.items()}
    return Stages(costs | _journal_costs(), payload, records)


def measure_beside() -> Stages:
    """As `measure`, by two processes at once: CPU seconds are longer while the other core is busy, and two nodes keep both busy."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        one, other = [started.result() for started in [pool.submit(measure) for _ in range(2)]]
    return replace(one, costs={name: (cost + other.costs[name]) / 2 for name, cost in one.costs.items()})


def _stored(model: LocalBatch, records: int) -> StoredBatch:
    header = BatchHeader(
        model.resource, model.lane, model.schema_version, records, (Run("grid", 1, 1, records, 0),), model.payload_sha256,
        len(model.payload), model.decoded_bytes, model.event_time_min_us, model.event_time_max_us, model.grade_max, model.territories,
    )  # fmt: skip
    return StoredBatch(1, Batch(header, b""), "grid")


def _journal_costs() -> dict[str, float]:
    """Reading the backlog, and committing as much as the receiver does: its own rows are a little fewer."""
    backlog = workload.batches(BATCHES, rows=ROWS, spread=Spread.TOGETHER)
    with tempfile.TemporaryDirectory() as name:
        journal = open_journal(Path(name) / "journal.db", node="raw", incarnation=1)
        try:
            commits = list(commits_of(backlog))
            began = time.process_time()
            for writes in commits:
                journal.commit(writes)
            commit_s = time.process_time() - began
            records = sum(write.stored.batch.header.row_count for writes in commits for write in writes if isinstance(write, StoreBatch))
            began = time.process_time()
            for start in range(0, BATCHES, COMMIT_BATCHES):
                journal.read(Lane.BULK, Span(start, start + COMMIT_BATCHES), batches_max=COMMIT_BATCHES, bytes_max=1 << 30)
            read_s = time.process_time() - began
        finally:
            journal.close()
    return {"journal read, checksums": read_s / records * 1e6, "journal commit": commit_s / records * 1e6}


def _aes(payload: bytes) -> None:
    cipher = AESGCM(KEY)
    cipher.decrypt(KEY[:12], cipher.encrypt(KEY[:12], payload, None), None)


def national(payload: bytes) -> None:
    """The same payload hashed twice with SM3 (GB/T 32905) and sealed and opened with SM4-GCM (GB/T 32907)."""
    for _ in range(2):
        digest = Hash(SM3())
        digest.update(payload)
        digest.finalize()
    sealing = Cipher(SM4(KEY[:16]), GCM(KEY[:12])).encryptor()
    sealed = sealing.update(payload) + sealing.finalize()
    opening = Cipher(SM4(KEY[:16]), GCM(KEY[:12], sealing.tag)).decryptor()
    opening.update(sealed)
    opening.finalize()


def international(payload: bytes) -> None:
    """The same with SHA-256 and AES-256-GCM."""
    hashlib.sha256(payload).digest()
    hashlib.sha256(payload).digest()
    _aes(payload)


def cpu_us(stage: Callable[[], object], loops: int = LOOPS) -> float:
    """Median CPU microseconds of one call."""
    times = []
    for _ in range(loops):
        began = time.process_time_ns()
        stage()
        times.append((time.process_time_ns() - began) / 1e3)
    return median(times)


def lines_of(stages: Stages) -> Sequence[str]:
    """What is printed."""
    return [f"{name:<36} {cost:.4f} CPU s per million" for name, cost in stages.costs.items()] + [f"{'together':<36} {stages.total:.4f}"]


if __name__ == "__main__":
    print("\n".join(lines_of(measure())))
