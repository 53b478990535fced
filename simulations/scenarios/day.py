"""Runs a scenario: its city with canaries in it, all faults of its plan, every checker, and the scan of all disks and frames at the end.

Called by the verb `simulate --scenario` and the tests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from simulations.leaks import Hit
from simulations.planted import MUTATIONS
from simulations.planted.governed import GOVERNED
from simulations.planted.harness import planted
from simulations.run import DISK_BYTES_PER_NODE, SeedReport, run_seed
from simulations.scenarios.canaries import Canaries
from simulations.scenarios.script import Script
from simulations.scenarios.table import Scenario
from simulations.scratch import scratch
from simulations.world import World

PLANTED_SEEDS_MAX = 8
"""Seeds within which a planted bug must be seen: whether its rule matters on a day depends on what meets what."""


@dataclass(frozen=True, slots=True)
class DayReport:
    """What came of a scenario."""

    scenario: Scenario
    seed: SeedReport
    """What the checkers found."""
    withheld: Counter[str]
    """Canaries that each node may not have, or must have erased."""
    hits: tuple[Hit, ...]
    """Where some of them were all the same."""

    @property
    def is_good(self) -> bool:
        """True when every promise was kept and no canary was found."""
        return self.seed.is_good and not self.hits

    @property
    def lines(self) -> list[str]:
        """What was broken, one line each: promises, then files and frames with the number of canaries in them."""
        places = Counter((hit.file, hit.where.split(" ")[0]) for hit in self.hits)
        return [violation.line for violation in self.seed.violations] + [
            f"LEAK {count} canaries in {file} ({where})" for (file, where), count in sorted(places.items())
        ]


def run_day(scenario: Scenario, *, seed: int | None = None) -> DayReport:
    """Play a scenario; a failure is in the report, never an exception."""
    found: list[Canaries] = []
    scripts: list[Script] = []

    def put(world: World) -> None:
        found.append(Canaries.put(world))
        if scenario.script is not None:
            scripts.append(scenario.script(world))
            world.plot = scripts[-1]
            scripts[-1].begin()

    with scratch(DISK_BYTES_PER_NODE * scenario.settings.nodes) as room:
        folder = room.folder / "world"
        report = run_seed(scenario.seed if seed is None else seed, scenario.settings, keep=folder, on_world=put)
        erased = scripts[0].erased if scripts else {}
        hits = found[0].found(folder, scenario.withheld, erased)
    withheld = found[0].planted(scenario.withheld) + Counter({node: len(tokens) for node, tokens in erased.items()})
    return DayReport(scenario, report, withheld, tuple(hits))


def run_planted_day(scenario: Scenario) -> tuple[DayReport, int]:
    """The same with the scenario's planted bug, under one seed after another until it is seen, and how often the changed line ran."""
    mutation = next(mutation for mutation in (*MUTATIONS, *GOVERNED) if mutation.name == scenario.planted)
    for seed in range(scenario.seed, scenario.seed + PLANTED_SEEDS_MAX):
        with planted(mutation) as planting:
            report = run_day(scenario, seed=seed)
        if planting.ran and not report.is_good:
            break
    return report, planting.ran
