"""Three real nodes: what the one in the middle may not hold goes past it, is counted by envelope there and by record at the street."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from node.identity.files import IdentityFiles
from node.sealed.letter import opened_letter
from node.store.records import decode_rows
from policies.catalogue import ENVELOPES, Scalar
from simulations.leaks import find_values
from sync.core.inbox import empty_header
from sync.model import NO_ROWS, Batch, Direction, Fate, Level, RunMap, State, Stream
from tests.node.rot import away
from tests.node.sealed.line import Line, run, seal_of
from tests.policies.test_sealed import city_gate, entry

STREET, OTHER = "370202001", "370202002"
CLOSED = entry(predicate="status = 'closed'")


def firm(name: str, status: str = "closed", territory: str = STREET) -> dict[str, Scalar]:
    return {"name": name, "status": status, "territory": territory, "credit_code": name}


def some_firm(rng: Random) -> dict[str, Scalar]:
    return firm(f"firm-{rng.getrandbits(80):x}", rng.choice(("open", "closed")), rng.choice((STREET, OTHER)))


def exchange(line: Line) -> None:
    """What both desks do until there is nothing to do."""
    while run(line.sealing().look()):
        continue
    line.settle(seconds=3.0)
    while run(line.opening().look()):
        continue
    line.settle(seconds=3.0)


def books(line: Line, node: str) -> Mapping[Stream, RunMap]:
    return line.stations[node].journal.recover().streams


def count(line: Line, node: str, fate: Fate) -> int:
    return sum(found.count(fate) for stream, found in books(line, node).items() if stream.resource == "enterprises")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2])
def test_nothing_of_it_can_be_read_on_the_way_and_both_ends_add_up(line: Line, seed: int) -> None:
    rng = Random(seed)
    made: list[dict[str, Scalar]] = []
    for _ in range(rng.randint(2, 4)):
        rows = [some_firm(rng) for _ in range(rng.randint(1, 6))]
        made += rows
        line.put("city", "enterprises", rows)
        if rng.random() < 0.5:
            exchange(line)
    exchange(line)
    hidden = [str(row["name"]) for row in made if row["status"] == "closed"]
    shown = [str(row["name"]) for row in made if row["status"] == "open"]
    assert line.names("district") == sorted(shown)
    assert line.names("street") == sorted(str(row["name"]) for row in made if row["territory"] == STREET)
    if hidden:
        assert find_values(line.folder / "district", hidden) == ()
    assert line.envelopes("city") == line.envelopes("district") == line.envelopes("street")
    flows = line.journals["city"].flow("district", Direction.RETURN)
    assert all(flow.holds and not flow.pending for flow in flows)
    assert {flow.stream.resource: flow.withheld for flow in flows}["enterprises"] == len(hidden)
    assert count(line, "street", Fate.DELIVERED) == len(line.names("street"))


def test_an_envelope_that_comes_twice_counts_once(line: Line) -> None:
    line.put("city", "enterprises", [firm("twice-1"), firm("twice-2")])
    exchange(line)
    # The city lost its book: it seals everything once more.
    line.books["city"].read("enterprises", {})
    with line.books["city"].transaction() as db:
        db.execute("DELETE FROM reading")
        db.execute("DELETE FROM gone")
    exchange(line)
    assert line.envelopes("street") == 2
    assert line.names("street") == ["twice-1", "twice-2"]
    assert count(line, "street", Fate.DELIVERED) == 2


def test_what_was_away_is_sealed_and_opened_once_it_is_back_and_the_rest_not_once_more(line: Line) -> None:
    line.put("city", "enterprises", [firm("first")])
    line.put("city", "enterprises", [firm("second")])
    with away(line.journals["city"], 1):
        run(line.sealing().look())
    run(line.sealing().look())
    line.settle(seconds=3.0)
    assert (line.envelopes("city"), line.envelopes("street"), line.names("street")) == (2, 2, [])
    lsn = next(stored.lsn for stored in line.batches("street") if stored.batch.header.resource == ENVELOPES)
    with away(line.journals["street"], lsn):
        run(line.opening().look())
    assert line.names("street") == ["first"]
    while run(line.opening().look()):
        continue
    assert line.names("street") == ["first", "second"]
    assert [(one["envelopes"], one["records"]) for one in line.books["street"].listed()["opened"]] == [(2, 2)]
    assert count(line, "street", Fate.DELIVERED) == 2


def test_a_rescan_seals_nothing_that_was_sealed(line: Line) -> None:
    line.put("city", "enterprises", [firm("once")])
    exchange(line)
    line.govern(city_gate(CLOSED, replace(entry(predicate="status = 'moved'"), id="NL-2"), epoch=2).book.ruleset)
    line.put("city", "enterprises", [firm("moves", "moved")])
    exchange(line)
    assert (line.envelopes("city"), line.names("street")) == (2, ["moves", "once"])


def test_without_a_key_records_stay_withheld_and_go_when_one_is_known(line: Line) -> None:
    line.keys.unknown.add("street")
    line.put("city", "enterprises", [firm("waits")])
    sealing = line.sealing()
    run(sealing.look())
    assert sealing.unknown == {"street"}
    assert line.envelopes("city") == 0
    line.keys.unknown.clear()
    exchange(line)
    assert line.names("street") == ["waits"]


def test_what_the_target_may_not_hold_is_entered_as_held_and_judged_again(line: Line) -> None:
    line.put("city", "enterprises", [firm("judged")])
    run(line.sealing().look())
    line.settle(seconds=3.0)
    stricter = entry(predicate="status = 'closed'", levels=(Level.DISTRICT, Level.STREET))
    line.govern(city_gate(stricter, epoch=2).book.ruleset, "street")
    run(line.opening().look())
    assert line.names("street") == []
    assert count(line, "street", Fate.WITHHELD) == 1
    assert [one.row for one in line.books["street"].kept_back()] == [0]
    line.govern(city_gate(CLOSED, epoch=3).book.ruleset, "street")
    run(line.opening().look())
    assert line.names("street") == ["judged"]
    assert (count(line, "street", Fate.WITHHELD), line.books["street"].kept_back()) == (0, [])


def test_an_envelope_that_was_changed_on_its_way_is_refused_and_the_node_goes_on(line: Line, family: dict[str, IdentityFiles]) -> None:
    line.put("city", "enterprises", [firm("whole")])
    run(line.sealing().look())
    (stored,) = [one for one in line.batches("city") if one.batch.header.resource == ENVELOPES]
    body = bytes(decode_rows(stored.batch.payload).column("body")[0].as_py())
    assert opened_letter(body, me="street", seal=seal_of(family["street"])).batches
    bad = body[:-100] + bytes([body[-100] ^ 1]) + body[-99:]
    line.put("city", ENVELOPES, [{"target": "street", "territory": STREET, "body": bad.hex()}])
    line.put("city", ENVELOPES, [{"target": "street", "territory": STREET, "body": b"no envelope".hex()}])
    line.settle(seconds=3.0)
    run(line.opening().look())
    assert line.names("street") == ["whole"]
    assert len(line.books["street"].listed()["refused"]) == 2


def test_states_at_the_street_are_of_the_origins_own_streams(line: Line) -> None:
    line.put("city", "enterprises", [firm("a"), firm("b", "open")])
    exchange(line)
    found = {stream: list(run_map) for stream, run_map in books(line, "street").items() if stream.resource == "enterprises"}
    assert [(stream.origin, [(one.first, one.last, one.state) for one in ranges]) for stream, ranges in found.items()] == [
        ("city", [(1, 2, State.PRESENT)])]  # fmt: skip


def test_a_neighbour_of_an_older_program_is_given_no_envelope_until_it_is_updated(line: Line) -> None:
    line.disconnect("district", "city")
    line.old.add("district")
    line.connect("district", "city")
    line.put("city", "enterprises", [firm("patient")])
    exchange(line)
    assert (line.envelopes("city"), line.envelopes("district"), line.names("street")) == (1, 0, [])
    (flow,) = [one for one in line.journals["city"].flow("district", Direction.RETURN) if one.stream.resource == ENVELOPES]
    assert (flow.withheld, dict(flow.reasons)) == (1, {"old-peer": 1})
    line.disconnect("district", "city")
    line.old.clear()
    line.connect("district", "city")
    line.settle(seconds=3.0)
    exchange(line)
    assert (line.envelopes("district"), line.names("street")) == (1, ["patient"])


def test_what_was_recalled_meanwhile_is_taken_out_of_an_envelope_that_comes_late(line: Line) -> None:
    line.put("city", "enterprises", [firm("late-1"), firm("late-2")])
    run(line.sealing().look())
    line.settle(seconds=3.0)

    def without_rows(batch: Batch, rows: object) -> Batch:
        gone = {"state": State.RECALLED, "row_offset": NO_ROWS, "reason": "negative-list", "decider": "street"}
        runs = tuple(replace(one, **gone) for one in batch.header.runs)  # type: ignore[arg-type]
        return Batch(empty_header(batch.header, runs), b"")

    line.stations["street"].pipeline.recalled = without_rows
    run(line.opening().look())
    assert line.names("street") == []
    assert find_values(line.folder / "street", ["late-1", "late-2"]) == ()
