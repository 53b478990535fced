"""Questions along the links: a parent asks its children, each answers from itself and its own children."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from policies.errors import PolicyError
from sync.core.messages import Answer, Query
from sync.model import LinkError, SyncError

log = logging.getLogger("yunnao.queries")

ANSWERS_AT_ONCE_MAX = 16
"""Questions of the parent being answered at the same time; more are refused."""

ANSWER_BYTES_MAX = 15 << 20
"""Bytes of one answer; what carries it on the link stays below the frame limit."""

_UNKNOWN = "is not known to this version"
"""How every version so far says that it does not know a question."""

Handler = Callable[[bytes], Awaitable[bytes]]
NeighbourHandler = Callable[[str, bytes], Awaitable[bytes]]
"""(peer that asks, its question) -> answer."""


class QueryError(LinkError):
    """A question was not answered; the text says by whom and why."""


class QueryUnknown(QueryError):
    """The other side runs a program that does not know the question."""


@dataclass(slots=True)
class QueryDesk:
    """Open questions in both directions. `tell` queues a message for a peer and is set by the node once links exist."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    neighbours: dict[str, NeighbourHandler] = field(default_factory=dict)
    """Questions that a child may put to this node as well as the parent."""
    tell: Callable[[str, Query], bool] = lambda peer, message: False
    _waiting: dict[tuple[str, int], asyncio.Future[bytes]] = field(default_factory=dict)
    _answering: set[asyncio.Task[None]] = field(default_factory=set)
    _next_id: int = 1

    async def ask(self, child: str, verb: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask a child and wait for its answer; raises QueryError when there is no link, no answer in time, or a refusal."""
        query = Query(self._next_id, verb, body)
        self._next_id += 1
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[(child, query.id)] = waiting
        try:
            if not self.tell(child, query):
                raise QueryError(f"{child} has no link")
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            raise QueryError(f"{child} did not answer in {timeout_s:g} s") from None
        finally:
            del self._waiting[(child, query.id)]

    def asked_by(self, peer: str, query: Query, reply: Callable[[Answer], object]) -> None:
        """A question that either neighbour may ask; one that only the parent may is not answered to a child."""
        handler = self.neighbours.get(query.verb)
        if handler is None:
            reply(Answer(query.id, b"", f"question {query.verb!r} is not for a child to ask, or not known to this version"))
        else:
            self._begin(lambda body: handler(peer, body), query, reply)

    def asked(self, query: Query, reply: Callable[[Answer], object]) -> None:
        """A question of the parent: answer it in a task of its own."""
        handler = self.handlers.get(query.verb)
        if handler is None:
            reply(Answer(query.id, b"", f"question {query.verb!r} {_UNKNOWN}"))
        else:
            self._begin(handler, query, reply)

    def _begin(self, handler: Handler, query: Query, reply: Callable[[Answer], object]) -> None:
        if len(self._answering) >= ANSWERS_AT_ONCE_MAX:
            reply(Answer(query.id, b"", f"busy with {ANSWERS_AT_ONCE_MAX} questions, ask again"))
            return
        task = asyncio.get_running_loop().create_task(self._answer(handler, query, reply))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def answered(self, child: str, answer: Answer) -> None:
        """A child's answer; one that nobody waits for any more is dropped."""
        waiting = self._waiting.get((child, answer.id))
        if waiting is None or waiting.done():
            return
        if answer.error:
            kind = QueryUnknown if answer.error.endswith(_UNKNOWN) else QueryError
            waiting.set_exception(kind(f"{child} refused: {answer.error}"))
        else:
            waiting.set_result(answer.body)

    def lost(self, peer: str) -> None:
        """The link to `peer` is gone: whoever waits for it hears so at once."""
        for (child, _), waiting in self._waiting.items():
            if child == peer and not waiting.done():
                waiting.set_exception(QueryError(f"the link to {peer} went down"))

    async def _answer(self, handler: Handler, query: Query, reply: Callable[[Answer], object]) -> None:
        try:
            body = await handler(query.body)
            if len(body) > ANSWER_BYTES_MAX:
                raise QueryError(f"the answer has {len(body)} bytes, at most {ANSWER_BYTES_MAX}: ask for less")
            reply(Answer(query.id, body))
        except (SyncError, PolicyError) as error:
            reply(Answer(query.id, b"", str(error)))
