"""Territory changes (merge, split, new code) as a dated map from old codes to new ones; history keeps the code it was written under.

Owns the translation of codes. A change says: what begins with `old` begins with `new` from a date on; the longest `old` wins, so a split is
one change for the heir of the whole and one for each part that goes elsewhere, and every code has exactly one present code. Refuses maps
whose answer would depend on their order. Pure. Carried by bundles (`Contents.successors`), used by the compiler for the selectors of
entries and by the gate for the right to returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policies.errors import BundleError
from policies.reading import Reader

CHANGES_MAX = 20_000
"""Changes in one bundle: a province changed some dozens of codes in a year."""
CODE_DIGITS = (2, 4, 6, 9, 12, 15)
"""Lengths of codes: province, city, district, street, community, grid."""


@dataclass(frozen=True, slots=True)
class Change:
    """From `from_us` on, what began with `old` begins with `new`."""

    old: str
    new: str
    from_us: int
    """First microsecond, since 1970 UTC."""
    basis: str = ""
    """The order that made the change, for people."""

    @classmethod
    def of(cls, value: object, where: str) -> Change:
        """A change from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(reader.text("old"), reader.text("new"), reader.integer("from_us", low=0), reader.text("basis", ""))
        reader.done()
        for name, code in (("old", built.old), ("new", built.new)):
            if len(code) not in CODE_DIGITS or not (code.isascii() and code.isdigit()):
                raise BundleError(f"{where}.{name} {code!r} refused: a territory code has 2, 4, 6, 9, 12 or 15 digits")
        if len(built.old) != len(built.new):
            raise BundleError(f"{where} refused: {built.old} and {built.new} are of different tiers; name the codes of one tier")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"old": self.old, "new": self.new, "from_us": self.from_us, "basis": self.basis}


@dataclass(frozen=True, slots=True)
class Successors:
    """The changes in force at one moment."""

    changes: tuple[Change, ...] = ()
    days: tuple[Mapping[str, str], ...] = ()
    """The new code by the old one, for each date in its order."""

    @classmethod
    def at(cls, changes: Iterable[Change], now_us: int) -> Successors:
        """The changes whose date has come."""
        come = tuple(sorted((one for one in changes if one.from_us <= now_us), key=lambda one: (one.from_us, one.old, one.new)))
        days: dict[int, dict[str, str]] = {}
        for one in come:
            days.setdefault(one.from_us, {})[one.old] = one.new
        return cls(come, tuple(days.values()))

    def present(self, code: str) -> str:
        """The code that `code` has become; itself where nothing changed."""
        return _followed(code, self.days)

    def reaches(self, target: str, code: str) -> bool:
        """True when what is written under `code` is the target's: it lay there as written, or lies there now."""
        return code.startswith(target) or (bool(self.changes) and self.present(code).startswith(target))

    def may_reach(self, target: str, code: str) -> bool:
        """True when something of the territory `code` may be the target's: either lies in the other, now or as written."""
        if _touch(code, target):
            return True
        if not self.changes:
            return False
        return _touch(self.present(code), target) or any(_touch(moved, target) for moved in self._moved_inside(code))

    def covering(self, codes: Sequence[str]) -> tuple[str, ...]:
        """Codes under which records of these territories are written, before and after all changes: at least those, for what withholds."""
        if not self.changes or not codes:
            return tuple(codes)
        found = set(codes)
        while added := {code for one in self.changes for code in _joined(one, found)} - found:
            found |= added
        return tuple(sorted(found))

    def _moved_inside(self, code: str) -> Iterable[str]:
        """What parts of the territory `code` have become."""
        for number, day in enumerate(self.days):
            for old, new in day.items():
                if old.startswith(code):
                    yield _followed(new, self.days[number + 1 :])


NO_SUCCESSORS = Successors()


def check_changes(changes: tuple[Change, ...], where: str) -> tuple[Change, ...]:
    """`changes` if each old code of a date has one successor; raises BundleError."""
    if len(changes) > CHANGES_MAX:
        raise BundleError(f"{where} refused: {len(changes)} changes, at most {CHANGES_MAX}")
    seen: set[tuple[str, int]] = set()
    for one in changes:
        if (one.old, one.from_us) in seen:
            raise BundleError(f"{where} refused: {one.old} has two successors from one date; name one heir, and each part by its own code")
        seen.add((one.old, one.from_us))
    return changes


def merged_changes(lists: Iterable[tuple[Change, ...]]) -> tuple[Change, ...]:
    """The changes of all issuers, the highest first; where two name a successor of one code from one date, the higher issuer's holds."""
    found: dict[tuple[str, int], Change] = {}
    for changes in lists:
        for one in changes:
            found.setdefault((one.old, one.from_us), one)
    return tuple(found[key] for key in sorted(found))


def _followed(code: str, days: Iterable[Mapping[str, str]]) -> str:
    """`code` after these days; of one day the longest old code is taken, once."""
    for day in days:
        digits = next((digits for digits in reversed(CODE_DIGITS) if digits <= len(code) and code[:digits] in day), 0)
        if digits:
            code = day[code[:digits]] + code[digits:]
    return code


def _touch(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _joined(change: Change, codes: set[str]) -> list[str]:
    """The other end of a change of which one end lies in the territories, or they in it."""
    found = []
    for code in codes:
        if change.old.startswith(code):
            found.append(change.new)
        elif code.startswith(change.old):
            found.append(change.new + code[len(change.old) :])
        if change.new.startswith(code):
            found.append(change.old)
        elif code.startswith(change.new):
            found.append(change.old + code[len(change.new) :])
    return found
