"""A node complies before anything is read: rows, copies, marts and traces go, numbers stay accounted for, receipts are said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node.audit.errors import AuditRefused
from node.cases.desk import CaseDesk
from node.errors import NodeError
from node.identity.bundle_seal import BundleSeal
from node.recall.closure import open_lists
from node.recall.desk import OPEN, PENDING, RecallDesk
from node.recall.eraser import Kept
from node.recall.errors import RecallError, RecallUnknown
from node.recall.kind import RECALL
from node.recall.orders import Order
from node.recall.views import RecallViews
from node.store import recalled
from node.store.mart import MartError
from policies.entry import Retroactive
from policies.words import Verdict, Way
from sync.core.engine import Engine
from sync.model import Batch, ClockQuality, Direction, Instant, Lane, Level, Span, State
from sync.model.writes import OutMark, SetOutMark
from sync.wire.payload import unfold_payload
from tests.contracts.batches import entry as ledger_entry
from tests.contracts.batches import run
from tests.node.cases.town import Town
from tests.node.identity.family import DAY_US, NOW_US, StandingClock
from tests.node.recall.holder import RESOURCE, Holder, Issuing, air, entry, new_seal
from tests.policies.city import city

PARENTS = {"badaguan": "shinan", "shinan": "qingdao", "qingdao": "shandong"}
CANARY = "kzq7-canary-w0v3n-19x"


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> BundleSeal:
    return new_seal(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def province(seal: BundleSeal) -> Issuing:
    return Issuing(seal)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [RECALL], [city().resources["recalls"]])
    yield town
    for office in town.offices.values():
        office.shelf.journal.close()


@pytest.fixture
def holder(tmp_path: Path, province: Issuing, town: Town, clock: StandingClock) -> Iterator[Callable[..., Holder]]:
    made: list[Holder] = []

    def make(node: str, level: Level, cases: CaseDesk) -> Holder:
        made.append(Holder(tmp_path / "nodes", node, level, province, cases, clock=clock))
        return made[-1]

    yield make
    for one in made:
        one.shelf.journal.close()


@pytest_asyncio.fixture
async def qingdao(holder: Callable[..., Holder], town: Town) -> AsyncIterator[Holder]:
    town.add("shandong", "37")
    city = holder("qingdao", Level.MUNICIPAL, town.add("qingdao", "3702", "shandong"))
    city.hold(air(5.0, 150.0, 7.0, text=CANARY), origin="badaguan", distance=2)
    city.hold(air(200.0), origin="qingdao", distance=0)
    yield city


def states(one: Holder) -> list[tuple[str, int, int, State]]:
    streams = one.shelf.journal.recover().streams
    return [(stream.origin, part.first, part.last, part.state) for stream, found in sorted(streams.items()) for part in found]


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


@pytest.mark.parametrize(
    "change",
    [
        {"levels": (Level.PROVINCIAL,)},
        {"ways": (Way.RETURN,)},
        {"retroactive": Retroactive.NONE},
        {"retroactive": Retroactive.STOP},
        {"approver": ""},
        {"valid_from_us": NOW_US + 1},
    ],
)
async def test_what_the_entry_does_not_mean_stays(qingdao: Holder, province: Issuing, change: dict[str, Any]) -> None:
    province.list(entry(**change))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert desk.refusal(RESOURCE) == ""
    assert qingdao.values() == [5.0, 7.0, 150.0, 200.0]


async def test_an_order_that_was_missed_is_carried_out_after_the_entrys_end(
    qingdao: Holder, province: Issuing, clock: StandingClock
) -> None:
    province.list(entry(valid_to_us=NOW_US + DAY_US))
    async with qingdao.running() as desk:
        clock.us = NOW_US + 30 * DAY_US
        qingdao.take(province)
        await desk.round()
    assert qingdao.values() == [5.0, 7.0, 200.0]


async def test_a_clock_in_doubt_closes_the_resource_and_erases_nothing(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        qingdao.quality = ClockQuality(0, 10**12)
        await desk.round()
        assert "clock is in doubt" in desk.fault
        assert desk.refusal(RESOURCE)
        assert len(qingdao.values()) == 4
        qingdao.quality = ClockQuality()
        await desk.round()
        assert (desk.fault, len(qingdao.values())) == ("", 3)


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


def comes(one: Holder, batch: Batch, *, backfill: bool = False) -> list[float]:
    """The values of a batch that would be stored if it came now."""
    header = replace(batch.header, backfill=backfill)
    rows = unfold_payload(batch.payload)
    left = one.pipeline.recalled(replace(batch, header=header), rows)
    kept = rows if left is None else unfold_payload(left.payload)
    return [float(value) for value in kept.column("value").to_pylist() if value is not None]


@pytest.mark.parametrize("later_days", [0, 185])
async def test_recalled_numbers_are_stored_for_nobody_while_the_order_is_in_force(
    qingdao: Holder, province: Issuing, clock: StandingClock, *, later_days: int
) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry())
    async with qingdao.running() as desk:
        assert comes(qingdao, batch) == [5.0, 150.0, 7.0]
        qingdao.take(province)
        await desk.round()
    clock.us += later_days * DAY_US
    async with qingdao.running():
        assert comes(qingdao, batch) == comes(qingdao, batch, backfill=True) == [5.0, 7.0]


@pytest.mark.parametrize("how", ["revoked", "ended"])
async def test_once_the_order_is_over_a_backfill_may_bring_them_and_old_copies_may_not(
    qingdao: Holder, province: Issuing, clock: StandingClock, how: str
) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry(valid_to_us=NOW_US + 10 * DAY_US))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        if how == "revoked":
            province.list()
            qingdao.take(province)
        else:
            clock.us += 101 * DAY_US
            desk.look()
        await desk.round()
        assert comes(qingdao, batch) == [5.0, 7.0]
        assert comes(qingdao, batch, backfill=True) == [5.0, 150.0, 7.0]


async def test_a_clock_in_doubt_ends_no_order(qingdao: Holder, province: Issuing, clock: StandingClock) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry(valid_to_us=NOW_US + 10 * DAY_US))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        clock.us += 101 * DAY_US
        desk.clock_quality = lambda: ClockQuality(0, 10 * 60_000_000)
        desk.look()
        await desk.round()
        assert comes(qingdao, batch, backfill=True) == [5.0, 7.0]


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


async def test_a_batch_that_comes_back_whole_is_looked_at_again(qingdao: Holder, province: Issuing) -> None:
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
        desk.repaired(RESOURCE)
        assert desk.refusal(RESOURCE)
        await desk.round()
    assert qingdao.values() == [3.0, 5.0, 7.0, 200.0]
    assert qingdao.shelf.journal.verify() == []


@pytest.mark.slow
async def test_receipts_follow_the_ledgers_until_everybody_answered(
    holder: Callable[..., Holder], town: Town, province: Issuing
) -> None:
    desks = {"shandong": town.add("shandong", "37")}
    for node, territory, parent in (("qingdao", "3702", "shandong"), ("shinan", "370202", "qingdao"), ("badaguan", "370202006", "shinan")):
        desks[node] = town.add(node, territory, parent)
    levels = {"shandong": Level.PROVINCIAL, "qingdao": Level.MUNICIPAL, "shinan": Level.DISTRICT, "badaguan": Level.STREET}
    nodes = {node: holder(node, level, desks[node]) for node, level in levels.items()}
    for distance, node in enumerate(reversed(levels)):
        stored = nodes[node].hold(air(5.0, 150.0), origin="badaguan", distance=distance)
        source = [*levels, "badaguan"][[*levels].index(node) + 1]
        parent = PARENTS.get(node, "")
        _as_sent(nodes[node], source, parent, last=2, lsn=stored.lsn)
    province.list(entry())
    async with AsyncExitStack() as stack:
        rooms = {node: await stack.enter_async_context(one.running()) for node, one in nodes.items()}
        for node in ("shandong", "badaguan", "qingdao"):
            nodes[node].take(province)
            await rooms[node].round()
        await town.carry()
        top = rooms["shandong"]
        await top.round()
        shown = RecallViews(top).shown("NL-1")
        assert (shown["expected"], shown["answered"], shown["missing"]) == (4, 3, ["shinan"])
        assert top.troubles() == [OPEN]
        assert (shown["is_open"], RecallViews(rooms["badaguan"]).shown("NL-1")["is_open"]) == (True, False)
        nodes["shinan"].take(province)
        await rooms["shinan"].round()
        await town.carry()
        await top.round()
        shown = RecallViews(top).shown("NL-1")
        assert (shown["share"], shown["missing"], top.troubles()) == (1.0, [], [])
        assert {one["node"]: (one["erased"], one["kept"], one["onward"]) for one in shown["receipts"]} == {
            "shandong": (1, 0, {}), "qingdao": (1, 0, {"shandong": 1}), "shinan": (1, 0, {"qingdao": 1}), "badaguan": (0, 1, {"shinan": 1}),
        }  # fmt: skip
        with pytest.raises(RecallUnknown, match="NL-2"):
            RecallViews(top).shown("NL-2")
    assert list(open_lists(top.cases.register.cases(RECALL, limit=10))) == [shown["order"]]


def _as_sent(one: Holder, source: str, parent: str, *, last: int, lsn: int) -> None:
    """Let a holder's books say that its batch came from `source` and went to `parent`."""
    journal = one.shelf.journal
    journal.enter("test", lambda db: db.execute("UPDATE batch SET source = ? WHERE lsn = ?", (source, lsn)))
    if not parent:
        return
    made = ledger_entry(Span(0, lsn), [replace(run(1, last, origin="badaguan"), incarnation=7)], peer=parent)
    mark = SetOutMark(parent, Direction.UP, Lane.BULK, OutMark(lsn, 0, lsn))
    journal.commit([replace(made, entry=replace(made.entry, resource=RESOURCE)), mark])


