"""The table of scenarios: one line for each hard case of the policy that the simulator can play, with what goes wrong on that day.

Owns names, plans and what may be nowhere. Cases that other proofs answer for are in ELSEWHERE, with which. Called by day.py, the verb and
the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from simulations.faults import read_schedule
from simulations.planted.plans import CHANGING, GARBLED, HARSH, LATE, MOVED, OVERTAKEN, REPLAYED, RESTORED, STALE_LISTED
from simulations.rules import Change
from simulations.run import Settings
from simulations.scenarios.absence import OldNodeComesBack
from simulations.scenarios.borders import StreetsMergeAndPart
from simulations.scenarios.canaries import HIGH_READING, RESIDENT
from simulations.scenarios.conflicts import TicketClockRuns
from simulations.scenarios.crowds import ThresholdByTrickle
from simulations.scenarios.disputes import SourceAloneCorrects
from simulations.scenarios.grades import ReclassifiedDown, ReclassifiedUp
from simulations.scenarios.grants import GrantRevokedMidStream
from simulations.scenarios.heirs import HeirsKeepTheGrade
from simulations.scenarios.recalls import RecalledOverThreeLevels
from simulations.scenarios.regained import FreedAgain
from simulations.scenarios.script import Script
from simulations.scenarios.sealed import SealedPastTheDistrict
from simulations.scenarios.totals import TotalsAreMarked
from sync.model import Level

ABOVE_STREET = (Level.DISTRICT, Level.MUNICIPAL, Level.PROVINCIAL)
ABOVE_GRID = (Level.STREET, *ABOVE_STREET)
ABOVE_DISTRICT = ABOVE_STREET[1:]

_EARLY_POLICY = "200000 policy p0 - 0 0 -\n"
_OFFLINE = """
2000000 partition g1111 s111 14000000 0 -
5000000 policy p0 - 0 0 -
9000000 crash g1111 - 500000 1 before-commit
20000000 cut s111 d11 0 0 -
"""
_JUMPS = """
3000000 clock g1111 - 6000000 -5184000000000 -
5000000 battery s111 - 4000000 0 -
12000000 clock s111 - 6000000 5184000000000 -
14000000 stale g1111 - 8000000 43200000000000 -
22000000 crash g1111 - 500000 1 before-sends
"""
_EDGES = """
2000000 garble g1111 s111 20000000 100 -
2000000 replay s111 g1111 20000000 100 -
9000000 restore g1111 - 6000000 0 found
24000000 crash s111 - 500000 1 in-commit
"""
_ROUGH = """
3000000 crash s111 - 500000 1 in-commit
10000000 repeat - - 12000000 60 -
10500000 loss - - 5000000 30 -
11500000 crash m1 - 500000 1 before-commit
12500000 crash d11 - 500000 1 in-commit
13500000 crash p0 - 500000 1 in-commit
14500000 crash s111 - 500000 1 before-sends
"""
GOVERNED = replace(HARSH, schedule=read_schedule(_ROUGH), fault_s=20, rounds=7, records=8, change=Change.NONE)
"""A day on which people decide: shorter than others, because they do so at once."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One hard case, or a part of it, as a day of a city of five nodes in one line."""

    name: str
    case: str
    """Number in the table of hard cases; `-` for one that is none of them."""
    rule: str
    """What holds, in one line."""
    settings: Settings
    withheld: Mapping[str, Sequence[Level]] = field(default_factory=lambda: {RESIDENT: ABOVE_STREET})
    """Kinds of canaries, and the levels that no byte of them may reach."""
    planted: str = ""
    """A planted bug (simulations/planted) with which this day is broken, or its canaries are found."""
    seed: int = 0
    script: type[Script] | None = None
    """What people decide on that day; None for one on which nobody does."""


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "quiet-day", "-", "what is masked, denied or held is in no store and in no frame",
        replace(HARSH, schedule=(), change=Change.LIFT_ROWS), {RESIDENT: ABOVE_STREET, HIGH_READING: ABOVE_GRID}, "both-gates-off",
    ),
    Scenario(
        "entry-under-clock-jumps", "2", "a listed row stays while clocks jump back and ahead, beyond the dates of entry and bundle",
        replace(STALE_LISTED, schedule=read_schedule(_JUMPS), change=Change.LIFT_ROWS),
        {RESIDENT: ABOVE_STREET, HIGH_READING: ABOVE_GRID}, "entries-end-in-degraded-mode",
    ),
    Scenario(
        "entry-ends", "2", "what an entry denied goes once, as backfill, when the entry ends",
        replace(HARSH, change=Change.LIFT_ROWS), {RESIDENT: ABOVE_STREET}, "denied-for-ever",
    ),
    Scenario(
        "child-offline-at-change", "4", "policy before data: the queue of a child that was away is decided anew before anything is sent",
        replace(HARSH, schedule=read_schedule(_OFFLINE), change=Change.DENY_ROWS), {RESIDENT: ABOVE_STREET}, "rows-not-looked-at",
    ),
    Scenario(
        "old-version-batch", "4b", "what comes under an older policy is refused whole, and its sender decides again",
        OVERTAKEN, {RESIDENT: ABOVE_STREET}, "refusal-forgotten",
    ),
    Scenario(
        "late-hearer", "4b", "who hears late of a policy refuses for a time, and gets it all the same",
        LATE, {RESIDENT: ABOVE_STREET}, "refusal-for-ever",
    ),
    Scenario(
        "levels-conflict", "5", "the province lets residents pass masked, the city denies the protected: the strictest wins at every node",
        HARSH, {RESIDENT: ABOVE_STREET}, "rows-not-looked-at",
    ),
    Scenario(
        "field-on-the-list", "6", "the column stays and its values do not, on hard days too",
        replace(HARSH, schedule=read_schedule(_EDGES)), {RESIDENT: ABOVE_STREET}, "masks-off",
    ),
    Scenario(
        "onward", "10", "the district holds what it may not pass on, and nobody above it ever does",
        replace(HARSH, schedule=(*read_schedule(_EARLY_POLICY), *(HARSH.schedule or ())), change=Change.DENY_ROWS),
        {RESIDENT: ABOVE_STREET, HIGH_READING: ABOVE_DISTRICT}, "both-gates-off",
    ),
    Scenario(
        "revoked-mid-stream", "11", "a decision that a policy overtook is taken back, at both ends",
        CHANGING, {RESIDENT: ABOVE_STREET}, "stale-decision-used",
    ),
    Scenario(
        "restored-child", "12", "a disk put back from a backup brings nothing that may not pass",
        RESTORED, {RESIDENT: ABOVE_STREET}, "fork-not-seen",
    ),
    Scenario(
        "source-alone-writes", "13", "what came down does not go up again as somebody else's word",
        HARSH, {RESIDENT: ABOVE_STREET}, "returned-data-goes-up",
    ),
    Scenario(
        "reclassified-up", "1", "records that are graded up are erased at every holder that may not have them, and no other is touched",
        GOVERNED, {}, "grade-change-overslept", script=ReclassifiedUp,
    ),
    Scenario(
        "reclassified-down", "1b", "what a raise withheld goes once, as backfill, when two persons end it, over two restarts",
        GOVERNED, {}, "denied-for-ever", script=ReclassifiedDown,
    ),
    Scenario(
        "recalled-over-three-levels", "3", "what was shared before the entry is erased at every holder, also at one that was away",
        GOVERNED, {}, "recall-by-word-alone", script=RecalledOverThreeLevels,
    ),
    Scenario(
        "freed-again", "3", "once the entry is revoked, what everybody had erased comes again, and before that by no copy",
        GOVERNED, {}, "free-records-forgotten", script=FreedAgain,
    ),
    Scenario(
        "grant-revoked-mid-stream", "11", "after a grant is revoked its provider gives no page, though the asker may not have heard of it",
        GOVERNED, {RESIDENT: ABOVE_STREET}, "revoked-grant-gives", script=GrantRevokedMidStream,
    ),
    Scenario(
        "source-alone-corrects", "13", "only the source writes and corrects; who holds the records may dispute, and the score says so",
        GOVERNED, {RESIDENT: ABOVE_STREET}, "anybody-writes", script=SourceAloneCorrects,
    ),
    Scenario(
        "threshold-by-trickle", "8", "a set that grows past the table is held and reviewed; once it is released it goes on",
        GOVERNED, {}, "persons-not-counted", script=ThresholdByTrickle,
    ),
    Scenario(
        "old-node-comes-back", "12", "who was away for longer than tombstones last is seeded anew, and brings nothing back",
        GOVERNED, {}, "absence-not-noticed", script=OldNodeComesBack,
    ),
    Scenario(
        "streets-merge-and-part", "9", "what returns follows the map of successors, and history keeps the old code",
        replace(GOVERNED, has_two_streets=True), {}, "successors-overlooked", script=StreetsMergeAndPart,
    ),
    Scenario(
        "totals-are-marked", "3b", "totals that count what was taken back later stay and say so; the next window counts without it",
        GOVERNED, {}, "recall-by-word-alone", script=TotalsAreMarked,
    ),
    Scenario(
        "heirs-keep-the-grade", "7", "what is made of records keeps their grade and masks, without a record of theirs beside it",
        GOVERNED, {}, "lineage-forgotten", script=HeirsKeepTheGrade,
    ),
    Scenario(
        "ticket-clock-runs", "5", "both sides and those above see a contradiction; the lower entry is void when no basis is shown in time",
        GOVERNED, {}, "ticket-clock-stopped", script=TicketClockRuns,
    ),
    Scenario(
        "sealed-past-the-district", "-", "what a node on the way may not hold goes past it sealed, and is counted by envelope there",
        replace(GOVERNED, fault_s=17, rounds=3, records=4), {}, "envelopes-left-open", script=SealedPastTheDistrict,
    ),
    Scenario("moved-child", "-", "a node below another parent brings there what policy lets it", MOVED, {RESIDENT: ABOVE_STREET}),
    Scenario("hostile-wire", "-", "turned bits and old messages open nothing", GARBLED, {RESIDENT: ABOVE_STREET}, seed=1),
    Scenario("old-messages", "-", "messages of earlier policies that come again open nothing", REPLAYED, {RESIDENT: ABOVE_STREET}),
)  # fmt: skip

ELSEWHERE: Mapping[str, str] = {}
"""Hard cases, or parts of them, that no scenario plays, and what answers for them."""
