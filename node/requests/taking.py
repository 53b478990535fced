"""The asker's side of a fetch: asks the provider for the next page, proves who answered, and checks the rows by its own rules.

Refuses a page beyond the grant as this node knows it, and one that its own policy closes: both ends enforce. Keeps no row: what a grant
gives is for its purpose and is no record of this node. That somebody has it is entered first (fetched.py). Called by the local API.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from node.cases.desk import CaseDesk
from node.cases.kind import Case, Kind
from node.clock import Clock
from node.identity.chance import new_nonce
from node.policy.store import PolicyStore
from node.requests.envelope import Cursor, PageBody, Question, Seal, ask_paper, read_page
from node.requests.errors import FetchRefused
from node.requests.fetched import Fetched, FetchedPage
from node.requests.giving import FETCH, PAGE_ROWS_MAX, case_among
from node.requests.kind import ASKER, PROVIDER, ask_of, grant_of, standing
from node.tree.routes import RouteDesk
from policies.grant import Grant
from policies.granting import check_given
from sync.model import DEFAULT_LIMITS, Level
from sync.wire.payload import decode_payload

ANSWER_TIMEOUT_S = 120.0
"""A page over two links of 50 kbit/s and back."""

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TakenPage:
    """A page of a provider, checked by the rules of this node."""

    case: Case
    body: PageBody
    rows: pa.RecordBatch | None
    """None: no row is on it."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What this node fetches under grants to it."""

    cases: CaseDesk
    kind: Kind
    policy: PolicyStore
    routes: RouteDesk
    seal: Seal
    level: Level
    clock: Clock
    nonce: Callable[[], bytes] = new_nonce
    others: Kind | None = None
    """Another kind of cases that give like requests: emergencies."""
    fetched: Fetched | None = None
    """Where pages are entered before a person has them; always there at a node."""

    async def case(self, case_id: str) -> Case:
        """What is fetched under; raises CaseError."""
        await self.cases.follow()
        return await asyncio.to_thread(case_among, self.cases, self.kind, self.others, case_id)

    async def page(
        self, case_id: str, cursor: Cursor, *, by: str, verb: str = FETCH, paper: Callable[[Question, Seal], bytes] = ask_paper
    ) -> tuple[pa.RecordBatch | None, Plain]:
        """The rows behind `cursor`, None for none, and how it goes on. Raises CaseError, RouteRefused, PolicyError, WireError.

        Another `verb` with its `paper` asks for what else is given as a page.
        """
        taken = await self.taken(case_id, cursor, by=by, verb=verb, paper=paper)
        await asyncio.to_thread(self.enter, taken, by)
        body = taken.body
        facts = {
            "withheld": body.withheld,
            "masks": body.masks,
            "after_lsn": body.following.after_lsn,
            "skip_rows": body.following.skip_rows,
        }
        return taken.rows, facts | {"upto_lsn": body.following.upto_lsn, "is_last": body.is_last}

    async def taken(
        self, case_id: str, cursor: Cursor, *, by: str, verb: str, paper: Callable[[Question, Seal], bytes],
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> TakenPage:  # fmt: skip
        """An answer, proved and checked; nobody may have it before `enter`. Raises CaseError, RouteRefused, PolicyError, WireError."""
        case = await self.case(case_id)
        grant, provider = self._grant(case), case.parties[PROVIDER]
        question = Question(case_id=case.id, provider=provider.node, asker=self.cases.me.node, by=by, nonce=self.nonce(), cursor=cursor)
        asked = await asyncio.to_thread(paper, question, self.seal)
        answer = await self.routes.ask(provider.node, verb, asked, timeout_s=timeout_s)
        body, who = await asyncio.to_thread(read_page, answer, question, self.seal)
        if who.territory.code != provider.territory:
            raise FetchRefused(f"page refused: it is of {who.node} of {who.territory.code}, the request went to {provider.territory}")
        return TakenPage(case, body, await asyncio.to_thread(self._rows, body.payload, grant))

    def enter(self, taken: TakenPage, by: str) -> None:
        """Note who gets a page: a recall asks for it. Blocking; raises FetchRefused."""
        if taken.rows is None or self.fetched is None:
            return
        case, digest = taken.case, hashlib.sha256(taken.body.payload).hexdigest()
        resource, provider = ask_of(case).resource, case.parties[PROVIDER].node
        self.fetched.enter(FetchedPage(self.clock.wall_us(), case.id, provider, by, resource, taken.rows.num_rows, digest))

    def _grant(self, case: Case) -> Grant:
        if case.parties[ASKER].node != self.cases.me.node:
            raise FetchRefused(f"request {case.id} was asked by {case.parties[ASKER].node}: fetch it there")
        grant = grant_of(case)
        if grant is None:
            raise FetchRefused(f"request {case.id} is {case.state}: nothing can be fetched; `yunnao request show {case.id}` says why")
        found = standing(case, self.clock.wall_us())
        if not grant.is_live(self.clock.wall_us()):
            raise FetchRefused(f"the grant of request {case.id} is {found.value if found else case.state}: ask for a new one in time")
        return grant

    def _rows(self, payload: bytes, grant: Grant) -> pa.RecordBatch | None:
        if not payload:
            return None
        rows = decode_payload(payload, decoded_bytes_max=DEFAULT_LIMITS.decoded_bytes_max, rows_max=PAGE_ROWS_MAX)
        check_given(self.policy.gate.book, grant, rows, level=self.level)
        return rows
