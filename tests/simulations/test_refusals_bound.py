"""A city in which nodes remember one refusal of each peer: what they forget, they read again in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from node.store import heard, queries
from simulations import sessions
from simulations.checkers import Promise
from simulations.faults import read_schedule
from simulations.rules import Change
from simulations.run import SMALL_SETTINGS, SeedReport, run_seed
from sync.core import refusals
from sync.core.messages import Refused

WRONG_CLOCK = """
1000000 stale m1 - 30461400 54259200000000 -
2000000 burst d11 - 0 3000 -
3500000 one-way m1 d11 1500000 0 -
6500000 one-way m1 d11 2500000 0 -
12500000 one-way m1 d11 3500000 0 -
"""
"""A city refuses what its district sends, and the district hears nothing of it for a while."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (heard, queries, refusals):
        monkeypatch.setattr(module, "REFUSALS_KEPT_MAX", 1)


def report() -> SeedReport:
    settings = replace(SMALL_SETTINGS, fan_out=1, schedule=read_schedule(WRONG_CLOCK), change=Change.NONE, deadline_records=0)
    return run_seed(1, settings)


@pytest.mark.slow
def test_a_refusal_that_nobody_remembers_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Refused] = []

    def noted(*arguments: object) -> Iterator[Refused]:
        for refused in heard.unheard(*arguments):  # type: ignore[arg-type]
            told.append(refused)
            yield refused

    monkeypatch.setattr(sessions, "unheard", noted)
    assert report().violations == []
    assert told


@pytest.mark.slow
def test_without_the_journal_the_sender_would_take_it_for_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "unheard", lambda *arguments: ())
    assert {violation.promise for violation in report().violations} >= {Promise.KEPT}
