"""Questions along links: every one ends, with an answer, a refusal, or a reason for silence."""

from __future__ import annotations

import asyncio

import pytest

from node.tree.queries import ANSWER_BYTES_MAX, ANSWERS_AT_ONCE_MAX, QueryDesk, QueryError
from policies.errors import PolicyError
from sync.core.messages import Answer, Query
from sync.model import SyncError
from tests.node.station import until


class Wire:
    """Notes what is told, and says whether there is a link."""

    def __init__(self, *, is_up: bool = True) -> None:
        self.told: list[tuple[str, Query]] = []
        self._is_up = is_up

    def __call__(self, peer: str, query: Query) -> bool:
        self.told.append((peer, query))
        return self._is_up


async def asked(desk: QueryDesk, wire: Wire) -> asyncio.Task[bytes]:
    task = asyncio.create_task(desk.ask("grid-1", "summary", b"{}", timeout_s=30.0))
    await until(lambda: bool(wire.told))
    return task


async def test_an_answer_reaches_whoever_asked() -> None:
    desk = QueryDesk(tell=(wire := Wire()))
    task = await asked(desk, wire)
    desk.answered("grid-1", Answer(wire.told[0][1].id, b"42"))
    assert await task == b"42"


async def test_an_answer_of_another_child_is_dropped() -> None:
    desk = QueryDesk(tell=(wire := Wire()))
    task = await asked(desk, wire)
    desk.answered("grid-2", Answer(wire.told[0][1].id, b"forged"))
    desk.answered("grid-1", Answer(999, b"stray"))
    desk.answered("grid-1", Answer(wire.told[0][1].id, b"42"))
    assert await task == b"42"


async def test_a_second_answer_and_a_late_one_are_dropped() -> None:
    desk = QueryDesk(tell=(wire := Wire()))
    task = await asked(desk, wire)
    for body in (b"first", b"second"):
        desk.answered("grid-1", Answer(wire.told[0][1].id, body))
    assert await task == b"first"
    desk.answered("grid-1", Answer(wire.told[0][1].id, b"late"))


async def test_a_question_that_is_never_answered_ends_by_itself() -> None:
    desk = QueryDesk(tell=Wire())
    with pytest.raises(QueryError, match=r"did not answer in 0\.01 s"):
        await desk.ask("grid-1", "summary", b"{}", timeout_s=0.01)
    assert desk._waiting == {}


async def test_a_child_without_a_link_is_named_at_once() -> None:
    with pytest.raises(QueryError, match="grid-1 has no link"):
        await QueryDesk(tell=Wire(is_up=False)).ask("grid-1", "summary", b"{}", timeout_s=30.0)


async def test_whoever_waits_hears_that_the_link_went_down() -> None:
    desk = QueryDesk(tell=(wire := Wire()))
    task = await asked(desk, wire)
    desk.lost("grid-2")
    desk.lost("grid-1")
    with pytest.raises(QueryError, match="link to grid-1 went down"):
        await task


async def test_a_refusal_carries_its_reason() -> None:
    desk = QueryDesk(tell=(wire := Wire()))
    task = await asked(desk, wire)
    desk.answered("grid-1", Answer(wire.told[0][1].id, b"", "not in the catalogue"))
    with pytest.raises(QueryError, match="grid-1 refused: not in the catalogue"):
        await task


async def reply_of(desk: QueryDesk, verb: str = "summary") -> Answer:
    replies: asyncio.Queue[Answer] = asyncio.Queue()
    desk.asked(Query(5, verb, b"{}"), replies.put_nowait)
    return await replies.get()


async def test_an_unknown_question_is_refused() -> None:
    assert (await reply_of(QueryDesk(), "launch")).error == "question 'launch' is not known to this version"


@pytest.mark.parametrize("failure", [SyncError("no such window"), PolicyError("no such window")])
async def test_a_handler_that_refuses_is_answered_with_its_reason(failure: Exception) -> None:
    async def handler(body: bytes) -> bytes:
        raise failure

    assert (await reply_of(QueryDesk({"summary": handler}))).error == "no such window"


async def test_an_answer_too_large_for_the_link_is_refused_before_it_leaves() -> None:
    async def handler(body: bytes) -> bytes:
        return bytes(ANSWER_BYTES_MAX + 1)

    found = await reply_of(QueryDesk({"summary": handler}))
    assert found.body == b""
    assert "ask for less" in found.error


async def test_questions_beyond_the_bound_are_refused_as_busy() -> None:
    release = asyncio.Event()

    async def handler(body: bytes) -> bytes:
        await release.wait()
        return b"done"

    desk = QueryDesk({"summary": handler})
    replies: list[Answer] = []
    for number in range(ANSWERS_AT_ONCE_MAX + 1):
        desk.asked(Query(number, "summary", b""), replies.append)
    assert [(answer.id, "busy" in answer.error) for answer in replies] == [(ANSWERS_AT_ONCE_MAX, True)]
    release.set()
    await asyncio.gather(*desk._answering)
    assert len(replies) == ANSWERS_AT_ONCE_MAX + 1
