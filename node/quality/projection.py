"""The projection of the journal that judges: every batch of a resource with rules, once, in short steps off the event loop.

Owns the order of a look: columns that rules refer to are read first, then the resources that have rules. Refuses nothing: a batch that
cannot be judged is counted as unjudged, and a damaged one is the journal's to repair. What is judged was committed long before, so no write
waits for it. Called by the desk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from node.quality.hashing import Hashes, hashes_of
from node.quality.judging import SINGLE_SOURCE, Lot, Origins, broken, key_hashes
from node.quality.store import KNOWN_MAX, SAMPLES_MAX, WHOLE, Chunk, Found, Key, QualityStore, Sample, subject_of
from node.store.records import live_parts
from node.store.repaired import Repaired
from policies.arrow import Chosen, words_of
from policies.bundle import canonical_json
from policies.catalogue import Resource
from sync.model import Run, Span, StoredBatch

STEP_BATCHES_MAX = 64
STEP_BYTES_MAX = 8 << 20
"""What one short read of the journal and one transaction take."""


class Source(Protocol):
    """What the projection reads of a journal."""

    node: str
    incarnation: int

    @property
    def last_lsn(self) -> int:
        """The newest committed lsn."""

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """Batches of a resource inside `span`, ascending."""

    def repaired(self, resource: str) -> Repaired:
        """How often batches of a resource were set aside or put back."""


class Known:
    """The hashes of one subject, for look-ups: sorted, with the origin of each."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self._hashes = np.zeros(0, np.uint64)
        self._origins = np.zeros(0, np.int32)
        if chunks:
            self.add(np.concatenate([chunk.hashes for chunk in chunks]), np.concatenate([chunk.origins for chunk in chunks]))

    def __len__(self) -> int:
        return len(self._hashes)

    def origins_of(self, hashes: Hashes) -> Origins:
        """The origin of each hash, -1 where it is not known."""
        if not len(self._hashes):
            return np.full(len(hashes), -1, np.int32)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[places] == hashes, self._origins[places], np.int32(-1))

    def add(self, hashes: Hashes, origins: Origins) -> Chunk:
        """Remember hashes that are new, each with the first origin that had it; the chunk to keep."""
        fresh = self.origins_of(hashes) < 0
        distinct, firsts = np.unique(hashes[fresh], return_index=True)
        chunk = Chunk("", distinct, origins[fresh][firsts])
        places = np.searchsorted(self._hashes, distinct)
        self._hashes = np.insert(self._hashes, places, distinct)
        self._origins = np.insert(self._origins, places, chunk.origins)
        return chunk


