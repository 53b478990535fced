"""A node complies before anything is read: rows, copies, marts and traces go, numbers stay accounted for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from node.audit.errors import AuditRefused
from node.errors import NodeError
from node.recall.desk import PENDING
from node.recall.eraser import Kept
from node.recall.orders import Order
from node.recall.views import RecallViews
from node.store.mart import MartError
from policies.words import Verdict
from sync.core.engine import Engine
from sync.model import Instant, State
from tests.node.recall.holder import CANARY, RESOURCE, Holder, Issuing, air, entry, states


async def test_what_others_made_goes_and_the_own_stays(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        assert "NL-1 recalls" in desk.refusal(RESOURCE)
        assert desk.troubles() == [PENDING]
        await desk.round()
        assert (desk.refusal(RESOURCE), desk.fault) == ("", "")
    assert qingdao.values() == [5.0, 7.0, 200.0]
    assert states(qingdao) == [
        ("badaguan", 1, 1, State.PRESENT),
        ("badaguan", 2, 2, State.RECALLED),
        ("badaguan", 3, 3, State.PRESENT),
        ("qingdao", 1, 1, State.PRESENT),
    ]
    assert qingdao.shelf.journal.verify() == []


async def test_who_made_something_of_own_records_lets_it_go_before_the_order_counts_as_carried_out(
    qingdao: Holder, province: Issuing
) -> None:
    province.list(entry())
    told: list[int] = []
    is_busy = True

    async def forget(kept: Kept) -> None:
        if is_busy:
            raise NodeError("watch.db is being read")
        told.append(kept.records)

    async with qingdao.running() as desk:
        desk.on_kept = forget
        qingdao.take(province)
        await desk.round()
        assert ("watch.db is being read" in desk.fault, desk.troubles()) == (True, [PENDING])
        is_busy = False
        await desk.round()
        await desk.round()
    assert (told, desk.troubles()) == ([1], [])


async def test_nothing_is_erased_before_it_is_entered_and_what_came_of_it_is_entered_once(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    told: list[tuple[str, dict[str, int | str]]] = []
    is_full = True

    async def enter(order: Order, word: str, counts: Mapping[str, int | str]) -> None:
        if is_full:
            raise AuditRefused("the audit log takes no entry")
        told.append((f"{order.entry.id} {word}", {name: value for name, value in counts.items() if name != "root"}))

    async with qingdao.running() as desk:
        desk.noting = enter
        qingdao.take(province)
        await desk.round()
        assert ("takes no entry" in desk.fault, told) == (True, [])
        assert qingdao.values() == [5.0, 7.0, 150.0, 200.0]
        is_full = False
        await desk.round()
        await desk.round()
    assert told == [("NL-1 begun", {}), ("NL-1 done", {"erased": 1, "masked": 0, "kept": 1})]
    assert qingdao.values() == [5.0, 7.0, 200.0]


@pytest.mark.slow
async def test_nothing_is_read_until_the_node_complied(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        await qingdao.marts.ask(RESOURCE, lambda mart: mart.built_to(RESOURCE))
        qingdao.take(province)
        with pytest.raises(MartError, match="has not complied yet"):
            await qingdao.marts.ask(RESOURCE, lambda mart: mart.built_to(RESOURCE))
        assert desk.refusal("traffic") == ""
        await desk.round()
        counted = await qingdao.marts.ask(RESOURCE, lambda mart: mart.query(f"SELECT count(*) n FROM {mart.table(RESOURCE)}"))
        assert counted["n"].to_pylist() == [3]


@pytest.mark.slow
async def test_no_file_of_the_node_keeps_the_value(qingdao: Holder, province: Issuing) -> None:
    for number in range(40):
        qingdao.hold(air(float(number), text=f"other words {number} " * 300), origin="badaguan", distance=2)
    province.list(entry(predicate="value < 1000", fields=()))
    async with qingdao.running() as desk:
        await qingdao.marts.ask(RESOURCE, lambda mart: mart.built_to(RESOURCE))
        assert qingdao.traces(CANARY.encode())
        qingdao.take(province)
        await desk.round()
        assert (desk.fault, qingdao.traces(CANARY.encode())) == ("", [])
    assert qingdao.traces(CANARY.encode()) == []


async def test_copies_and_damaged_copies_of_the_rows_go_too(qingdao: Holder, province: Issuing) -> None:
    qingdao.hold(air(150.0, 1.0, text=CANARY), origin="badaguan", distance=2, duplicate=True)
    damaged = qingdao.hold(air(160.0, text=CANARY), origin="badaguan", distance=2)
    province.list(entry())
    async with qingdao.running() as desk:

        def set_aside(engine: Engine, now: Instant) -> None:
            engine.set_aside(damaged)

        await qingdao.runtime.ask(set_aside)
        qingdao.take(province)
        await desk.round()
        shown = RecallViews(desk).shown("NL-1")
    assert (shown["own"]["stores"]["journal_rows"], shown["own"]["stores"]["damaged_copies"]) == (2, 1)
    assert b"" in [row[0] for row in qingdao.shelf.journal.look("test", lambda db: db.execute("SELECT payload FROM aside").fetchall())]
    assert qingdao.shelf.journal.batch(3).duplicates == (0, 1)  # type: ignore[union-attr]


async def test_an_entry_without_predicate_takes_every_record_of_others(qingdao: Holder, province: Issuing) -> None:
    province.list(entry(predicate=""))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
    assert qingdao.values() == [200.0]
    assert qingdao.shelf.journal.batch(1).batch.payload == b""  # type: ignore[union-attr]
    assert qingdao.shelf.journal.verify() == []


async def test_an_entry_that_masks_leaves_the_record_without_the_value(qingdao: Holder, province: Issuing) -> None:
    province.list(entry(effect=Verdict.DENY, fields=("text",)))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        own = RecallViews(desk).shown("NL-1")["own"]
    assert (own["erased"], own["masked"], own["kept"]) == (0, 1, 1)
    assert qingdao.values() == [5.0, 7.0, 150.0, 200.0]
    assert qingdao.shelf.journal.batch(1).is_replaced  # type: ignore[union-attr]
