"""No way out of a node's journal delivers what the naive evaluator denies: the real journal, the node's own functions, random policies.

Beside what tests/policies/test_paths.py asks of the gate alone: rows for a person, queries, answers of yes or no, pages of requests,
frames of a link and of a file on a stick, what is kept and shown of refused frames, recordings, explanations, sheets of the catalogue,
summaries and totals. Records do not depend on policies, so one journal serves every example.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from node.assembly import Parts
from node.catalogue.columns import SheetKind
from node.catalogue.exporting import rows_of as sheet_rows
from node.engine.pipeline import Pipeline, Self
from node.keeping.quarantine import _plain
from node.links.handshake import Me
from node.policy.explaining import Explainer, RecordName, Target
from node.policy.showing import Looking, LookRefused, Showing, viewed_by
from node.requests.envelope import Cursor, Question
from node.requests.giving import Giving
from node.sql.engine import Engine
from node.sql.statement import checked
from node.sql.views import Views
from node.store.marts import Marts
from node.store.records import decode_rows, find_row, newest_rows
from node.store.refused import Refusal
from node.summaries.compute import compute_cells
from node.summaries.spec import SummarySpec
from node.summaries.totals import Totals
from node.tracing.file import encoded
from node.tracing.inputs import Gated, Received
from node.tracing.outlines import outline
from node.tracing.values import Veil
from node.verify.telling import Telling
from policies.errors import PolicyError
from policies.gate import CompiledGate
from policies.grant import Grant
from policies.verifying import Answer, allowed
from policies.verifying import Question as Asking
from policies.words import National, Share
from sync.core.messages import Data
from sync.core.ready import InboundJob, InboundResult, OutboundJob, OutboundResult, PeerFacts, Ready
from sync.model import DEFAULT_LIMITS, Direction, Frame, Lane, Level, Span
from sync.model.writes import AppendRefusal, Decision, StoreBatch
from sync.wire.codec import decode, encode
from sync.wire.codec_batch import header_digest
from tests.contracts.batches import commit_of
from tests.node.carriage.shelf import make_desk
from tests.node.shelf import INCARNATION, NODE, Shelf, open_shelf
from tests.policies.random_policies import (
    END_US,
    KEYS,
    STREET,
    Case,
    cases,
    denied,
    field_list,
    open_case,
    unseen,
    values_of,
    words,
)
from tests.policies.reference import Flow as Asked
from tests.sync.core.rig import RigVouch

pytestmark = pytest.mark.slow
EXAMPLES = 40
PARENT = PeerFacts("district", 9, Level.DISTRICT, "370202", is_parent=True)
CHILD = PeerFacts("street", INCARNATION, Level.STREET, STREET, is_parent=False)
GRADES = [0, 1, 2, 3, 4, 1, None, 9]
PLACES = [STREET, STREET + "001", STREET, "370202002", "3703", None]
POOL: list[dict[str, object]] = [
    {
        "territory": PLACES[index // 2 % len(PLACES)],
        "grade": GRADES[index % len(GRADES)],
        "tone": ("red", "blue", None)[index % 3],
        "size": (1, 7, None)[index // 3 % 3],
        "has_values": index % 11 != 5,
    }
    for index in range(24)
]
"""Every kind of record that the random ones have."""
Told = Iterator[tuple[set[object], Iterable[object]]]
"""What a path handed out, and what it may not hand out."""


class Desk:
    """A street's journal with the records, its mart, and a district's with the same records come up to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sticks = make_desk(folder)
        self.street, self.district = self._shelf("street", distance=0), self._shelf("district", distance=1)
        self.marts = Marts(folder / "marts", self.street.journal)

    def _shelf(self, name: str, *, distance: int) -> Shelf:
        (self.folder / name).mkdir()
        shelf, batch = open_shelf(self.folder / name), open_case(POOL).batch
        for part in (batch.slice(0, 10), batch.slice(10)):
            stored = shelf.append(part, code="things", lane=Lane.STATE, origin=NODE, distance=distance)
            shelf.journal.commit(commit_of(stored, after=shelf.batches[:-1]))
        return shelf

    def close(self) -> None:
        self.marts.close()
        self.street.journal.close()
        self.district.journal.close()


