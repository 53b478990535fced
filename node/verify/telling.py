"""The provider's side of a question about a supplied value: judged by its own rules, counted, looked up, entered, and only then told.

Owns the order: proof of the asker, the rules, the limits, the rows, the book, the answer. Every row of the resource is read whatever the
answer becomes. Refuses by the rules and the limits alone, so that a refusal tells nothing of who is stored. Called through
node/tree/routes.py.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from node.cases.desk import CaseDesk
from node.cases.kind import Kind
from node.clock import Clock
from node.policy.store import PolicyStore
from node.requests.envelope import Seal, Signer
from node.requests.giving import live_rows
from node.requests.kind import ASKER, PROVIDER, grant_of
from node.store.journal import SqliteJournal
from node.verify.book import Book, Told
from node.verify.errors import VerifyRefused
from node.verify.letters import Asked, Front, answer_letter, read_asked
from policies.entry import CLOCK_UNSURE_US
from policies.errors import PolicyError
from policies.grant import Grant
from policies.verifying import Allowed, Answer, Inquiry, Question, allowed
from sync.model import ClockQuality, Span

VERIFY = "verify"
"""Verb of the question."""
BATCHES_READ_MAX = 64
READ_BYTES_MAX = 4 << 20
"""One short read of the journal; there are as many as the resource needs."""
ANSWERED_MAX = 4_096
"""Questions remembered, so that none is answered twice: a node between may send one again."""
WAITING_MAX = 16
"""Questions that wait for their turn; more are refused."""
REFUSED = "refused"


@dataclass(slots=True)
class Telling:
    """What this node tells."""

    cases: CaseDesk
    kind: Kind
    policy: PolicyStore
    journal: SqliteJournal
    book: Book
    seal: Seal
    clock: Clock
    clock_quality: Callable[[], ClockQuality]
    secret: bytes
    """Key of the hashes in the book."""
    note: Callable[[Told], object]
    """Enters an answer in the audit log, durably; called from a thread. Raises NodeError: then nothing is told."""
    _answered: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def answer(self, body: bytes) -> bytes:
        """The answer to a letter. Raises VerifyError, CaseError, PolicyError, JournalError."""
        if self._waiting >= WAITING_MAX:
            raise VerifyRefused("busy with questions of others: ask again")
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                await self.cases.follow()
                return await asyncio.to_thread(self._answer, body)
        finally:
            self._waiting -= 1

    def _answer(self, body: bytes) -> bytes:
        asked, front, signer = read_asked(body, me=self.cases.me.node, seal=self.seal)
        if front.nonce in self._answered:
            raise VerifyRefused("this question was answered already")
        self._answered[front.nonce] = None
        if len(self._answered) > ANSWERED_MAX:
            self._answered.popitem(last=False)
        answer = self._told(asked, front, signer)
        return answer_letter(answer, front, signer.key, self.seal)

    def _told(self, asked: Asked, front: Front, signer: Signer) -> Answer:
        """The answer, entered in the book."""
        now_us = self.clock.wall_us()
        try:
            question = self._allowed(asked, signer, now_us)
        except (PolicyError, VerifyRefused):
            # A refusal by the rules counts too: walking through the catalogue by refusals is bounded like anything else.
            subject = self.hashed("\x00".join((asked.resource, asked.key, asked.value)))
            self.book.check_limits(front.sender, subject, now_us)
            self.book.enter(self._entry(asked, front, now_us, subject, REFUSED, b""))
            raise
        subject = self.hashed(question.subject)
        self.book.check_limits(front.sender, subject, now_us)
        answer = self._looked_up(question)
        told = max(answer, Answer.NO) if question.grant is None else answer
        entry = self._entry(asked, front, now_us, subject, told.word, question.plan.hash)
        self.book.enter(entry)
        self.note(entry)
        return told

    def _allowed(self, asked: Asked, signer: Signer, now_us: int) -> Allowed:
        grant = self._grant(asked.case_id, signer, now_us) if asked.case_id else None
        question = Question(asked.resource, asked.key, asked.value, asked.field, asked.expected, asked.purpose)
        if why := self.policy.closed(asked.resource):
            raise VerifyRefused(why)
        return allowed(self.policy.gate.book, question, grant, level=signer.who.level)

    def _grant(self, case_id: str, signer: Signer, now_us: int) -> Grant:
        case = self.cases.case(self.kind, case_id)
        asker, me = case.parties[ASKER], self.cases.me
        if case.parties[PROVIDER].node != me.node:
            raise VerifyRefused(f"request {case.id} is not for {me.node} to answer")
        if (signer.who.node, signer.who.territory.code) != (asker.node, asker.territory):
            raise VerifyRefused(f"request {case.id} is of {asker.node} ({asker.territory}), not of {signer.who.node}")
        grant = grant_of(case)
        if grant is None or not grant.is_live(now_us):
            raise VerifyRefused(f"request {case.id} is {case.state} and gives nothing now: ask for a new grant in time")
        if self.clock_quality().uncertainty_us > CLOCK_UNSURE_US:
            raise VerifyRefused(f"the clock of {me.node} is unsure, and grants have dates: ask again when it is set")
        return grant

    def _looked_up(self, question: Allowed) -> Answer:
        inquiry, after, upto = Inquiry(question), 0, self.journal.last_lsn
        while after < upto:
            batches = self.journal.find(question.resource.code, Span(after, upto), batches_max=BATCHES_READ_MAX, bytes_max=READ_BYTES_MAX)
            for stored in batches:
                if (rows := live_rows(stored, self.policy.gate.regrades)) is not None:
                    inquiry.read(rows)
            after = batches[-1].lsn if batches else upto
        return inquiry.answer

    def hashed(self, text: str) -> str:
        """A subject or a value as it stands in the book."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    def _entry(self, asked: Asked, front: Front, now_us: int, subject: str, answer: str, plan: bytes) -> Told:
        return Told(
            at_us=now_us,
            asker=front.sender,
            by=asked.by,
            resource=asked.resource,
            key=asked.key,
            subject=subject,
            field=asked.field,
            value=self.hashed(asked.expected),
            purpose=asked.purpose,
            request=asked.case_id,
            answer=answer,
            policy=self.policy.version.digest.hex(),
            plan=plan.hex(),
        )
