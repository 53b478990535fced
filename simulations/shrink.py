"""Makes a failing fault plan short: drops faults one by one for as long as the seed still fails.

Greedy, one pass after another until nothing more can go or the runs are used up. Called by simulations/verb.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulations.faults import Fault
from simulations.run import Settings, run_seed

SHRINK_RUNS_MAX = 60
"""Worlds that one shrinking may run."""

Fails = Callable[[tuple[Fault, ...]], bool]


def shrink(faults: tuple[Fault, ...], fails: Fails, *, runs_max: int = SHRINK_RUNS_MAX) -> tuple[Fault, ...]:
    """A shorter table that still fails; `faults` itself must. Calls `fails` at most `runs_max` times."""
    runs = 0
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for fault in reversed(faults):
            if runs >= runs_max:
                return faults
            runs += 1
            candidate = _without(faults, fault)
            if fails(candidate):
                faults, is_shorter = candidate, True
    return faults


def shrink_seed(seed: int, settings: Settings, faults: tuple[Fault, ...], *, runs_max: int = SHRINK_RUNS_MAX) -> tuple[Fault, ...]:
    """The short table of a failing seed."""
    return shrink(faults, lambda candidate: not run_seed(seed, replace(settings, schedule=candidate)).is_good, runs_max=runs_max)


def _without(faults: tuple[Fault, ...], dropped: Fault) -> tuple[Fault, ...]:
    kept = list(faults)
    kept.remove(dropped)
    return tuple(kept)