@dataclass(frozen=True)
class Example:
    """A random policy and what else a path asks for."""

    policy: Case
    clearance: int
    grant: bool
    number: int
    """Of the record that a question, a look or an explanation is about."""
    is_calm: bool
    """True for a policy with little against anything: most paths deliver something only under such a one."""

    @cached_property
    def case(self) -> Case:
        """The policy over the records of the journal."""
        policy = replace(self.policy, facts=POOL, raised=self.policy.raised and (*self.policy.raised, 3, 11, 20))
        if not self.is_calm:
            return policy
        plain = replace(policy.resource, fields=field_list(0, 0, ""), national=National.GENERAL, categories=(), skeleton=())
        resource = replace(plain, grade=plain.grade or 1, share=Share.UNCONDITIONAL)
        return replace(policy, resource=resource, city_grade=0, city_entries=(), ends_us=END_US, entries=policy.entries[:1])

    @property
    def gate(self) -> CompiledGate:
        """The street's."""
        return self.case.gate(Level.STREET)


examples = st.builds(Example, cases, st.sampled_from([1, 2, 3, 4]), st.booleans(), st.integers(1, len(POOL)), st.booleans())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk(tmp_path_factory.mktemp("paths"))
    yield opened
    opened.close()


def policy_of(case: Case, level: Level) -> Any:
    """As much of a policy store as readers ask."""
    return SimpleNamespace(gate=case.gate(level), ruleset=case.rules, closed=lambda resource: "")


# ---- for people at the node


def shown_by_the_api(desk: Desk, example: Example) -> Told:
    """Readings, events and incidents; one record by a value, as pictures are asked for."""
    case = example.case
    view = viewed_by(policy_of(case, Level.STREET), "things", example.clearance)
    rows = newest_rows(desk.street.journal, "things", limit=100, view=view)
    note = str(case.rows[example.number - 1]["note"])
    one = find_row(desk.street.journal, "things", "note", note, view)
    yield _values(*rows, *([one] if one else [])), unseen(case, Level.STREET, example.clearance)


def answered_to_a_query(desk: Desk, example: Example) -> Told:
    """`yunnao sql`."""
    if example.number % 2:
        return  # each asks for a database of its own: every second example does
    case, engine = example.case, Engine()
    statement = checked("select * from things", case.rules.resources, rows_max=100)
    Views(desk.street.journal, example.gate, example.clearance, lambda: None).fill(engine, case.rules.resources["things"], statement)
    _, rows, _ = engine.run(statement.sql, rows_max=100)
    engine.close()
    yield {cell for row in rows for cell in row}, unseen(case, Level.STREET, example.clearance)


def summarised_for_a_person(desk: Desk, example: Example) -> Told:
    """`yunnao summary`."""
    case = example.case
    showing = Showing(desk.street.journal, policy_of(case, Level.STREET), cast("Any", SimpleNamespace(note=_noted)))
    looking = Looking(clearance=example.clearance, by="li", why="a test")
    try:
        grade_max = asyncio.run(showing.grade_max("things", looking))
    except LookRefused:
        return
    yield _counted(desk, example, grade_max), unseen(case, Level.STREET, example.clearance)


def explained(desk: Desk, example: Example) -> Told:
    """Why a record flows or not: no value of it, whatever the answer."""
    explainer = Explainer(NODE, desk.street.journal, lambda: example.gate)
    for level, hops in ((Level.DISTRICT, 1), (Level.MUNICIPAL, 2)):
        target = Target(level.word, level, "3702", Direction.UP, hops)
        answer = explainer.record(RecordName(NODE, "things", example.number), target)
        yield _within(json.dumps(answer, ensure_ascii=False), example.case), values_of(example.case.rows)


def exported_as_a_catalogue(desk: Desk, example: Example) -> Told:
    """Sheets say what data there is, never what is in it."""
    resources = list(example.case.rules.resources.values())
    text = json.dumps([list(sheet_rows(kind, resources, language)) for kind in SheetKind for language in ("zh", "en")], ensure_ascii=False)
    yield _within(text, example.case), values_of(example.case.rows)


# ---- for other nodes


def answered_yes_or_no(desk: Desk, example: Example) -> Told:
    """What the answer tells of the record: a yes or a no about a field tells its value."""
    case, row = example.case, example.case.rows[example.number - 1]
    grant = Grant("g", "things", ("name", "note", "amount", "tone"), "verification", 0, END_US) if example.grant else None
    asked = Asked("sideways", 1, Level.DISTRICT, "verification", grant.fields if grant else None, is_question=True)
    verdict, hidden = case.world.evaluate(row, asked)
    telling = cast("Telling", SimpleNamespace(journal=desk.street.journal, policy=policy_of(case, Level.STREET)))
    for name in ("note", "amount"):
        with suppress(PolicyError):
            asking = Asking("things", "name", str(row["name"]), name, str(row[name]), "verification")
            answer = Telling._looked_up(telling, allowed(example.gate.book, asking, grant, level=Level.DISTRICT))
            is_closed = verdict not in ("allow", "mask") or hidden & {"name", name} or row[name] is None
            yield ({row[name]} if answer is not Answer.ABSENT else set()), ([row[name]] if is_closed else [])


