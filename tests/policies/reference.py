"""A naive evaluator: POLICY sections 3 and 4 read record by record, without anything of the product's compiler.

It answers one question for one record on one flow: the strictest verdict, and which columns may not pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policies import Bundle, Entry, Field, Resource
from sync.model import Level

Row = Mapping[str, str | int | None]
ORDER = ("allow", "mask", "verify", "aggregate", "hold", "deny")
CLEAR = ("allow", "mask")
FLOOR = {"state-secret", "face-template"}
COLUMN = {("own", 0): "own", ("up", 1): "parent", ("up", 2): "above", ("return", 1): "return", ("sideways", 1): "sideways"}
CLOCK_UNSURE_US = 300_000_000


@dataclass(frozen=True)
class Flow:
    """Where a record would go."""

    way: str
    hops: int
    level: Level
    purpose: str = ""
    """Empty: the standing one."""
    given: tuple[str, ...] | None = None
    """Columns that a grant names; None without a grant."""
    is_question: bool = False
    """A yes or no on a supplied value, instead of the record."""


@dataclass(frozen=True)
class World:
    """What is in force, and what the clock says."""

    bundles: Sequence[Bundle]
    predicates: Mapping[str, Callable[[Row], bool]]
    """What each predicate of an entry says of a row, in plain Python."""
    now_us: int
    unsure_us: int = 0

    @property
    def is_stale(self) -> bool:
        """True when any bundle is past its end or not yet begun."""
        return any(not bundle.not_before_us <= self.now_us < bundle.not_after_us for bundle in self.bundles)

    def evaluate(self, row: Row, flow: Flow) -> tuple[str, set[str]]:
        """The verdict for a record, and the columns of it that may not pass in the clear."""
        known = [one for bundle in sorted(self.bundles, key=lambda bundle: -bundle.level) for one in bundle.contents.catalogue]
        names = {item.name for one in known[:1] for item in one.fields}
        if not known:
            return "hold", names
        found, hidden = [], set[str]()
        for verdict, columns in (*self._grades(known, row, flow), *self._entries(known[0], row, flow), *_grant(known, flow)):
            found.append(verdict)
            hidden |= columns
        return max(found, key=ORDER.index), hidden

    def unseen(self, row: Row, level: Level, clearance: int) -> set[str]:
        """The columns of a record that a person of a clearance at a node of `level` may not see in the clear."""
        known = [one for bundle in self.bundles for one in bundle.contents.catalogue]
        names = {item.name for one in known[:1] for item in one.fields}
        if not known or not known[0].grade or row["grade"] not in (0, 1, 2, 3, 4):
            return names
        national = known[0].national.value
        grade = max(*(one.grade for one in known), int(row["grade"]), 3 if national != "general" else 1)
        own = self._cell(grade, national, Flow("own", 0, level))
        if grade > clearance or own not in CLEAR or national == "core" or FLOOR & set(known[0].categories):
            return names
        fields = known[0].fields
        return {item.name for item in fields if item.grade > clearance or item.category in FLOOR or (own == "mask" and is_direct(item))}

    def _grades(self, known: list[Resource], row: Row, flow: Flow) -> list[tuple[str, set[str]]]:
        """Bundle gate, legal floor and ceiling."""
        first, own = known[0], row["grade"]
        if not first.grade or own not in (0, 1, 2, 3, 4):
            return [("hold", set())]
        national = max((one.national.value for one in known), key=("general", "important", "core").index)
        grade = max(*(one.grade for one in known), int(own), 3 if national != "general" else 1)
        found: list[tuple[str, set[str]]] = []
        if self.is_stale and first.skeleton:
            found.append(("mask", {item.name for item in first.fields} - set(first.skeleton)))
        elif self.is_stale and grade > 1:
            found.append(("hold", set()))
        if national == "core" or FLOOR & {category for one in known for category in one.categories}:
            found.append(("deny", set()))
        found.append(("allow", {item.name for item in first.fields if item.category in FLOOR}))
        found.append((self._cell(grade, national, flow), set()))
        for item in first.fields:
            higher = max(other.grade for one in known for other in one.fields if other.name == item.name)
            cell = self._cell(max(grade, higher), national, flow) if higher > grade else found[-1][0]
            if cell not in CLEAR or (cell == "mask" and is_direct(item)):
                found.insert(0, ("allow", {item.name}))
        return found

    def _cell(self, grade: int, national: str, flow: Flow) -> str:
        tables = [bundle.contents.ceiling for bundle in self.bundles if bundle.contents.ceiling is not None]
        column = COLUMN[flow.way, flow.hops]

        def strictest(line: str) -> str:
            return max((table.verdict(line, column).word for table in tables), key=ORDER.index, default="hold")

        cell = strictest(f"L{grade}")
        if cell == "verify" and (flow.given is not None or flow.is_question) and (grade <= 3 or (flow.given and flow.is_question)):
            cell = "allow"
        return cell if national == "general" else max(cell, strictest(national), key=ORDER.index)

    def _entries(self, resource: Resource, row: Row, flow: Flow) -> list[tuple[str, set[str]]]:
        entries = [entry for bundle in self.bundles for entry in bundle.contents.entries]
        return [self._by_entry(entry, resource) for entry in entries if self._is_about(entry, resource, row, flow)]

    def _by_entry(self, entry: Entry, resource: Resource) -> tuple[str, set[str]]:
        if entry.effect.word == "mask":
            return "allow", set(entry.fields) or {item.name for item in resource.fields if is_direct(item)}
        return ("allow", set(entry.fields)) if entry.fields else (entry.effect.word, set())

    def _is_about(self, entry: Entry, resource: Resource, row: Row, flow: Flow) -> bool:
        purpose = flow.purpose or resource.purpose
        ways = [way.value for way in entry.ways]
        is_lifted = any(
            lift.approver == entry.approver
            and (not lift.levels or flow.level in lift.levels)
            and (not lift.purposes or purpose in lift.purposes)
            for lift in entry.exemptions
        )
        place = row["territory"]
        return (
            self._is_live(entry)
            and not is_lifted
            and (resource.code == entry.resource or (entry.resource.endswith("*") and resource.code.startswith(entry.resource[:-1])))
            and (flow.way in ways or (not ways and flow.way != "return"))
            and (not entry.levels or flow.level in entry.levels)
            and (not entry.purposes or purpose in entry.purposes)
            and (not entry.territories or place is None or any(str(place).startswith(code) for code in entry.territories))
            and self.predicates[entry.predicate](row)
        )

    def _is_live(self, entry: Entry) -> bool:
        if entry.basis is None or entry.basis.fault or not entry.approver or entry.valid_to_us <= entry.valid_from_us:
            return False
        is_dated = self.unsure_us <= CLOCK_UNSURE_US and not self.is_stale
        return not is_dated or entry.valid_from_us <= self.now_us < entry.valid_to_us


def _grant(known: list[Resource], flow: Flow) -> list[tuple[str, set[str]]]:
    """Share type and grant."""
    if flow.given is not None:
        return [("allow", {item.name for item in known[0].fields} - set(flow.given))]
    shares = {one.share.value for one in known}
    is_asked = flow.is_question and "none" not in shares and flow.purpose.split("/")[0] == "verification"
    if flow.way == "return" or is_asked or shares == {"unconditional"}:
        return []
    standing = known[0].purpose
    is_granted = flow.way == "up" and standing and (flow.purpose or standing) == standing
    return [] if is_granted else [("hold", set())]


def is_direct(item: Field) -> bool:
    """True for a direct identifier."""
    return item.role.value == "direct-id"


def unknown_matches(predicate: Callable[[Row], bool | None]) -> Callable[[Row], bool]:
    """SQL's unknown counts as a match."""
    return lambda row: predicate(row) is not False


__all__ = ["CLEAR", "Flow", "Row", "World", "unknown_matches"]
