"""Past a foster parent: what goes up is judged by the distance of who opens it, and who opens it takes it as from a child."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.sealed.letter import part_of, sealed_letter
from node.sealed.places import Above
from node.sealed.sealing import sealed_batch
from policies.catalogue import ENVELOPES, Scalar
from sync.model import Batch, Direction, Level, State, StoredBatch
from sync.ports import Flow
from tests.node.sealed.line import Line, run, seal_of, signer_of

ABOVE = Above(Flow("city", Level.MUNICIPAL, "3702", Direction.UP), hops=2)
HOME, AWAY = "370202001", "370203001"


def made(line: Line, code: str, *rows: dict[str, Scalar]) -> StoredBatch:
    """Records of the street, as it stored them; no link takes them anywhere."""
    line.disconnect("street", "district")
    line.put("street", code, [{"territory": HOME, **row} for row in rows])
    return [stored for stored in line.batches("street") if stored.batch.header.resource == code][-1]


def part(line: Line, stored: StoredBatch) -> Batch:
    found = sealed_batch(line.rule("street"), ABOVE, stored, me="street")
    assert found is not None
    return found


def arrive(line: Line, *batches: Batch, sealer: str = "street") -> None:
    """An envelope of the street comes to the city, whichever way."""
    letter = sealed_letter(
        [part_of(batch) for batch in batches], signer_of(line.files["city"]), me=sealer, number=b"n" * 16, seal=seal_of(line.files[sealer])
    )
    line.put("city", ENVELOPES, [{"target": "city", "territory": "3702", "body": letter.hex()}])
    run(line.opening("city").look())


def held(line: Line, code: str) -> dict[State, int]:
    """What became of the street's records of a resource at the city."""
    books = line.stations["city"].journal.recover().streams
    found = [entry for stream, ranges in books.items() if (stream.origin, stream.resource) == ("street", code) for entry in ranges]
    return {state: sum(entry.count for entry in found if entry.state is state) for state in {entry.state for entry in found}}


def test_what_goes_past_is_as_far_from_its_origin_as_who_opens_it(line: Line) -> None:
    found = part(line, made(line, "air-quality", {}, {"grade": 3}))
    assert (found.header.origin_distance, found.header.direction, found.header.backfill) == (2, Direction.UP, True)
    assert [(one.state, one.count) for one in found.header.runs] == [(State.PRESENT, 1), (State.AGGREGATE_ONLY, 1)]


def test_what_the_plan_closes_at_that_distance_is_in_no_envelope(line: Line) -> None:
    assert sealed_batch(line.rule("street"), ABOVE, made(line, "residents", {}), me="street") is None


def test_what_came_down_goes_past_nobody(line: Line) -> None:
    stored = made(line, "air-quality", {})
    header = replace(stored.batch.header, direction=Direction.RETURN)
    assert sealed_batch(line.rule("street"), ABOVE, replace(stored, batch=replace(stored.batch, header=header)), me="street") is None


def test_of_what_was_let_go_the_account_goes(line: Line) -> None:
    stored = replace(made(line, "air-quality", {}, {}), freed=State.RETENTION)
    assert [(one.state, one.count) for one in part(line, stored).header.runs] == [(State.RETENTION, 2)]


def test_who_opens_it_counts_it_as_the_origins(line: Line) -> None:
    arrive(line, part(line, made(line, "air-quality", {}, {"grade": 3})))
    assert held(line, "air-quality") == {State.PRESENT: 1, State.AGGREGATE_ONLY: 1}
    (told,) = line.books["city"].listed()["opened"]
    assert (told["sealer"], told["records"]) == ("street", 1)


def test_rows_of_another_territory_than_the_sealers_are_held(line: Line) -> None:
    arrive(line, part(line, made(line, "air-quality", {"territory": AWAY})))
    assert held(line, "air-quality") == {State.HELD: 1}
    assert "a row of territory 370203001" in line.books["city"].kept_back()[0].why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"origin": "city-hall"}, "records of city-hall"),
        ({"direction": Direction.RETURN}, "does not go up"),
        ({"origin_distance": 1}, "from further than its header says"),
    ],
    ids=["of-somebody-else", "downward", "too-near"],
)
def test_a_node_below_seals_for_itself_and_upward_alone(line: Line, change: dict[str, object], why: str) -> None:
    batch = part(line, made(line, "air-quality", {}))
    runs = tuple(replace(one, origin=str(change.get("origin", one.origin))) for one in batch.header.runs)
    facts = {name: value for name, value in change.items() if name != "origin"}
    arrive(line, replace(batch, header=replace(batch.header, runs=runs, **facts)))  # type: ignore[arg-type]
    assert why in str(line.books["city"].listed()["refused"])
    assert held(line, "air-quality") == {}