async def test_a_resource_that_an_order_means_only_later_is_recalled_then(qingdao: Holder, province: Issuing) -> None:
    whole = province.bundle.contents.catalogue
    province.list(entry(resource="air-*"))
    province.catalogue([resource for resource in whole if resource.code != RESOURCE])
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert (desk.refusal(RESOURCE), len(qingdao.values())) == ("", 4)
        province.catalogue(whole)
        qingdao.take(province)
        assert desk.refusal(RESOURCE)
        await desk.round()
        assert RecallViews(desk).shown("NL-1")["own"]["erased"] == 1
    assert qingdao.values() == [5.0, 7.0, 200.0]


async def test_a_revoked_entry_is_an_order_no_more(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        assert desk.refusal(RESOURCE)
        province.list()
        qingdao.take(province)
        assert (desk.refusal(RESOURCE), desk.troubles()) == ("", [])
        await desk.round()
        assert RecallViews(desk).listed() == []
    assert len(qingdao.values()) == 4


async def test_totals_over_what_was_recalled_are_marked(qingdao: Holder, province: Issuing) -> None:
    derived = next(resource for resource in province.bundle.contents.catalogue if resource.derived is not None)
    assert derived.derived is not None
    province.list(entry(resource=derived.derived.source, predicate=""))
    async with qingdao.running() as desk:
        qingdao.take(province)
        assert desk.withdrawn(derived.code) == []
        await desk.round()
        (one,) = desk.withdrawn(derived.code)
        assert (one["source"], one["until_us"]) == (derived.derived.source, NOW_US)
        assert desk.withdrawn(RESOURCE) == []
        assert RecallViews(desk).shown("NL-1")["withdrawn"] == [derived.code]


async def test_summaries_over_what_was_recalled_say_so(qingdao: Holder, province: Issuing) -> None:
    province.list(entry(predicate=""))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert [one["source"] for one in desk.withdrawn(RESOURCE, is_summary=True)] == [RESOURCE]
        assert desk.withdrawn("traffic-flow", is_summary=True) == []


@pytest.mark.parametrize(("grade", "is_marked"), [(2, False), (4, True)])
async def test_totals_and_summaries_over_a_record_that_was_raised_are_marked_where_it_may_not_be_held_as_before(
    qingdao: Holder, province: Issuing, grade: int, is_marked: bool
) -> None:
    province.regrade(RESOURCE, grade, origin="badaguan")
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert bool(desk.withdrawn(RESOURCE, is_summary=True)) is is_marked
