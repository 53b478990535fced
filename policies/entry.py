"""Negative-list entries: what may not flow, on which legal basis, approved by whom, until when.

Owns the judgement whether an entry has effect. An entry without basis, approver or validity has none and says so; it is kept and shown,
because a list of ineffective wishes is worth seeing. Called by bundles and the compiler.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from policies.errors import BundleError
from policies.reading import Reader
from policies.words import Verdict, Way, from_word
from sync.model import ClockQuality, Level

CLOCK_UNSURE_US = 5 * 60 * 1_000_000
"""Past this uncertainty entries count as live whatever their dates say (POLICY, hard case 2)."""
TRUSTED_CLOCK = ClockQuality()

_EFFECTS = (Verdict.DENY, Verdict.AGGREGATE, Verdict.MASK, Verdict.HOLD)


class Retroactive(Enum):
    """What an entry does about records that were shared before it."""

    NONE = "none"
    STOP = "stop"
    """What waits is decided under it, as under any entry; what has arrived stays. Said for those who read the list."""
    RECALL = "recall"
    """Every holder that it targets erases or masks what it has, and gives a receipt."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The law an entry stands on."""

    instrument: str
    article: str
    quote: str
    sha256: str
    """SHA-256 of the quote in UTF-8, hex; a quote that does not match it proves nothing."""

    @property
    def fault(self) -> str:
        """Why this is no basis: a code for the texts; empty when it is one."""
        if not (self.instrument and self.article and self.quote):
            return "no-basis"
        return "" if hashlib.sha256(self.quote.encode()).hexdigest() == self.sha256 else "basis-hash"

    @classmethod
    def of(cls, value: object, where: str) -> Basis:
        """A basis from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(reader.text("instrument", ""), reader.text("article", ""), reader.text("quote", ""), reader.text("sha256", ""))
        reader.done()
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"instrument": self.instrument, "article": self.article, "quote": self.quote, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exception to an entry; it counts only when the entry's own approver signed it."""

    approver: str
    purposes: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()

    @classmethod
    def of(cls, value: object, where: str) -> Exemption:
        """An exemption from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(reader.text("approver"), reader.texts("purposes"), reader.items("levels", _level))
        reader.done()
        if not (built.purposes or built.levels):
            raise BundleError(f"{where} refused: an exemption names purposes or levels, never everything")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"approver": self.approver, "purposes": list(self.purposes), "levels": [level.word for level in self.levels]}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the negative list. Empty selectors select everything."""

    id: str
    effect: Verdict
    """DENY, AGGREGATE, MASK, or a provisional HOLD."""
    resource: str
    """Resource code, or a prefix ending in `*`."""
    fields: tuple[str, ...] = ()
    """Fields to withhold (DENY) or mask (MASK); empty: the whole record."""
    categories: tuple[str, ...] = ()
    """Resource categories, any of which selects."""
    predicate: str = ""
    """Rows, as SQL; empty: all."""
    territories: tuple[str, ...] = ()
    """Territory codes whose records, by prefix, are meant."""
    levels: tuple[Level, ...] = ()
    """Levels of the target."""
    ways: tuple[Way, ...] = ()
    purposes: tuple[str, ...] = ()
    basis: Basis | None = None
    proposer: str = ""
    approver: str = ""
    valid_from_us: int = 0
    """First microsecond of validity, since 1970 UTC."""
    valid_to_us: int = 0
    """First microsecond past validity; 0: no end, which makes the entry void."""
    exemptions: tuple[Exemption, ...] = ()
    appeal: str = ""
    """Where a requester may appeal."""
    demonstration: bool = False
    """True for an invented entry shipped as an example."""
    retroactive: Retroactive = Retroactive.NONE

    @classmethod
    def of(cls, value: object, where: str) -> Entry:
        """An entry from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        basis = reader.table("basis")
        built = cls(
            id=reader.text("id"),
            effect=from_word(Verdict, reader.text("effect"), what=f"{where}.effect"),
            resource=reader.text("resource"),
            fields=reader.texts("fields"),
            categories=reader.texts("categories"),
            predicate=reader.text("predicate", ""),
            territories=reader.texts("territories"),
            levels=reader.items("levels", _level),
            ways=reader.items("ways", _way),
            purposes=reader.texts("purposes"),
            basis=Basis.of(basis, f"{where}.basis") if basis else None,
            proposer=reader.text("proposer", ""),
            approver=reader.text("approver", ""),
            valid_from_us=reader.integer("valid_from_us", 0),
            valid_to_us=reader.integer("valid_to_us", 0),
            exemptions=reader.items("exemptions", Exemption.of),
            appeal=reader.text("appeal", ""),
            demonstration=reader.flag("demonstration", default=False),
            retroactive=from_word(Retroactive, reader.text("retroactive", Retroactive.NONE.value), what=f"{where}.retroactive"),
        )
        reader.done()
        if built.effect not in _EFFECTS:
            raise BundleError(f"{where}.effect {built.effect.word!r} is not one of {', '.join(effect.word for effect in _EFFECTS)}")
        if built.effect is Verdict.HOLD and built.retroactive is Retroactive.RECALL:
            raise BundleError(f"{where}.retroactive recall refused: a hold is provisional and an erasure is not; write stop")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`; `retroactive` only where it is not none, so that older entries keep their bytes and hashes."""
        retroactive = {} if self.retroactive is Retroactive.NONE else {"retroactive": self.retroactive.value}
        return {
            "id": self.id,
            "effect": self.effect.word,
            "resource": self.resource,
            "fields": list(self.fields),
            "categories": list(self.categories),
            "predicate": self.predicate,
            "territories": list(self.territories),
            "levels": [level.word for level in self.levels],
            "ways": [way.value for way in self.ways],
            "purposes": list(self.purposes),
            "basis": self.basis.encoded() if self.basis else {},
            "proposer": self.proposer,
            "approver": self.approver,
            "valid_from_us": self.valid_from_us,
            "valid_to_us": self.valid_to_us,
            "exemptions": [exemption.encoded() for exemption in self.exemptions],
            "appeal": self.appeal,
            "demonstration": self.demonstration,
        } | retroactive

    @property
    def is_row_wise(self) -> bool:
        """True when the entry judges rows one by one."""
        return bool(self.predicate or self.territories)

    def effect_of(self, now_us: int, clock: ClockQuality = TRUSTED_CLOCK, *, degraded: bool = False) -> tuple[bool, str]:
        """Whether the entry has effect at `now_us`, and the code of the reason (`live`, `no-basis`, `basis-hash`, `no-approver`, ...).

        Its dates do not end it where they cannot be told: with an unsure clock, and in degraded mode, when a bundle that nobody
        has seen may have renewed it.
        """
        fault = self._fault()
        if fault:
            return False, fault
        if clock.uncertainty_us > CLOCK_UNSURE_US:
            return True, "clock-unsure"
        if degraded:
            return True, "degraded"
        if now_us < self.valid_from_us:
            return False, "not-yet"
        return (True, "live") if now_us < self.valid_to_us else (False, "expired")

    def _fault(self) -> str:
        if self.basis is None:
            return "no-basis"
        if self.basis.fault:
            return self.basis.fault
        if not self.approver:
            return "no-approver"
        return "no-end" if self.valid_to_us <= self.valid_from_us else ""

    def selects(self, resource: str, categories: tuple[str, ...]) -> bool:
        """True when the entry is about this resource."""
        if self.categories and not set(self.categories) & set(categories):
            return False
        return resource.startswith(self.resource[:-1]) if self.resource.endswith("*") else resource == self.resource

    def targets(self, way: Way, level: Level, purpose: str) -> bool:
        """True when the entry is about this flow and no exemption of its approver lifts it. RETURN must be named."""
        if way not in self.ways and (self.ways or way is Way.RETURN):
            return False
        if (self.levels and level not in self.levels) or (self.purposes and purpose not in self.purposes):
            return False
        return not any(
            exemption.approver == self.approver
            and (not exemption.levels or level in exemption.levels)
            and (not exemption.purposes or purpose in exemption.purposes)
            for exemption in self.exemptions
        )


def _level(value: object, where: str) -> Level:
    return from_word(Level, str(value), what=where)


def _way(value: object, where: str) -> Way:
    return from_word(Way, str(value), what=where)