@dataclass(slots=True)
class StoredMemory:
    """What was seen of earlier batches, from the store; what is new is gathered for the step's transaction."""

    store: QualityStore
    seed: int
    _chunks: list[Chunk] = field(default_factory=list)
    _known: dict[str, Known] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def numbers(self, origins: Iterable[str]) -> Mapping[str, int]:
        """A small number for each origin, for good."""
        if new := set(origins) - self._numbers.keys():
            self._numbers |= self.store.numbers(new)
        return self._numbers

    def known(self, subject: str) -> Known:
        """The hashes of a subject."""
        if subject not in self._known:
            self._known[subject] = Known(self.store.chunks(subject))
        return self._known[subject]

    def foreign(self, resource: str, rule: str, hashes: Hashes, origins: Origins) -> Chosen:
        """As `judging.Memory`."""
        subject = subject_of(resource, rule=rule)
        self.remember(subject, hashes, origins)
        return np.asarray(self.known(subject).origins_of(hashes) != origins, np.bool_)

    def is_known(self, resource: str, column: str, hashes: Hashes) -> Chosen:
        """As `judging.Memory`."""
        return np.asarray(self.known(subject_of(resource, column=column)).origins_of(hashes) >= 0, np.bool_)

    def remember(self, subject: str, hashes: Hashes, origins: Origins) -> None:
        """Keep hashes that are new to a subject."""
        chunk = self.known(subject).add(hashes, origins)
        if len(chunk.hashes):
            self._chunks.append(Chunk(subject, chunk.hashes, chunk.origins))

    def drained(self) -> list[Chunk]:
        """What is new since the last call."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def forget(self, resource: str) -> None:
        """What was seen under former rules of a resource."""
        for subject in [name for name in self._known if name.startswith(subject_of(resource, rule="-")[:-1])]:
            del self._known[subject]

    def trim(self) -> None:
        """Read subjects that grew past their bound from the store again, which has forgotten the oldest."""
        for subject in [name for name, known in self._known.items() if len(known) > KNOWN_MAX]:
            del self._known[subject]


@dataclass(slots=True)
class Projection:
    """One node's rules at work. Every method blocks; one caller at a time."""

    store: QualityStore
    journal: Source
    resources: Callable[[], Mapping[str, Resource]]
    """The catalogue in force."""
    new_seed: Callable[[], int]
    _memory: StoredMemory | None = None
    _fingerprints: dict[str, tuple[Resource, str]] = field(default_factory=dict)
    _read_to: dict[str, int] = field(default_factory=dict)
    """Positions past the last batch there was, so that a look at nothing new writes nothing."""
    _ruled: tuple[Mapping[str, Resource], list[Resource]] = field(default_factory=lambda: ({}, []))

    def ruled(self) -> list[Resource]:
        """The resources that have rules, a key or one source, by code."""
        resources = self.resources()
        if self._ruled[0] is not resources:
            self._ruled = (resources, [resource for _, resource in sorted(resources.items()) if resource.quality])
        return self._ruled[1]

    def begin(self) -> StoredMemory:
        """What was seen before, made ready once."""
        if self._memory is None:
            journal = self.journal
            seed = self.store.begin(journal.node, journal.incarnation, journal.last_lsn, seed=self.new_seed())
            self._memory = StoredMemory(self.store, seed)
        return self._memory

    def steps(self) -> Iterator[int]:
        """Judge what the journal has and the store has not, in short steps; the rows of each. Raises QualityError, JournalCorrupt."""
        memory, upto = self.begin(), self.journal.last_lsn
        ruled = self.ruled()
        for resource, column in sorted({(rule.resource, rule.column) for one in ruled for rule in one.quality.rules if rule.resource}):
            yield from self._read_column(resource, column, memory, upto)
        for one in ruled:
            yield from self._judge(one, memory, upto)

    def catch_up(self) -> int:
        """All steps; the rows judged."""
        return sum(self.steps())

    # ---- references

    def _read_column(self, resource: str, column: str, memory: StoredMemory, upto: int) -> Iterator[int]:
        subject = subject_of(resource, column=column)
        place = self._after_repairs(resource, subject)
        after = max(self.store.position(subject, place), self._read_to.get(place, 0))
        while after < upto:
            batches = self._find(resource, after, upto)
            if not batches:
                self._read_to[place] = upto
                return
            after = batches[-1].lsn
            for stored in batches:
                for rows, _ in live_parts(stored):
                    self._remember(memory, subject, rows, column)
            self.store.take(subject, {}, memory.drained(), built_to=after)
            memory.trim()
            yield 0

    def _remember(self, memory: StoredMemory, subject: str, rows: pa.RecordBatch, column: str) -> None:
        if column not in rows.schema.names:
            return
        words = words_of(rows.column(column))
        present = words.drop_null()
        memory.remember(subject, hashes_of([present], memory.seed), np.zeros(len(present), np.int32))

    # ---- rules

    def _judge(self, resource: Resource, memory: StoredMemory, upto: int) -> Iterator[int]:
        rules = self._after_repairs(resource.code, self._fingerprint(resource))
        after = self.store.position(resource.code, rules)
        if not after:
            memory.forget(resource.code)
        place = f"{resource.code} {rules}"
        after = max(after, self._read_to.get(place, 0))
        settled = self.store.settled(resource.code) if after < upto else {}
        while after < upto:
            batches = self._find(resource.code, after, upto)
            if not batches:
                self._read_to[place] = upto
                return
            after = batches[-1].lsn
            found: dict[Key, Found] = {}
            rows = sum(self._judge_batch(resource, stored, memory, found, settled) for stored in batches)
            self.store.take(resource.code, found, memory.drained(), built_to=after)
            memory.trim()
            yield rows

    def _judge_batch(
        self, resource: Resource, stored: StoredBatch, memory: StoredMemory, found: dict[Key, Found], settled: Mapping[tuple[str, str], int]
    ) -> int:
        parts = list(live_parts(stored))
        if not parts:
            return 0
        numbers = memory.numbers(run.origin for _, run in parts)
        lot = lot_of(resource, parts, numbers)
        verdicts = verdicts_of(lot, memory, numbers.get(resource.quality.source, -1))
        row = 0
        for part, run in parts:
            for rule, bad in verdicts.items():
                key = (resource.code, run.origin, rule)
                one = _found(bad if bad is None else bad[row : row + part.num_rows], part.num_rows, run, stored.lsn)
                if stored.lsn <= settled.get((run.origin, rule), 0):
                    one = Found(one.judged, one.bad, one.unjudged, 0, one.first_lsn, one.last_lsn)
                found[key] = found.get(key, Found()).plus(one)
            row += part.num_rows
        return row

    def _find(self, resource: str, after: int, upto: int) -> list[StoredBatch]:
        return self.journal.find(resource, Span(after, upto), batches_max=STEP_BATCHES_MAX, bytes_max=STEP_BYTES_MAX)

    def _after_repairs(self, resource: str, rules: str) -> str:
        """By what a resource is judged, and after how many batches that were put back: figures add up, so one more begins them anew."""
        put_back = self.journal.repaired(resource).put_back
        return f"{rules} after {put_back} repairs" if put_back else rules

    def _fingerprint(self, resource: Resource) -> str:
        known = self._fingerprints.get(resource.code)
        if known is None or known[0] is not resource:
            known = (resource, hashlib.sha256(canonical_json(resource.quality.encoded())).hexdigest())
            self._fingerprints[resource.code] = known
        return known[1]


