"""Rules of the gate and the pipeline, broken: what may pass, what is told of what may not, and what a frame says it carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from node.cases.desk import CaseDesk
from node.engine import pipeline as pipeline_module
from node.engine.pipeline import Pipeline
from node.policy import store as policy_store_module
from node.policy.slicing import Slicing
from node.policy.store import PolicyStore
from policies import gate as gate_module
from policies.entry import Entry
from policies.gate import CompiledGate
from simulations.planted.harness import Planting
from sync.core.ready import OutboundResult, RequeueResult
from sync.model import ClockQuality, Direction, Level, State
from sync.ports import Outcome, Released, let_rows_go


def sender_gate_off(planting: Planting) -> None:
    """The sender lets everything go up."""

    def open_gate(glance: Any) -> Any:
        def whole(gate: CompiledGate, flow: Any, header: Any) -> Outcome:
            planting.hit()
            return Outcome.ELSEWHERE if flow.direction else Outcome.WHOLE

        return whole

    planting.swap(CompiledGate, "glance", open_gate)


def both_gates_off(planting: Planting) -> None:
    """Everything goes above its ceiling, and is taken there."""
    sender_gate_off(planting)
    planting.swap(CompiledGate, "inspect", lambda inspect: lambda gate, flow, header, rows: "")


def rows_not_looked_at(planting: Planting) -> None:
    """No rule about single rows holds, at either end."""

    def blind(codes: Any) -> Any:
        def nothing(plan: Any, rows: Any, **facts: Any) -> Any:
            found = codes(plan, rows, **facts)
            if found.any():
                planting.hit()
            return np.zeros_like(found)

        return nothing

    planting.swap(gate_module, "row_codes", blind)


def masks_off(planting: Planting) -> None:
    """Columns go as they are."""

    def bare(release: Any) -> Any:
        def unmasked(gate: CompiledGate, flow: Any, stored: Any, rows: Any) -> Released:
            released: Released = release(gate, flow, stored, rows)
            if released.rows is None or released.rows.num_rows != rows.num_rows:
                return released
            planting.hit()
            return let_rows_go(Outcome.REWRITTEN, released.runs, rows, released.plan_hash, released.grade_max)

        return unmasked

    planting.swap(CompiledGate, "release", bare)
    planting.swap(CompiledGate, "inspect", lambda inspect: lambda gate, flow, header, rows: "")


def returned_to_everybody(planting: Planting) -> None:
    """What comes down goes to every child, whosever it is."""

    def anywhere(inside: Any) -> Any:
        def everywhere(territory: str, rows: Any, successors: Any) -> Any:
            planting.hit()
            return np.ones(rows.num_rows, np.bool_)

        return everywhere

    planting.swap(gate_module, "_inside", anywhere)


def facts_to_everybody(planting: Planting) -> None:
    """What people say of cases is taken for news to everybody: it comes down to every child, whosever it is."""

    def anywhere(inside: Any) -> Any:
        def of_facts(territory: str, rows: Any, successors: Any) -> Any:
            if "fact_id" not in rows.schema.names:
                return inside(territory, rows, successors)
            planting.hit()
            return np.ones(rows.num_rows, np.bool_)

        return of_facts

    planting.swap(gate_module, "_inside", anywhere)


def own_kept_back(planting: Planting) -> None:
    """Below the city, a node returns what came to it and nothing that it made itself."""

    def only_what_came(elsewhere: Any) -> Any:
        def keep(gate: CompiledGate, flow: Any, header: Any, plan: Any) -> bool:
            is_own = header.origin_distance == 0 and gate.station.level < Level.MUNICIPAL
            if flow.direction is Direction.RETURN and is_own and plan.resource_returns:
                planting.hit()
                return True
            return bool(elsewhere(gate, flow, header, plan))

        return keep

    planting.swap(CompiledGate, "_is_elsewhere", only_what_came)


def facts_not_passed_on(planting: Planting) -> None:
    """Where two ways part nobody passes on what one side of a case said."""

    def blind(is_between: Any) -> Any:
        def never(desk: CaseDesk, fact: Any, party: Any) -> bool:
            if is_between(desk, fact, party):
                planting.hit()
            return False

        return never

    planting.swap(CaseDesk, "_is_between", blind)


def returned_data_goes_up(planting: Planting) -> None:
    """What came down is offered upward again."""

    def forgetful(elsewhere: Any) -> Any:
        def never(gate: CompiledGate, flow: Any, header: Any, plan: Any) -> bool:
            if flow.direction is Direction.UP and header.direction is Direction.RETURN:
                planting.hit()
                return False
            return bool(elsewhere(gate, flow, header, plan))

        return never

    planting.swap(CompiledGate, "_is_elsewhere", forgetful)


def older_policy_taken(planting: Planting) -> None:
    """A bundle of an older epoch replaces the newer one, and stays: neighbours that took both back would exchange them for ever."""
    fell_back: set[tuple[str, str]] = set()
    taking: list[PolicyStore] = []

    def told(change: Any) -> Any:
        def work_out(store: PolicyStore, *offered: Any) -> Any:
            taking[:] = [store]
            return change(store, *offered)

        return work_out

    def any_age(whole_held: Any) -> Any:
        def take(signed: Any, data: bytes, former: Any, seal: Any) -> Any:
            place = (str(taking[-1]._folder), signed.bundle.issuer)  # noqa: SLF001
            if place in fell_back:
                return None
            if former is not None and signed.bundle.epoch < former.bundle.epoch:
                planting.hit()
                fell_back.add(place)
                return whole_held(signed, data, None, seal)
            return whole_held(signed, data, former, seal)

        return take

    planting.swap(PolicyStore, "_change", told)
    planting.swap(policy_store_module, "whole_held", any_age)
    # Peers offer what they have, whatever the other has.
    planting.swap(Slicing, "_note_held", lambda note: lambda slicing, peer, told, version: None)


def entries_end_in_degraded_mode(planting: Planting) -> None:
    """An entry ends on its last day although nobody knows whether it was renewed."""

    def dated(effect_of: Any) -> Any:
        def by_date_alone(entry: Entry, now_us: int, clock: ClockQuality, *, degraded: bool) -> Any:
            if degraded:
                planting.hit()
            return effect_of(entry, now_us, clock)

        return by_date_alone

    planting.swap(Entry, "effect_of", dated)


def withheld_runs_dropped(planting: Planting) -> None:
    """Nobody above hears of records that were held back."""

    def silent(run: Any) -> Any:
        def forgetful(pipe: Pipeline, job: Any, **at_hand: Any) -> Any:
            done = run(pipe, job, **at_hand)
            if not isinstance(done, OutboundResult):
                return done
            parts = tuple(part for part in done.parts if not part.closed and _is_complete(part))
            if len(parts) < len(done.parts):
                planting.hit()
            return replace(done, parts=parts)

        return forgetful

    planting.swap(Pipeline, "run", silent)


def _is_complete(part: Any) -> bool:
    return all(run.state is State.PRESENT for run in part.batch.header.runs)


def held_batches_lost(planting: Planting) -> None:
    """What was held back is not found when the policy lets it pass."""

    def empty(run: Any) -> Any:
        def nothing(pipe: Pipeline, job: Any, **at_hand: Any) -> Any:
            done = run(pipe, job, **at_hand)
            if not isinstance(done, RequeueResult):
                return done
            if done.batches:
                planting.hit()
            return replace(done, batches=())

        return nothing

    planting.swap(Pipeline, "run", empty)


def denied_for_ever(planting: Planting) -> None:
    """What was denied is not decided again when another plan is in force."""

    def closed(reopened: Any) -> Any:
        def nothing(gate: CompiledGate, flow: Any, decided: Any) -> Any:
            if reopened(gate, flow, decided):
                planting.hit()
            return frozenset()

        return nothing

    planting.swap(CompiledGate, "reopened", closed)


def rows_mixed_up(planting: Planting) -> None:
    """Rows that share a frame change places."""

    def reversing(concat: Any) -> Any:
        def backward(tables: Any) -> Any:
            rows = concat(tables)
            if rows.num_rows > 1:
                planting.hit()
            return rows.take(pa.array(list(reversed(range(rows.num_rows)))))

        return backward

    planting.swap(pipeline_module, "concat_rows", reversing)


def rows_left_out(planting: Planting) -> None:
    """One batch of a frame goes without its rows, and the others' runs close up: one record too few."""

    def short(run: Any) -> Any:
        def fewer(pipe: Pipeline, job: Any, **at_hand: Any) -> Any:
            done = run(pipe, job, **at_hand)
            if not isinstance(done, OutboundResult) or len(done.parts) < 2:
                return done
            planting.hit()
            return replace(done, parts=done.parts[:-1])

        return fewer

    planting.swap(Pipeline, "run", short)
