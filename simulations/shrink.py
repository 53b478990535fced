"""Makes a failing fault plan short: drops ever smaller parts of it for as long as the seed still fails (Zeller, delta debugging, 2002).

All of it first, then halves, and one by one in the end, until nothing more can go or the runs are used up. Called by simulations/verb.py.
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
    runs, size = 0, len(faults)
    while size:
        is_shorter = False
        for end in range(len(faults), 0, -size):
            if runs >= runs_max:
                return faults
            runs += 1
            candidate = faults[: max(0, end - size)] + faults[end:]
            if fails(candidate):
                faults, is_shorter = candidate, True
        if size > 1 or not is_shorter:
            size //= 2
    return faults


def shrink_seed(seed: int, settings: Settings, faults: tuple[Fault, ...], *, runs_max: int = SHRINK_RUNS_MAX) -> tuple[Fault, ...]:
    """The short table of a failing seed."""
    bare = replace(settings, has_floor=False)
    return shrink(faults, lambda candidate: not run_seed(seed, replace(bare, schedule=candidate)).is_good, runs_max=runs_max)
