"""Switches a safety rule off for the length of one run, counts that the changed line ran, and puts everything back.

A mutation replaces a function of the product, in this process, at run time. Called by the proof and the tests; nothing of it is ever
imported by a running node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from simulations.run import SeedReport, Settings, run_seed

SEEDS_MAX = 50
"""Seeds within which a planted bug must have been seen."""
GOOD_SEEDS_MAX = 1_000
"""Seeds of which is remembered that nothing breaks in them without a planted bug."""

Make = Callable[[Any], Any]
"""From the product's function to what takes its place."""


@dataclass(slots=True)
class Planting:
    """What one mutation changed, and how often the change ran."""

    ran: int = 0
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def swap(self, owner: Any, name: str, make: Make) -> None:
        """Put `make(original)` in the place of an attribute of a module or class."""
        original = vars(owner)[name]
        self._undo.append(lambda: setattr(owner, name, original))
        setattr(owner, name, make(original))

    def note(self, undo: Callable[[], object]) -> None:
        """Something else was changed that `undo` puts back."""
        self._undo.append(undo)

    def hit(self) -> None:
        """The changed line runs."""
        self.ran += 1

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule and how to break it."""

    name: str
    rule: str
    """What the product promises, in one line."""
    plant: Callable[[Planting], None]
    settings: Settings
    seed: int = 0
    """A seed that is known to catch it: tried first."""


@dataclass(frozen=True, slots=True)
class Trap:
    """What came of a mutation."""

    mutation: Mutation
    seed: int | None
    """The catching seed; None when no seed caught it."""
    ran: int
    """Times that the changed line ran in that seed."""
    seeds: int
    """Seeds tried."""
    promises: tuple[str, ...] = ()
    """What was seen to break first."""

    @property
    def is_caught(self) -> bool:
        """True when a seed caught it, and the changed line ran there."""
        return self.seed is not None and self.ran > 0


@contextmanager
def planted(mutation: Mutation) -> Iterator[Planting]:
    """The product with a rule switched off."""
    planting = Planting()
    try:
        mutation.plant(planting)
        yield planting
    finally:
        planting.undo()


def run_planted(mutation: Mutation, seed: int) -> tuple[SeedReport, int]:
    """A seed with the rule switched off, and how often the changed line ran."""
    with planted(mutation) as planting:
        report = run_seed(seed, replace(mutation.settings, stops_when_found=True))
    return report, planting.ran


@lru_cache(maxsize=GOOD_SEEDS_MAX)
def is_good_without(seed: int, settings: Settings) -> bool:
    """True when the seed breaks no promise with every rule on; the same for all mutations that it is tried for."""
    return run_seed(seed, settings).is_good


def try_mutation(mutation: Mutation, *, seeds_max: int = SEEDS_MAX) -> Trap:
    """Try seeds until one breaks a promise with the rule off and breaks none with it on."""
    order = [mutation.seed, *(seed for seed in range(seeds_max) if seed != mutation.seed)][:seeds_max]
    ran = 0
    for tried, seed in enumerate(order, start=1):
        report, ran = run_planted(mutation, seed)
        if not report.is_good and ran and is_good_without(seed, mutation.settings):
            promises = sorted({violation.promise.value for violation in report.violations})
            return Trap(mutation, seed, ran, tried, tuple(promises))
    return Trap(mutation, None, ran, len(order))