def fetched_under_a_grant(desk: Desk, example: Example) -> Told:
    """Pages of a request."""
    case = example.case
    fields = ("name", "note", "amount", "face", "device", "value") if example.grant else ("note", "value")
    giving = Giving(
        cases=cast("Any", None), kind=cast("Any", None), policy=policy_of(case, Level.STREET), journal=desk.street.journal,
        shares=cast("Any", None), seal=cast("Any", None), clock=cast("Any", None), clock_quality=cast("Any", None),
        recipient_keys=lambda asker, resource: KEYS, rng=Random(1),
    )  # fmt: skip
    grant = Grant("g", "things", fields, "training", 0, END_US)
    question = Question(case_id="g", provider=NODE, asker="a", by="li", nonce=bytes(16), cursor=Cursor(0, 0, 0))
    with suppress(PolicyError):
        payload = giving._encoded(giving._gather(grant, question, Level.DISTRICT))
        found = words(decode_rows(payload)) if payload else set()
        yield found, denied(case, Asked("sideways", 1, Level.DISTRICT, "training", fields))


def frames_of(outcome: OutboundResult) -> list[Frame]:
    """The frames for the parent that a read of the journal came to."""
    parts = [part.batch for part in outcome.parts if not part.closed]
    return [Frame(Lane.STATE, Direction.UP, outcome.span, number, len(parts), batch) for number, batch in enumerate(parts)]


def carried_on_a_stick(desk: Desk, example: Example) -> Told:
    """The frames in a file that its target opens: those of a link, encoded and sealed."""
    path = desk.sticks.write(desk.folder / f"{example.number}.ynb", [encode(Data(frame)) for frame in frames_of(_outbound(desk, example))])
    found: set[object] = set()
    for message in desk.sticks.open(path).messages():
        told = decode(message)
        assert isinstance(told, Data)
        payload = told.frame.batch.payload
        found |= words(decode_rows(payload)) if payload else set()
    path.unlink()
    yield found, denied(example.case, Asked("up", 1, Level.DISTRICT))


def kept_of_a_refused_frame(desk: Desk, example: Example) -> Told:
    """What a receiver writes down and shows of a frame that it refuses: never a value."""
    gate = example.case.gate(Level.DISTRICT)
    vouch = RigVouch(NODE)
    made = desk.street.batches[0].batch
    header = replace(made.header, origin_distance=1)
    batch = replace(made, header=header, manifest=vouch.sign(header_digest(header), ()))
    frame = Frame(Lane.STATE, Direction.UP, Span(0, 1), 0, 1, batch)
    me = Self("district", Level.DISTRICT, "370202")
    taker = Pipeline(me=me, journal=desk.district.journal, gate_of=lambda: gate, vouch=vouch, limits=DEFAULT_LIMITS)
    answer = taker.run(InboundJob(1, CHILD, frame, gate.version))
    assert isinstance(answer, InboundResult)
    kept = AppendRefusal(
        NODE, Direction.UP, Lane.STATE, frame.span, 0, "things", header.runs, header.payload_sha256, answer.refusal, b"", by_peer=False
    )
    shown = _plain(
        Refusal(1, NODE, False, kept.direction, kept.lane, kept.span, 0, "things", (), kept.payload_sha256, kept.reason, False, 1, 0,
                Decision.OPEN, 0, "", True), 0,
    )  # fmt: skip
    yield _within(f"{kept!r} {json.dumps(shown)}", example.case), values_of(example.case.rows)


def recorded(desk: Desk, example: Example) -> Told:
    """A recording of the link's work: lengths, and hashes under a key that is thrown away."""
    veil, outcome = Veil(b"key"), _outbound(desk, example)
    inputs = [Gated(1, outcome), *(Received(1, NODE, Data(frame)) for frame in frames_of(outcome))]
    writes = Ready(tuple(StoreBatch(stored) for stored in desk.street.batches))
    written = b"".join(encoded(cast("Any", given.veiled(veil))) for given in inputs) + repr(outline(writes, veil)).encode()
    payloads = {part.batch.payload for part in outcome.parts if part.batch.payload}
    found = {value for value in values_of(example.case.rows) if isinstance(value, str) and value.encode() in written}
    yield found | {payload for payload in payloads if payload in written}, {*values_of(example.case.rows), *payloads}


