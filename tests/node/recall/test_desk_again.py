"""What is begun is gone on from: a crash between two steps, a second start, an order that comes once more, a batch that comes back."""

from __future__ import annotations

import pytest

from node.recall.desk import RecallDesk
from node.recall.errors import RecallError
from node.recall.views import RecallViews
from node.store import recalled
from sync.core.engine import Engine
from sync.model import Instant
from tests.node.recall.holder import RESOURCE, Holder, Issuing, air, entry


@pytest.mark.parametrize("step", ["keep_note", "walk", "_wipe", "leave_no_trace", "receipt", "tell"])
async def test_a_crash_between_two_steps_is_gone_on_from(
    qingdao: Holder, province: Issuing, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        with monkeypatch.context() as broken:
            _break(broken, desk, step)
            await desk.round()
        assert "power cut" in desk.fault
    async with qingdao.running() as again:
        assert bool(again.refusal(RESOURCE)) == (step != "tell")
        await again.round()
        own = RecallViews(again).shown("NL-1")["own"]
        assert (again.refusal(RESOURCE), again.fault) == ("", "")
    assert (own["erased"], own["kept"], own["stores"]["journal_rows"]) == (1, 1, 1)
    assert qingdao.values() == [5.0, 7.0, 200.0]


def _break(broken: pytest.MonkeyPatch, desk: RecallDesk, step: str) -> None:
    """Let the desk fail at one step, once what comes before it is durable."""

    async def fail(*values: object, **named: object) -> None:
        raise RecallError("power cut")

    def fail_now(*values: object) -> None:
        raise RecallError("power cut")

    kind = type(desk.eraser)
    match step:
        case "keep_note":
            broken.setattr(recalled, "keep_note", fail_now)
        case "receipt":
            broken.setattr("node.recall.desk.receipt_of", fail_now)
        case "tell":
            broken.setattr(type(desk.cases), "open", fail)
        case _:
            broken.setattr(kind, step, fail)


async def test_the_same_node_gives_the_same_root_whenever_it_is_asked(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        first = RecallViews(desk).shown("NL-1")
    async with qingdao.running() as again:
        await again.round()
        assert RecallViews(again).shown("NL-1")["own"]["root"] == first["own"]["root"]
    assert len(first["own"]["root"]) == 64


async def test_an_order_that_is_in_force_once_more_is_carried_out_once_more(qingdao: Holder, province: Issuing) -> None:
    listed = entry()
    province.list(listed)
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        province.list()
        qingdao.take(province)
        await desk.round()
        province.list(listed)
        qingdao.take(province)
        assert "NL-1 recalls" in desk.refusal(RESOURCE)
        await desk.round()
        assert (desk.refusal(RESOURCE), desk.troubles()) == ("", [])
    assert qingdao.values() == [5.0, 7.0, 200.0]


async def test_what_comes_back_whole_is_closed_until_whichever_life_looked_at_it_again(qingdao: Holder, province: Issuing) -> None:
    damaged = qingdao.hold(air(160.0, 3.0), origin="badaguan", distance=2)
    province.list(entry())
    async with qingdao.running() as desk:

        def set_aside(engine: Engine, now: Instant) -> None:
            engine.set_aside(damaged)

        def put_back(engine: Engine, now: Instant) -> None:
            engine.put_back(damaged, was_told=False, passed=frozenset(), now=now)

        await qingdao.runtime.ask(set_aside)
        qingdao.take(province)
        await desk.round()
        await qingdao.runtime.ask(put_back)
        assert 160.0 in qingdao.values()
        assert "NL-1 recalls" in desk.refusal(RESOURCE)
    async with qingdao.running() as again:
        assert "NL-1 recalls" in again.refusal(RESOURCE)
        await again.round()
        assert (again.refusal(RESOURCE), qingdao.values()) == ("", [3.0, 5.0, 7.0, 200.0])
    async with qingdao.running() as later:
        assert later.refusal(RESOURCE) == ""
    assert qingdao.shelf.journal.verify() == []
