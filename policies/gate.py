"""The gate: what a batch becomes on a flow, decided from one compiled plan at the sender and again at the receiver.

Owns every `Released` value. Pure: the same batch gives the same answer. Implements `sync.ports.Gate`; called by the pipeline of each
link, and by explanations for the specimen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, spread, to_flags, words_of
from policies.catalogue import COMMON_COLUMNS, ENVELOPES, schema
from policies.columns import (
    ELSEWHERE,
    ELSEWHERE_REASON,
    NOTHING_SETTLED,
    Codes,
    Settled,
    code_of,
    highest_grade,
    mask_columns,
    row_codes,
    segments_of,
    settled_by,
    state_of,
)
from policies.compile import PlanBook
from policies.cutting import cut_and_masked
from policies.entry import TRUSTED_CLOCK
from policies.errors import PolicyError
from policies.grant import Grant
from policies.granting import Given, give
from policies.masks import KeyRing, TokenTable
from policies.plan import Plan
from policies.regrade import RegradeIndex, with_regrades
from policies.ruleset import Ruleset
from policies.sealed import may_pass_beyond, refused_by, unaddressed
from policies.territories import Successors
from policies.viewing import view, viewing_plan
from policies.words import GRADES, Reason, Verdict, Way
from sync.model import BatchHeader, ClockQuality, Direction, Level, PolicyVersion, Run, State, StoredBatch, code_contains, split_runs
from sync.ports import RESEED_PURPOSE, Flow, Outcome, Released, let_rows_go

_NOT_ADDRESSED = code_of(Verdict.DENY, Reason.NOT_ADDRESSED)
_FOSTERED = code_of(Verdict.DENY, Reason.FOSTER_PARENT)


@dataclass(frozen=True, slots=True)
class Station:
    """Where a gate stands."""

    node: str
    level: Level
    keys: KeyRing = field(default_factory=KeyRing)


class CompiledGate:
    """The policy in force at one node. Open a new one when bundles change, and when `valid_until_us` has passed."""

    def __init__(self, ruleset: Ruleset, station: Station, *, now_us: int, clock: ClockQuality = TRUSTED_CLOCK) -> None:
        self.book = PlanBook(ruleset, now_us=now_us, clock=clock)
        self.station = station
        self.valid_until_us = ruleset.next_change_us(now_us)
        """The moment a date of some rule passes; None when none is ahead."""
        self._tokens = TokenTable(station.keys)
        self._digest = ruleset.version.digest
        self.regrades = RegradeIndex(issued.regrade for issued in ruleset.regrades)
        """Grades of single records; whoever reads stored rows for a sink of its own asks it."""

    @property
    def version(self) -> PolicyVersion:
        """The version every answer is of."""
        return self.book.ruleset.version

    def addressed(self, flow: Flow) -> frozenset[str] | None:
        """Resources of which anything can be for this flow; None for all."""
        if flow.direction is Direction.UP or flow.purpose == RESEED_PURPOSE or not self.book.ruleset.resources:
            return None  # without a catalogue nobody knows what returns: it is held, and decided when one is here
        return frozenset(code for code, resource in self.book.ruleset.resources.items() if resource.returns)

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        """The outcome where the header alone decides; None when the rows must be read."""
        plan = self._plan(flow, header, arriving=True)
        if self._is_elsewhere(flow, header, plan):
            return Outcome.ELSEWHERE
        if plan.base.verdict.closes or _is_fostered(flow, plan):
            return Outcome.CLOSED
        if header.row_count == 0:
            return Outcome.WHOLE
        if self.regrades.touches(header) or _is_of_envelopes(plan):
            return None
        return Outcome.WHOLE if _is_left_alone(plan, header) and _all_addressed(flow, header) else None

    def closed_for(self, flow: Flow, header: BatchHeader) -> Released:
        """For an outcome CLOSED at a glance: the batch's runs as the own books close them."""
        plan = self._plan(flow, header, arriving=True)
        if _is_fostered(flow, plan):
            return Released(Outcome.CLOSED, self._closed_runs(_FOSTERED, header.runs), None, _fostered_hash(plan))
        assert plan.base.verdict.closes, "only a closing plan closes"
        return Released(Outcome.CLOSED, self._closed_runs(plan.base.code, header.runs), None, plan.hash)

    def whole_for(self, flow: Flow, header: BatchHeader) -> Released:
        """For an outcome WHOLE at a glance: the batch as it is."""
        assert self.glance(flow, header) is Outcome.WHOLE, "only what passes at a glance goes unread"
        return let_rows_go(Outcome.WHOLE, header.runs, None, self._plan(flow, header, arriving=True).hash, header.grade_max)

    def release(self, flow: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """Decide over the rows of a batch for `flow`; `rows` is the batch's whole payload, decoded."""
        header = stored.batch.header
        if rows.num_rows != header.row_count:
            raise PolicyError(f"batch {stored.lsn} of {header.resource} refused: {header.row_count} rows announced, {rows.num_rows} there")
        plan = self._plan(flow, header, arriving=True)
        if self._is_elsewhere(flow, header, plan):
            return Released(Outcome.ELSEWHERE, (), None, plan.hash)
        if plan.base.verdict.closes or _is_fostered(flow, plan):
            return self.closed_for(flow, header)
        graded = self.regrades.graded(header, rows)
        settled = self._settled(plan, header, rows)
        codes = _codes(plan, flow, header, graded, settled, self.book.successors)
        if _is_of_envelopes(plan) and len(codes) and (codes == _NOT_ADDRESSED).all():
            return Released(Outcome.CLOSED, self._closed_runs(_NOT_ADDRESSED, header.runs), None, plan.hash)
        return self._released(plan, header, graded, codes, settled, is_regraded=graded is not rows)

    def upward(self, flow: Flow, code: str) -> bytes:
        """A hash of the plans of a resource toward a node above, at every distance; empty when they let nothing of it go."""
        plans = self._plans(flow, code)
        if any(map(_is_of_envelopes, plans)) or not any(plan.base.verdict.passes for plan in plans):
            return b""
        return hashlib.sha256(b"".join(plan.hash for plan in plans)).digest()

    def beyond(self, barriers: Sequence[Flow], target: Flow, code: str) -> bytes:
        """A hash of the plans by which `release_beyond` goes for a resource; empty when these let nothing of it go."""
        plan, *between = [self._returning(flow, code) for flow in (target, *barriers)]
        if not plan.resource_returns or plan.base.verdict.closes or _is_of_envelopes(plan):
            return b""
        nested = [one for flow, one in zip(barriers, between, strict=True) if code_contains(flow.peer_territory, target.peer_territory)]
        return hashlib.sha256(b"".join(one.hash for one in (plan, *between))).digest() if may_pass_beyond(nested, plan) else b""

    def may_go_beyond(self, barriers: Sequence[Flow], target: Flow, header: BatchHeader) -> bool:
        """False where the header alone says that no row of a batch is for an envelope (`release_beyond`)."""
        if not header.row_count or not self.beyond(barriers, target, header.resource):
            return False
        return not self._is_elsewhere(target, header, self._returning(target, header.resource))

    def release_beyond(self, barriers: Sequence[Flow], target: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """The rows that none of `barriers`, the nodes between here and the target, may hold and that the target may.

        They are masked as the target's plan says, and travel in an envelope that only the target opens. What the nearest barrier brought
        itself is not of it: that node has it, and passes it on.
        """
        header = stored.batch.header
        plan = self._plan(target, header, arriving=True)
        if not self.may_go_beyond(barriers, target, header):
            return Released(Outcome.ELSEWHERE, (), None, plan.hash)
        graded, successors = self.regrades.graded(header, rows), self.book.successors
        settled = self._settled(plan, header, rows)
        codes = _codes(plan, target, header, graded, settled, successors)
        for flow in barriers:
            between = self._plan(flow, header, arriving=True)
            stops = row_codes(between, graded, settled=self._settled(between, header, rows))
            codes[(stops == 0) & _inside(flow.peer_territory, graded, successors)] = ELSEWHERE
        _leave_out(codes, header, barriers[0].subtree)
        codes[codes != 0] = ELSEWHERE
        return self._released(plan, header, graded, codes, settled, is_regraded=graded is not rows)

    def give(self, grant: Grant, rows: pa.RecordBatch, *, level: Level, keys: KeyRing) -> Given:
        """What a grant gives of stored rows to its requester; see policies/granting.py. Raises PolicyError when nothing may be given."""
        return give(self.book, grant, rows, level=level, keys=keys)

    def view(self, code: str, rows: pa.RecordBatch, *, clearance: int) -> Given:
        """What a person of a clearance (1-4) is shown of stored rows; see policies/viewing.py. Raises PolicyError."""
        return view(viewing_plan(self.book, code, clearance=clearance, level=self.station.level), rows, self._tokens)

    def plan_hash(self, flow: Flow, header: BatchHeader) -> bytes:
        """Hash of the compiled plan for batches like this, as a sender asks."""
        plan = self._plan(flow, header, arriving=True)
        return _fostered_hash(plan) if _is_fostered(flow, plan) else plan.hash

    def reopened(self, flow: Flow, decided: Collection[tuple[str, bytes]]) -> frozenset[tuple[str, bytes]]:
        """Which of these plans (resource, hash) are no longer in force, where those that are let something pass."""
        codes = {code for code, _ in decided if not flow.sealed_only or code == ENVELOPES}
        found = {code: self._plans(flow, code) for code in codes}
        hashes = {code: self._still_meant(code, plans) for code, plans in found.items() if any(plan.base.verdict.passes for plan in plans)}
        return frozenset((code, digest) for code, digest in decided if code in hashes and digest not in hashes[code])

    def _still_meant(self, code: str, plans: Sequence[Plan]) -> set[bytes]:
        """Hashes of the plans in force and of those before a raise was added: what they withheld is withheld still."""
        formers = self.regrades.former_digests(code)
        return {with_regrades(plan, digest).hash for plan in plans for digest in formers}

    def _plans(self, flow: Flow, code: str) -> list[Plan]:
        """The plans of a resource toward a peer, at every distance that it may have."""
        way = Way.of(flow.direction)
        return [self.book.plan(code, hops=hops, way=way, level=flow.peer_level, purpose=flow.purpose) for hops in range(1, len(Level))]

    def inspect(self, flow: Flow, header: BatchHeader, rows: pa.RecordBatch | None) -> str:
        """Receiver's check: empty when not looser than the own plan, else the reason. The header is as it travels: its distance is ours."""
        plan = self._plan(flow, header, arriving=False)
        if flow.direction is Direction.UP and header.direction is Direction.RETURN:
            return f"{header.resource} refused: a returned batch is never offered upward"
        if header.origin_distance < 1:
            return f"{header.resource} refused: its header says that its records were made here"
        if header.row_count and plan.base.verdict.closes:
            return f"{header.resource} refused: {plan.base.verdict.word} here ({plan.base.reason.word}); no stream opens"
        if flow.direction is Direction.RETURN and not plan.resource_returns and flow.purpose != RESEED_PURPOSE:
            return f"{header.resource} refused: the catalogue does not return it"
        if not header.row_count:
            return ""
        if rows is None or rows.num_rows != header.row_count:
            return f"{header.resource} refused: {header.row_count} rows announced and {0 if rows is None else rows.num_rows} there"
        if fault := _misfit(plan, header, rows) or _belied(header, rows):
            return f"{header.resource} refused: {fault}"
        if _is_of_envelopes(plan):
            # What is inside is nobody's to judge on its way, and no row says whether its target is below a child of this node.
            return f"{header.resource} refused: an envelope is graded above its resource" if row_codes(plan, rows).any() else ""
        return "" if self._passes_unseen(plan, flow, header, rows) else self._looser(plan, flow, header, rows)

    def _passes_unseen(self, plan: Plan, flow: Flow, header: BatchHeader, rows: pa.RecordBatch) -> bool:
        """True where a header that its rows bear out decides: the plan leaves every row of such grades as it is."""
        if flow.direction is Direction.RETURN or self.regrades.touches(header):
            return False
        return _is_left_alone(plan, header) and plan.known.issuperset(rows.schema.names)

    def _plan(self, flow: Flow, header: BatchHeader, *, arriving: bool) -> Plan:
        hops = header.origin_distance + 1 if arriving else max(header.origin_distance, 1)
        plan = self.book.plan(header.resource, hops=hops, way=Way.of(flow.direction), level=flow.peer_level, purpose=flow.purpose)
        return with_regrades(plan, self.regrades.digest(header.resource))

    def _returning(self, flow: Flow, code: str) -> Plan:
        plan = self.book.plan(code, hops=1, way=Way.RETURN, level=flow.peer_level, purpose=flow.purpose)
        return with_regrades(plan, self.regrades.digest(code))

    def _is_elsewhere(self, flow: Flow, header: BatchHeader, plan: Plan) -> bool:
        if flow.direction is Direction.UP:
            return header.direction is Direction.RETURN
        is_foreign = plan.resource is not None and not plan.resource_returns and flow.purpose != RESEED_PURPOSE
        if _is_of_envelopes(plan):
            return is_foreign or all(run.origin in flow.subtree for run in header.runs)
        if is_foreign or not any(self.book.successors.may_reach(flow.peer_territory, code) for code in header.territories):
            return True
        return all(run.origin in flow.subtree for run in header.runs)

    def _settled(self, plan: Plan, header: BatchHeader, rows: pa.RecordBatch) -> Settled:
        """What was masked by a gate of this very version: predicates on it were judged while the values were there."""
        is_equal = plan.rows and header.policy_version == self._digest
        return settled_by(plan, rows, self._tokens) if is_equal else NOTHING_SETTLED

    def _closed_runs(self, code: int, runs: Sequence[Run]) -> tuple[Run, ...]:
        state, reason = state_of(code)
        # What was handed over is another hop's word: where the plan closes, the records never came.
        closes = frozenset({State.PRESENT, State.HANDED_OVER})
        return tuple(
            replace(run, state=state, reason=reason, decider=self.station.node, row_offset=-1) if run.state in closes else run
            for run in runs
        )

    def _released(
        self, plan: Plan, header: BatchHeader, rows: pa.RecordBatch, codes: Codes, settled: Settled, *, is_regraded: bool
    ) -> Released:
        masked = cut_and_masked(plan, rows, codes == 0, self._tokens, settled=settled)
        runs = self._decided_runs(plan, header.runs, codes)
        grade = highest_grade(masked.rows)
        if not runs:
            return Released(Outcome.ELSEWHERE, (), None, plan.hash)
        if runs == header.runs and not (masked.changed or is_regraded):
            return let_rows_go(Outcome.WHOLE, runs, None, plan.hash, grade)
        return let_rows_go(Outcome.REWRITTEN, runs, masked.rows, plan.hash, grade)

    def _decided_runs(self, plan: Plan, runs: tuple[Run, ...], codes: Codes) -> tuple[Run, ...]:
        """Runs without rows have no known territory, so a return carries only those decided here."""
        if plan.key.way is Way.RETURN:
            runs = tuple(run for run in runs if run.state.has_rows)
        if not codes.any():
            return runs
        split = split_runs(runs, segments_of(codes), decider=self.station.node)
        return tuple(run for run in split if run.reason != ELSEWHERE_REASON) if plan.key.way is Way.RETURN else split

    def _looser(self, plan: Plan, flow: Flow, header: BatchHeader, rows: pa.RecordBatch) -> str:
        if self.regrades.graded(header, rows, lowers=False) is not rows:
            return f"{header.resource} refused: a row does not carry the grade that it was raised to"
        settled = self._settled(plan, header, rows)
        codes = _codes(plan, flow, header, rows, settled, self.book.successors)
        if codes.any():
            row = int(np.flatnonzero(codes)[0])
            if codes[row] == ELSEWHERE:
                return f"{header.resource} refused: row {row} is not of territory {flow.peer_territory}, or is its own record coming back"
            state, reason = state_of(int(codes[row]))
            return f"{header.resource} refused: row {row} is {state.name.lower().replace('_', '-')} here ({reason})"
        changed = mask_columns(plan, rows, self._tokens, settled=settled).changed
        if not changed:
            return ""
        return f"{header.resource} refused: column {changed[0]} is not masked as this node's plan says{_why(plan, changed[0])}"


def _codes(plan: Plan, flow: Flow, header: BatchHeader, rows: pa.RecordBatch, settled: Settled, successors: Successors) -> Codes:
    codes = row_codes(plan, rows, settled=settled)
    if _is_of_envelopes(plan):
        if why := refused_by(flow):
            codes[codes == 0] = code_of(*why)
        codes[unaddressed(flow, rows)] = _NOT_ADDRESSED if flow.direction is Direction.UP else ELSEWHERE
    elif flow.direction is Direction.RETURN:
        codes[~_inside(flow.peer_territory, rows, successors)] = ELSEWHERE
    if flow.direction is Direction.RETURN:
        _leave_out(codes, header, flow.subtree)
    return codes


def _leave_out(codes: Codes, header: BatchHeader, origins: frozenset[str]) -> None:
    """Rows of `origins` are for somebody else."""
    for run in header.runs:
        if run.state.has_rows and run.origin in origins:
            codes[run.row_offset : run.row_offset + run.count] = ELSEWHERE


def _is_fostered(flow: Flow, plan: Plan) -> bool:
    """True where nothing but envelopes goes."""
    return flow.sealed_only and not _is_of_envelopes(plan)


def _fostered_hash(plan: Plan) -> bytes:
    # Another than the plan's own: when the parent is no foster parent any more, what was closed for that is decided again.
    return hashlib.sha256(b"sealed only " + plan.hash).digest()


def _is_of_envelopes(plan: Plan) -> bool:
    return plan.resource is not None and plan.resource.is_of_envelopes


def _inside(territory: str, rows: pa.RecordBatch, successors: Successors) -> Chosen:
    column = rows.column("territory")
    words = words_of(column)
    inside = call("starts_with", words, territory)
    if successors.changes:
        now = pa.array([None if code is None else successors.present(code) for code in words.to_pylist()], pa.string())
        inside = call("or_", inside, call("starts_with", now, territory))
    return to_flags(call("fill_null", spread(inside, column), False))


def _fits(plan: Plan, header: BatchHeader) -> bool:
    return plan.resource is not None and header.schema_version == plan.resource.schema_version


def _misfit(plan: Plan, header: BatchHeader, rows: pa.RecordBatch) -> str:
    """Why `rows` are not laid out as the catalogue says; empty when they are. Every later reader of the batch relies on it."""
    if plan.resource is None:
        return "it is not in the catalogue in force here"
    known = {item.name: _flat(item.type) for item in schema(plan.resource)}
    found = {item.name: _flat(item.type) for item in rows.schema}
    wrong = sorted(name for name in known.keys() & found.keys() if known[name] != found[name])
    if wrong:
        return f"column {wrong[0]} has type {found[wrong[0]]}, the catalogue says {known[wrong[0]]}"
    # Another version of the layout may lack columns, but never those that every gate reads.
    needed = known if _fits(plan, header) else COMMON_COLUMNS
    absent = sorted(set(needed) - found.keys())
    return f"column {absent[0]} is missing" if absent else ""


def _is_left_alone(plan: Plan, header: BatchHeader) -> bool:
    """True when the plan leaves every row of a batch as it is, going by a header that this node made or has held against the rows."""
    # The highest grade also stands for rows without any, which are held wherever they are read.
    return plan.passes_unseen and 1 <= header.grade_max <= min(plan.grade_free, GRADES[-1] - 1) and _fits(plan, header)


def _belied(header: BatchHeader, rows: pa.RecordBatch) -> str:
    """What `rows` show to be wrong in a header by which later hops may decide; empty when they bear it out."""
    grade = highest_grade(rows)
    if grade > header.grade_max:
        return f"header says grade {header.grade_max} and a row has grade {grade}"
    column = rows.column("territory")
    # A dictionary may name more than the rows use, and it is short: only when one of its words is outside are the rows looked at.
    if not column.null_count and not _first_outside(header.territories, words_of(column)):
        return ""
    outside = _first_outside(header.territories, call("unique", column))
    return f"header says territories {', '.join(header.territories[:3]) or 'none'} and a row is of {outside}" if outside else ""


def _first_outside(territories: Sequence[str], codes: Column) -> str:
    """The first of `codes` that lies in none of `territories`, "none" for a missing one; empty when there is no such code."""
    return next((code or "none" for code in codes.to_pylist() if not any(map((code or "").startswith, territories))), "")


def _flat(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _why(plan: Plan, column: str) -> str:
    """The reasons for which a plan masks a column: whoever sent it in the clear may send it again when one of them is over."""
    rules = [rule for grade in plan.grades for rule in grade.columns] + [rule for row in plan.rows for rule in row.columns]
    words = {rule.reason.word for rule in rules if rule.name == column}
    return f" ({', '.join(sorted(words))})" if words else ""


def _all_addressed(flow: Flow, header: BatchHeader) -> bool:
    """True when every row is the peer's: always on the way up; in return when the header proves it."""
    if flow.direction is Direction.UP:
        return True
    return all(code_contains(flow.peer_territory, code) for code in header.territories) and all(
        run.state is State.PRESENT and run.origin not in flow.subtree for run in header.runs
    )
