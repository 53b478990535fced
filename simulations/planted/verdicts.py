"""Rules about decisions that a policy has overtaken, broken: they are taken back, and refusals are tried again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulations.planted.harness import Planting
from sync.core.receiving import Receiving
from sync.core.reprieves import Reprieves
from sync.core.sending import Sending


def stale_decision_used(planting: Planting) -> None:
    """What was decided under an older policy goes out, or is stored, as if it were of the one in force."""

    def careless(gated: Any) -> Any:
        def as_it_is(sending: Sending, link: Any, job: Any, outcome: Any, now: Any) -> None:
            if outcome.version != sending._desk.version:  # noqa: SLF001
                planting.hit()
            gated(sending, link, job, replace(outcome, version=sending._desk.version), now)  # noqa: SLF001

        return as_it_is

    planting.swap(Sending, "gated", careless)
    planting.swap(Receiving, "_is_taken_back", lambda taken: lambda receiving, link, waiting: False)


def refusal_for_ever(planting: Planting) -> None:
    """What a peer refused stays refused, whatever its policy is by now."""

    due_at = Reprieves.due_at

    def deaf(begin: Any) -> Any:
        def once(reprieves: Reprieves, peer: str, top: int, now: Any) -> bool:
            if due_at(reprieves, peer) is not None:
                planting.hit()
            return bool(begin(reprieves, peer, top, now))

        return once

    planting.swap(Reprieves, "begin", deaf)
    # No round after the first: nothing that a peer says calls for one.
    planting.swap(Reprieves, "due_at", lambda due: lambda reprieves, peer: None)
