"""Which nodes a simulated city has: from a topology file (TOML), or from a table of administrative divisions (CSV, also gzipped).

Owns both readings and their checks: one root, parents before children by level, territories nested. Refuses a bad line by its number.
Called by the simulate verb.
"""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simulations.planning.profiles import PROFILES, LinkProfile
from simulations.topology import NodePlan
from sync.model import Level, ModelError, Territory, check_node_id, code_contains

NODES_MAX = 20_000
"""Nodes of one simulated city: each has a journal file of its own."""
FILE_BYTES_MAX = 64 << 20
DIVISION_LEVELS = {
    "province": (Level.PROVINCIAL, 2),
    "city": (Level.MUNICIPAL, 4),
    "district": (Level.DISTRICT, 6),
    "street": (Level.STREET, 9),
    "village": (Level.GRID, 12),
}
"""Word of a division table: the level of its node, and the digits of its territory (GB/T 2260, GB/T 10114)."""


class _NodeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    level: str
    territory: str
    parent: str = ""
    link: str = ""


class _ProfileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate_kbit_s: int
    delay_ms: float
    jitter_ms: float = 0.0
    loss: float = 0.0


class _TopologyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: list[_NodeEntry]
    profile: dict[str, _ProfileEntry] = {}


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes of a city, parents first, and the links that have a profile."""

    plans: tuple[NodePlan, ...]
    links: Mapping[str, LinkProfile]
    """Profile of the uplink, by child; absent where the network's own delays hold."""


def read_topology(path: Path) -> Topology:
    """The city of a topology file; raises ModelError naming the file and what is wrong."""
    try:
        raw = tomllib.loads(_text(path))
        parsed = msgspec.convert(raw, _TopologyFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModelError(f"{path} refused: {error}") from error
    try:
        profiles = PROFILES | {name: LinkProfile(**msgspec.structs.asdict(entry)) for name, entry in parsed.profile.items()}
        plans = ordered([_plan(entry) for entry in parsed.node])
        links = {entry.id: _profile(entry, profiles) for entry in parsed.node if entry.link}
    except ModelError as error:
        raise ModelError(f"{path} refused: {error}") from error
    return Topology(plans, links)


def read_divisions(path: Path, *, root: str, lowest: Level = Level.STREET, link: str = "") -> Topology:
    """The city of a division table below `root` (digits of its code), with everything above it, down to level `lowest`.

    Columns `code` (12 digits), `name`, `level` (province, city, district, street, village), `parent` (12 digits, empty at the top).
    """
    plans = ordered(_below(_division_plans(path, lowest), root, path))
    if link and link not in PROFILES:
        raise ModelError(f"link {link!r} refused: choose from {', '.join(sorted(PROFILES))}")
    return Topology(plans, {plan.id: PROFILES[link] for plan in plans if plan.parent} if link else {})


def ordered(plans: Iterable[NodePlan]) -> tuple[NodePlan, ...]:
    """The plans with parents before children; raises ModelError for anything that is not one tree."""
    known: dict[str, NodePlan] = {}
    for plan in sorted(plans, key=lambda plan: (-plan.level, plan.id)):
        if plan.id in known:
            raise ModelError(f"node {plan.id} stands twice")
        if plan.parent:
            _check_below(plan, known.get(plan.parent))
        known[plan.id] = plan
    roots = [plan.id for plan in known.values() if not plan.parent]
    if len(roots) != 1 or len(known) > NODES_MAX:
        raise ModelError(f"{len(known)} nodes with {len(roots)} roots refused: one root, at most {NODES_MAX} nodes")
    if known[roots[0]].level is not Level.PROVINCIAL:
        raise ModelError(f"root {roots[0]} is {known[roots[0]].level.word}: the catalogue is issued by a provincial node, put one on top")
    return tuple(known.values())


def _check_below(plan: NodePlan, parent: NodePlan | None) -> None:
    if parent is None:
        raise ModelError(f"parent {plan.parent} of {plan.id} is not there, or not of a higher level")
    if not code_contains(parent.territory, plan.territory):
        raise ModelError(f"territory {plan.territory} of {plan.id} is not inside {parent.territory} of {parent.id}")


def _plan(entry: _NodeEntry) -> NodePlan:
    return NodePlan(check_node_id(entry.id), Level.from_word(entry.level), Territory(entry.territory).code, entry.parent)


def _profile(entry: _NodeEntry, profiles: Mapping[str, LinkProfile]) -> LinkProfile:
    if entry.link not in profiles:
        raise ModelError(f"link {entry.link!r} of {entry.id} is not one of {', '.join(sorted(profiles))}")
    return profiles[entry.link]


def _division_plans(path: Path, lowest: Level) -> list[NodePlan]:
    plans = []
    for number, row in enumerate(csv.DictReader(_text(path).splitlines()), start=2):
        try:
            level, digits = DIVISION_LEVELS[row["level"]]
            if level >= lowest:
                code = Territory(row["code"][:digits]).code
                plans.append(NodePlan(_id(code), level, code, _parent(row["parent"], level)))
        except (KeyError, TypeError, ModelError) as error:
            raise ModelError(f"{path} line {number} refused: {error}") from error
    return plans


def _below(plans: list[NodePlan], root: str, path: Path) -> list[NodePlan]:
    found = [plan for plan in plans if code_contains(root, plan.territory) or code_contains(plan.territory, root)]
    if not any(plan.territory == root for plan in found):
        raise ModelError(f"{path} has no division {root}: give the digits of its own tier, as 3702 for a city")
    return found


def _id(code: str) -> str:
    return f"n{code}"


def _parent(code: str, level: Level) -> str:
    if not code:
        return ""
    above = next(digits for other, digits in DIVISION_LEVELS.values() if other == level + 1)
    return _id(code[:above])


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            with gzip.open(path) as unfolding:
                data = unfolding.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise ModelError(f"{path} refused: over {FILE_BYTES_MAX >> 20} MiB")
        return data.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