def lot_of(resource: Resource, parts: list[tuple[pa.RecordBatch, Run]], numbers: Mapping[str, int]) -> Lot:
    """The live rows of one batch as a lot."""
    rows = parts[0][0] if len(parts) == 1 else pa.Table.from_batches([part for part, _ in parts]).combine_chunks().to_batches()[0]
    counts = [part.num_rows for part, _ in parts]
    sealed = np.repeat(np.array([run.at.wall_us for _, run in parts], np.int64), counts)
    origins = np.repeat(np.array([numbers[run.origin] for _, run in parts], np.int32), counts)
    return Lot.of(resource, rows, sealed, origins)


def verdicts_of(lot: Lot, memory: StoredMemory, source: int) -> dict[str, Chosen | None]:
    """By rule which rows break it, None where it cannot be judged; under WHOLE which break any."""
    rules = lot.resource.quality
    verdicts: dict[str, Chosen | None] = {rule.id: broken(rule, lot, memory) for rule in rules.rules}
    if rules.source or rules.key:
        verdicts[SINGLE_SOURCE] = _foreign(lot, memory, source)
    whole = np.zeros(lot.rows.num_rows, np.bool_)
    for bad in verdicts.values():
        if bad is not None:
            whole |= bad
    return verdicts | {WHOLE: whole}


def _foreign(lot: Lot, memory: StoredMemory, source: int) -> Chosen:
    """Rows of another origin than the one source, or whose key another origin had first."""
    rules = lot.resource.quality
    foreign = np.asarray(lot.origins != source if rules.source else np.zeros(lot.rows.num_rows, np.bool_), np.bool_)
    hashes = key_hashes(rules.key, lot, memory.seed) if rules.key else None
    return foreign if hashes is None else foreign | memory.foreign(lot.resource.code, SINGLE_SOURCE, hashes, lot.origins)


def _found(bad: Chosen | None, rows: int, run: Run, lsn: int) -> Found:
    if bad is None:
        return Found(unjudged=rows)
    count = int(np.count_nonzero(bad))
    if not count:
        return Found(judged=rows)
    samples = tuple(Sample(run.incarnation, run.first + int(place)).encoded() for place in np.flatnonzero(bad)[:SAMPLES_MAX])
    return Found(rows, count, 0, count, lsn, lsn, samples)
