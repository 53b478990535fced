"""The asker's side of a question about a supplied value: checks it by its own rules, seals it to the provider, and reads the answer.

Refuses a question that this node's own rules do not allow: both ends enforce. Keeps nothing of the answer. Called by the local API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from node.cases.desk import CaseDesk
from node.cases.kind import Kind
from node.identity.chance import new_nonce
from node.policy.store import PolicyStore
from node.requests.arbiters import WHO, WHO_TIMEOUT_S
from node.requests.envelope import Seal
from node.requests.kind import ASKER, grant_of
from node.tree.routes import RouteDesk
from node.verify.errors import VerifyRefused
from node.verify.letters import Asked, ask_letter, read_answer, recipient_key
from node.verify.telling import VERIFY
from policies.grant import Grant
from policies.verifying import Answer, Question, allowed
from sync.model import Level

ANSWER_TIMEOUT_S = 60.0
"""Two small letters over slow links, and one pass over a large resource."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What this node asks others."""

    cases: CaseDesk
    kind: Kind
    policy: PolicyStore
    routes: RouteDesk
    seal: Seal
    level: Level
    nonce: Callable[[], bytes] = new_nonce

    async def ask(self, asked: Asked, *, provider: str) -> Answer:
        """What `provider` says. Raises VerifyError, CaseError, PolicyError, RouteRefused."""
        me = self.cases.me.node
        if provider == me:
            raise VerifyRefused(f"question refused: {provider} is this node; what it holds it need not ask for")
        grant = await self._grant(asked.case_id) if asked.case_id else None
        question = Question(asked.resource, asked.key, asked.value, asked.field, asked.expected, asked.purpose)
        await asyncio.to_thread(allowed, self.policy.gate.book, question, grant, level=self.level)
        pem = await self.routes.ask(provider, WHO, b"", timeout_s=WHO_TIMEOUT_S)
        target, nonce = await asyncio.to_thread(recipient_key, pem, provider, self.seal), self.nonce()
        letter = await asyncio.to_thread(ask_letter, asked, sender=me, recipient=provider, nonce=nonce, target=target, seal=self.seal)
        answer = await self.routes.ask(provider, VERIFY, letter, timeout_s=ANSWER_TIMEOUT_S)
        return await asyncio.to_thread(read_answer, answer, me=me, provider=provider, nonce=nonce, seal=self.seal)

    async def _grant(self, case_id: str) -> Grant:
        await self.cases.follow()
        case = await asyncio.to_thread(self.cases.case, self.kind, case_id)
        grant = grant_of(case)
        if grant is None or case.parties[ASKER].node != self.cases.me.node:
            raise VerifyRefused(f"request {case_id} of {case.parties[ASKER].node} is {case.state}: nothing can be asked under it here")
        return grant
