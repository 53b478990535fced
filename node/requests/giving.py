"""The provider's side of a fetch: one page for one signed question, judged anew each time and entered before it leaves.

Owns the bounds of a page and the way through the journal. Refuses whoever is not the asker of a request that is granted here and now, a
question it has answered already, and, while the clock is unsure, everybody: what was revoked or has ended gives nothing from the next page
on. Called through node/tree/routes.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import pyarrow as pa

from node.cases.desk import CaseDesk
from node.cases.kind import Case, Kind
from node.clock import Clock
from node.policy.store import PolicyStore
from node.requests.envelope import Cursor, PageBody, Question, Seal, Signer, page_paper, read_question
from node.requests.errors import FetchRefused
from node.requests.kind import ASKER, PROVIDER, grant_of, standing
from node.requests.shares import Share, Shares
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from policies.arrow import encoded_like, plain
from policies.entry import CLOCK_UNSURE_US
from policies.grant import Grant
from policies.granting import Given
from policies.masks import KeyRing
from policies.regrade import RegradeIndex
from sync.model import ClockQuality, Level, Span, StoredBatch
from sync.wire.payload import encode_payload

FETCH = "request-page"
"""Verb of the question."""
PAGE_ROWS_MAX = 5_000
PAGE_BYTES_MAX = 128 << 10
"""Bytes of rows on a page: twenty seconds on a link of 50 kbit/s; one row that weighs more has a page of its own."""
BATCHES_READ_MAX = 64
READ_BYTES_MAX = 4 << 20
READS_MAX = 4
"""What one page reads of the journal, whether or not any of it is given: so many short reads of so many batches and bytes."""
ANSWERED_MAX = 4_096
"""Questions remembered, so that none is answered twice: a node between may send one again."""


@dataclass(slots=True)
class _Page:
    """What is gathered for a page."""

    cursor: Cursor
    parts: list[pa.RecordBatch] = field(default_factory=list)
    withheld: Counter[str] = field(default_factory=Counter)
    masks: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    size: int = 0
    plan: str = ""
    is_closed: bool = False
    """True when the next row needs a page of its own."""

    @property
    def is_full(self) -> bool:
        """True when nothing more goes onto it."""
        return self.is_closed or self.rows >= PAGE_ROWS_MAX or self.size >= PAGE_BYTES_MAX

    def take(self, given: Given, following: Cursor) -> None:
        """Add what was given up to `following`."""
        if given.rows.num_rows:
            self.parts.append(given.rows)
        self.withheld.update(given.withheld)
        self.masks.update(given.masks)
        self.rows += given.rows.num_rows
        self.size += given.rows.nbytes
        self.plan = given.plan_hash.hex()
        self.cursor = following


@dataclass(slots=True)
class Giving:
    """What this node gives under its grants."""

    cases: CaseDesk
    kind: Kind
    policy: PolicyStore
    journal: SqliteJournal
    shares: Shares
    seal: Seal
    clock: Clock
    clock_quality: Callable[[], ClockQuality]
    recipient_keys: Callable[[str, str], KeyRing]
    """Pseudonym keys by (asker, resource)."""
    rng: Random
    """Shuffles the rows of a page: their order would tell where they came from."""
    others: Kind | None = None
    """Another kind of cases that give like requests: emergencies, to nodes above alone."""
    above: frozenset[str] = frozenset()
    """The nodes over this one."""
    noting: Callable[[Share], None] | None = None
    """Enters a page in the audit log; blocking."""
    _answered: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """The page for a question. Raises CaseError, PolicyError, JournalError."""
        async with self._one_at_a_time:
            await self.cases.follow()
            return await asyncio.to_thread(self._answer, body)

    def _answer(self, body: bytes) -> bytes:
        question, signer = read_question(body, self.seal)
        case = case_among(self.cases, self.kind, self.others, question.case_id)
        grant = self._check(case, question, signer)
        self._note(question.nonce)
        page = self._gather(grant, question, signer.who.level)
        payload = self._encoded(page)
        # Entered first: what a crash here leaves is an entry for rows that nobody got, never the other way round.
        share = self._share(grant, question, page, payload)
        if self.noting is not None:
            self.noting(share)
        self.shares.enter(share)
        is_last = page.cursor.after_lsn >= page.cursor.upto_lsn
        made = PageBody(payload=payload, withheld=dict(page.withheld), masks=page.masks, following=page.cursor, is_last=is_last)
        return page_paper(made, question, signer.key, self.seal)

    def judged(self, question: Question, signer: Signer) -> Grant:
        """The grant under which something else than a page may be given now, by the checks of a page. Blocking; raises CaseError."""
        grant = self.standing_grant(question, signer)
        self._note(question.nonce)
        return grant

    def standing_grant(self, question: Question, signer: Signer) -> Grant:
        """As `judged`, for questions that count by themselves instead of by their nonce. Blocking; raises CaseError."""
        return self._check(case_among(self.cases, self.kind, self.others, question.case_id), question, signer)

    def still_granted(self, question: Question, signer: Signer) -> Grant:
        """The grant once more, for an answer that took time to make: what is revoked by now gives nothing. Blocking; raises CaseError."""
        return self._granted(case_among(self.cases, self.kind, self.others, question.case_id), question, signer)

    def _check(self, case: Case, question: Question, signer: Signer) -> Grant:
        grant = self._granted(case, question, signer)
        if question.nonce in self._answered:
            raise FetchRefused("this question was answered already")
        return grant

    def _granted(self, case: Case, question: Question, signer: Signer) -> Grant:
        asker, me = case.parties[ASKER], self.cases.me
        if question.provider != me.node or case.parties[PROVIDER].node != me.node:
            raise FetchRefused(f"request {case.id} is not for {me.node} to answer")
        # The territory too: a node below another branch may have certified somebody of the asker's name.
        if (signer.who.node, signer.who.territory.code) != (asker.node, asker.territory):
            raise FetchRefused(f"request {case.id} is of {asker.node} ({asker.territory}), not of {signer.who.node}")
        if self.others is not None and case.kind == self.others.name and asker.node not in self.above:
            raise FetchRefused(f"{case.kind} {case.id} is of {asker.node}, which is not above {me.node}: only the command chain opens one")
        grant = grant_of(case)
        if grant is None:
            raise FetchRefused(f"request {case.id} is {case.state} since its last step: nothing is given")
        if self.clock_quality().uncertainty_us > CLOCK_UNSURE_US:
            raise FetchRefused(f"the clock of {me.node} is unsure, and grants have dates: ask again when it is set")
        now_us = self.clock.wall_us()
        if not grant.is_live(now_us):
            found = standing(case, now_us)
            raise FetchRefused(f"the grant of request {case.id} is {found.value if found else case.state}: ask for a new one in time")
        return grant

    def _note(self, nonce: bytes) -> None:
        self._answered[nonce] = None
        if len(self._answered) > ANSWERED_MAX:
            self._answered.popitem(last=False)

    # ---- rows

    def _gather(self, grant: Grant, question: Question, level: Level) -> _Page:
        begin = question.cursor
        upto = min(begin.upto_lsn or self.journal.last_lsn, self.journal.last_lsn)
        page = _Page(Cursor(begin.after_lsn, begin.skip_rows, upto))
        if why := self.policy.closed(grant.resource):
            raise FetchRefused(why)
        keys = self.recipient_keys(question.asker, grant.resource)
        for _ in range(READS_MAX):
            batches = self._read(grant.resource, page.cursor)
            if not batches:
                page.cursor = Cursor(upto, 0, upto)
                break
            for stored in batches:
                for given, following in self._given_of(stored, page, grant, level, keys):
                    page.take(given, following)
                if page.is_full:
                    return page
                page.cursor = Cursor(stored.lsn, 0, upto)
        return page

    def _read(self, resource: str, cursor: Cursor) -> list[StoredBatch]:
        if cursor.after_lsn >= cursor.upto_lsn:
            return []
        span = Span(cursor.after_lsn, cursor.upto_lsn)
        return self.journal.find(resource, span, batches_max=BATCHES_READ_MAX, bytes_max=READ_BYTES_MAX)

    def _given_of(self, stored: StoredBatch, page: _Page, grant: Grant, level: Level, keys: KeyRing) -> Iterator[tuple[Given, Cursor]]:
        """What is given of a batch, in pieces that fit what room the page has, each with how far it came."""
        rows, cursor = live_rows(stored, self.policy.gate.regrades), page.cursor
        done = cursor.skip_rows
        while rows is not None and done < rows.num_rows and not page.is_full:
            count = min(PAGE_ROWS_MAX - page.rows, rows.num_rows - done)
            given = self.policy.gate.give(grant, rows.slice(done, count), level=level, keys=keys)
            while given.rows.nbytes > PAGE_BYTES_MAX - page.size and count > 1:
                count //= 2
                given = self.policy.gate.give(grant, rows.slice(done, count), level=level, keys=keys)
            if page.rows and given.rows.nbytes > PAGE_BYTES_MAX - page.size:
                page.is_closed = True
                return
            done += count
            yield given, Cursor(cursor.after_lsn, done, cursor.upto_lsn)

    def _encoded(self, page: _Page) -> bytes:
        if not page.parts:
            return b""
        return encode_payload(shuffled(page.parts, self.rng), compression="zstd")

    def _share(self, grant: Grant, question: Question, page: _Page, payload: bytes) -> Share:
        return Share(
            at_us=self.clock.wall_us(),
            case_id=grant.id,
            asker=question.asker,
            by=question.by,
            resource=grant.resource,
            fields=grant.fields,
            purpose=grant.purpose,
            rows=page.rows,
            withheld=dict(page.withheld),
            first_lsn=question.cursor.after_lsn,
            last_lsn=page.cursor.after_lsn,
            sha256=hashlib.sha256(payload).hexdigest(),
            policy=self.policy.version.digest.hex(),
            plan=page.plan,
        )


def shuffled(parts: Sequence[pa.RecordBatch], rng: Random) -> pa.RecordBatch:
    """The rows of `parts` in an order by chance, and so are the words of their dictionaries.

    These would else stand in the order of the rows as stored, the same for every recipient, and two could join their pseudonyms by it.
    """
    table = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks()
    rows = table.take(pa.array(rng.sample(range(table.num_rows), table.num_rows))).combine_chunks().to_batches()[0]
    return pa.RecordBatch.from_arrays([encoded_like(plain(column), column.type) for column in rows.columns], schema=rows.schema)


def case_among(cases: CaseDesk, kind: Kind, others: Kind | None, case_id: str) -> Case:
    """The case of an id among two kinds of cases that give; raises CaseUnknown."""
    found = cases.register.case(others, case_id) if others is not None else None
    return found if found is not None else cases.case(kind, case_id)


def live_rows(stored: StoredBatch, regrades: RegradeIndex) -> pa.RecordBatch | None:
    """The rows of a batch that count here, graded as they count now, with what their columns say about masks; None for none."""
    runs = [run for run in stored.live_runs if run.state.has_rows]
    if not runs:
        return None
    rows = regrades.graded(stored.batch.header, decode_rows(stored.batch.payload))
    parts = [rows.slice(run.row_offset, run.count) for run in runs]
    return parts[0] if len(parts) == 1 else pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
