"""Questions to a node anywhere in the tree, by its id: down to the child that has it below itself, else up, one neighbour at a time.

Owns the way and its bounds. A question that came from above goes down only and none goes back where it came from, so it ends after as many
hops as the tree has levels twice. Who asks is not proved by the way it came: the body of a question carries its own proof. Called by the
requests for data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from node.errors import NodeError
from node.tree.directory import Directory
from node.tree.queries import QueryDesk, QueryError
from node.untrusted import UNREADABLE
from policies.errors import PolicyError
from sync.model import LinkError, SyncError

ROUTE = "route"
"""Verb of the question between neighbours."""
HOPS_MAX = 10
"""Twice the levels: up to the province and down again."""
PASSED_ON_AT_ONCE_MAX = 8
"""Questions that this node passes on at the same time; of one neighbour at most half."""
HOP_MARGIN_MS = 1_500
"""Each hop waits this much less than the one before, so that the reason arrives before the asker gives up."""
WAIT_MS_MAX = 300_000
ERROR_CHARS_MAX = 1_000
BODY_BYTES_MAX = 1 << 20
"""Bytes of a question; answers are bounded like those of any question (node/tree/queries.py)."""

Answering = Callable[[bytes], Awaitable[bytes]]
"""A question's body -> its answer. Raises NodeError, SyncError, PolicyError for a refusal."""

Word = Annotated[str, Meta(min_length=1, max_length=63)]


class Routed(msgspec.Struct, frozen=True):
    """A question on its way."""

    target: Word
    verb: Word
    hops_left: Annotated[int, Meta(ge=0, le=HOPS_MAX)]
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)]
    body: Annotated[bytes, Meta(max_length=BODY_BYTES_MAX)]


class Reply(msgspec.Struct, frozen=True):
    """What comes back: a body, or why there is none and who says so."""

    at: Annotated[str, Meta(max_length=63)]
    body: bytes = b""
    error: Annotated[str, Meta(max_length=ERROR_CHARS_MAX)] = ""


class RouteRefused(LinkError):
    """A question that got no answer: the text says at which node and why."""


@dataclass(slots=True)
class RouteDesk:
    """One node's part of every way."""

    me: str
    parent: str
    """Empty at the top."""
    directory: Directory
    queries: QueryDesk
    answering: dict[str, Answering] = field(default_factory=dict)
    """What this node answers, by verb."""
    _passing: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Hear what neighbours pass on."""
        self.queries.neighbours[ROUTE] = self._heard

    async def ask(self, target: str, verb: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask a node and wait for its answer. Raises RouteRefused naming the node that refused, or that is away."""
        question = Routed(target, verb, HOPS_MAX, min(round(timeout_s * 1_000), WAIT_MS_MAX), body)
        reply = await (self._answered(question) if target == self.me else self._passed_on(question, came_from=""))
        if reply.error:
            raise RouteRefused(f"{reply.at}: {reply.error}")
        return reply.body

    async def _heard(self, peer: str, body: bytes) -> bytes:
        try:
            question = msgspec.msgpack.decode(body, type=Routed)
        except UNREADABLE as error:
            raise QueryError(f"a question on its way does not parse: {error}") from None
        if question.target == self.me:
            return msgspec.msgpack.encode(await self._answered(question))
        if self._passing.total() >= PASSED_ON_AT_ONCE_MAX or self._passing[peer] >= PASSED_ON_AT_ONCE_MAX // 2:
            return msgspec.msgpack.encode(self._error("busy with questions of others: ask again"))
        self._passing[peer] += 1
        try:
            return msgspec.msgpack.encode(await self._passed_on(question, came_from=peer))
        finally:
            self._passing[peer] -= 1

    async def _answered(self, question: Routed) -> Reply:
        answering = self.answering.get(question.verb)
        if answering is None:
            return self._error(f"question {question.verb!r} is not known to this version")
        try:
            return Reply(self.me, await answering(question.body))
        except (NodeError, SyncError, PolicyError) as error:
            return self._error(str(error))

    async def _passed_on(self, question: Routed, *, came_from: str) -> Reply:
        target, wait_ms = question.target, question.wait_ms - HOP_MARGIN_MS
        if question.hops_left < 1 or wait_ms <= 0:
            return self._error(f"{target} is too far: no hops or no time are left")
        following = self._next_to(target, came_from)
        if not following:
            return self._error(f"no node {target} is known here or below; check its id with `yunnao status`, or wait until it was heard of")
        onward = Routed(target, question.verb, question.hops_left - 1, wait_ms, question.body)
        try:
            answer = await self.queries.ask(following, ROUTE, msgspec.msgpack.encode(onward), timeout_s=wait_ms / 1_000)
            return msgspec.msgpack.decode(answer, type=Reply)
        except QueryError as error:
            return self._error(f"{target} cannot be reached, {following} is away: {error}")
        except UNREADABLE as error:
            return self._error(f"{following} gave an answer that does not parse: {error}")

    def _next_to(self, target: str, came_from: str) -> str:
        """The neighbour on the way to `target`; empty when there is none."""
        for child in self.directory.children():
            if target in self.directory.subtree(child):
                return child if child != came_from else ""
        return self.parent if came_from != self.parent else ""

    def _error(self, why: str) -> Reply:
        return Reply(self.me, b"", why[:ERROR_CHARS_MAX])