def told_in_a_summary(desk: Desk, example: Example) -> Told:
    """A pull from above: what is in a cell must be free to go up whole, at every distance."""
    case = example.case
    parts = SimpleNamespace(policy=policy_of(case, Level.STREET), me=Me(NODE, INCARNATION, Level.STREET, STREET), parent=None)
    parts._plans_above = lambda code: Parts._plans_above(cast("Parts", parts), code)
    if Parts.summary_refusal(cast("Parts", parts), "things"):
        return
    grade_max = Parts.summary_grade_max(cast("Parts", parts), "things")
    flows = [Asked("up", 1, Level.DISTRICT), Asked("up", 2, Level.MUNICIPAL), Asked("up", 2, Level.PROVINCIAL)]
    yield _counted(desk, example, grade_max), {value for flow in flows for value in denied(case, flow)}


def counted_in_totals(desk: Desk, example: Example) -> Told:
    """At a district, over what came up to it: the totals are seen by every level above."""
    case = example.case
    totals = Totals(
        me=Me("district", 1, Level.DISTRICT, "370202"), parent_level=Level.MUNICIPAL, policy=policy_of(case, Level.DISTRICT),
        journal=desk.district.journal, inbox=cast("Any", None), clock=cast("Any", None),
    )  # fmt: skip
    found = set(totals._newest_per_person("things").column("name").to_pylist())
    flows = [Asked("up", 2, Level.MUNICIPAL), Asked("up", 2, Level.PROVINCIAL)]
    yield found, values_of(row for row in case.rows if any(case.world.evaluate(row, flow)[0] in ("hold", "deny") for flow in flows))


PATHS = (
    shown_by_the_api,
    answered_to_a_query,
    summarised_for_a_person,
    explained,
    exported_as_a_catalogue,
    answered_yes_or_no,
    fetched_under_a_grant,
    carried_on_a_stick,
    kept_of_a_refused_frame,
    recorded,
    told_in_a_summary,
    counted_in_totals,
)
VALUELESS = {explained, exported_as_a_catalogue, kept_of_a_refused_frame, recorded}
"""Paths on which no value of any record may be, whatever the policy."""


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck], phases=[Phase.generate])
@given(example=examples)
def test_no_way_out_of_a_journal_delivers_what_the_evaluator_denies(desk: Desk, example: Example) -> None:
    for path in PATHS:
        for found, forbidden in path(desk, example):
            leaked = found & set(forbidden)
            assert not leaked, f"{path.__name__}: {leaked}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_the_search_sees_values_on_each_path_that_nothing_closes(desk: Desk, path: Callable[[Desk, Example], Told]) -> None:
    example = Example(open_case(POOL), 4, True, 2, True)
    told = [(found, set(forbidden)) for found, forbidden in path(desk, example)]
    assert told
    assert not any(found & forbidden for found, forbidden in told)
    assert any(found for found, _ in told) is (path not in VALUELESS)


def _outbound(desk: Desk, example: Example) -> OutboundResult:
    gate = example.gate
    maker = Pipeline(
        me=Self(NODE, Level.STREET, STREET), journal=desk.street.journal, gate_of=lambda: gate, vouch=RigVouch(NODE), limits=DEFAULT_LIMITS
    )
    outcome = maker.run(OutboundJob(1, PARENT, Direction.UP, Lane.STATE, 0, desk.street.journal.last_lsn, gate.version))
    assert isinstance(outcome, OutboundResult)
    return outcome


def _counted(desk: Desk, example: Example, grade_max: int) -> set[object]:
    """The values that a summary of the street's own records stands on."""
    desk.marts.regrades = lambda: example.gate.regrades
    spec = SummarySpec("things", 0, 3_600_000_000, territory_digits=6)
    cells = desk.marts._ask("things", lambda mart: compute_cells(mart, spec, [NODE], key=None, grade_max=grade_max))
    rows = [row for row in example.case.rows if row["grade"] in range(grade_max + 1) and row["value"] is not None]
    assert sum(cell.count for cell in cells.values()) == len(rows), "cells count other records than those up to the grade"
    assert sum(cell.total for cell in cells.values()) == sum(float(row["value"] or 0) for row in rows)
    return {row["value"] for row in rows}


async def _noted(*said: object, **more: object) -> int:
    return 1


def _values(*rows: dict[str, object]) -> set[object]:
    return {value for row in rows for value in row.values()}


def _within(text: str, case: Case) -> set[object]:
    """Values of the records that stand in a text."""
    return {value for value in values_of(case.rows) if isinstance(value, str) and value in text}
