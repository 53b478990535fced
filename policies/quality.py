"""Quality rules of a resource as data: what a good record is, what tells records apart, and which node alone is their source (一数一源).

Owns the words and limits of rules; every key is written only when it is set, so that a bundle without rules has the bytes it always had.
Refuses rules that could not be judged: unknown fields, a pattern that does not compile, a predicate outside the allowed part of SQL. Judges
nothing. Called by `policies.catalogue`; node/quality judges.

The six qualities are those of GB/T 36344-2018 as its titles name them (the standard's own measures are not copied).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from math import isfinite

import pyarrow as pa

from policies.arrow import call
from policies.errors import BundleError, PredicateError
from policies.predicate import compile_predicate
from policies.reading import Reader, as_text
from policies.words import from_word

RULES_MAX = 64
"""Rules of one resource."""
VALUES_MAX = 1_000
"""Values of one code table; a longer one is a resource of its own (`reference`)."""
PATTERN_CHARS_MAX = 300
KEY_FIELDS_MAX = 8
ID_CHARS_MAX = 63
ABSENT = ""

_RULE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Quality(Enum):
    """What a rule is about."""

    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    UNIQUENESS = "uniqueness"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    ACCURACY = "accuracy"


class Check(Enum):
    """How a rule judges."""

    REQUIRED = "required"
    """Every field has a value: no null, no text of blanks."""
    RANGE = "range"
    """Every field is from `low` to `high`."""
    PATTERN = "pattern"
    """Every field matches `pattern` whole (RE2: no pattern takes more than linear time)."""
    ONE_OF = "one-of"
    """Every field is one of `values`."""
    IDENTIFIER = "identifier"
    """Every field is an identifier of a kind, with its check digit where it has one."""
    UNIQUE = "unique"
    """The fields together stand once in a batch, and in records of one origin only."""
    ROW = "row"
    """The row matches `predicate`."""
    FRESH = "fresh"
    """The record was sealed at its source at most `max_age_s` after its event time, and not before it."""
    REFERENCE = "reference"
    """Every field's value stands in column `column` of resource `resource`, as far as this node holds it."""

    @property
    def quality(self) -> Quality:
        """The quality that it measures."""
        return _QUALITIES[self]


_QUALITIES = {
    Check.REQUIRED: Quality.COMPLETENESS,
    Check.RANGE: Quality.VALIDITY,
    Check.PATTERN: Quality.VALIDITY,
    Check.ONE_OF: Quality.VALIDITY,
    Check.IDENTIFIER: Quality.VALIDITY,
    Check.UNIQUE: Quality.UNIQUENESS,
    Check.ROW: Quality.CONSISTENCY,
    Check.FRESH: Quality.TIMELINESS,
    Check.REFERENCE: Quality.ACCURACY,
}


class Identifier(Enum):
    """Kinds of identifiers (policies/classify/identifiers.py)."""

    RESIDENT_ID = "resident-id"
    CREDIT_CODE = "credit-code"
    BANK_CARD = "bank-card"
    MOBILE = "mobile"
    PLATE = "plate"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what its check does not use is empty."""

    id: str
    check: Check
    fields: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str = ABSENT
    values: tuple[str, ...] = ()
    identifier: Identifier | None = None
    predicate: str = ABSENT
    max_age_s: int = 0
    """Seconds; 0 for every check but `fresh`."""
    resource: str = ABSENT
    column: str = ABSENT
    title: str = ABSENT
    """What it says, in the words of who made it."""

    @classmethod
    def of(cls, value: object, where: str) -> Rule:
        """A rule from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        check = from_word(Check, reader.text("check"), what=f"{where}.check")
        identifier, bounds = reader.text("identifier", ABSENT), reader.table("range")
        built = cls(
            id=reader.text("id", chars_max=ID_CHARS_MAX),
            check=check,
            fields=reader.texts("fields"),
            low=_bound(bounds, "low", where),
            high=_bound(bounds, "high", where),
            pattern=reader.text("pattern", ABSENT, chars_max=PATTERN_CHARS_MAX),
            values=reader.items("values", as_text),
            identifier=from_word(Identifier, identifier, what=f"{where}.identifier") if identifier else None,
            predicate=reader.text("predicate", ABSENT),
            max_age_s=reader.integer("max_age_s", 0),
            resource=reader.text("resource", ABSENT, chars_max=63),
            column=reader.text("column", ABSENT, chars_max=ID_CHARS_MAX),
            title=reader.text("title", ABSENT, chars_max=200),
        )
        reader.done()
        if unknown := sorted(set(bounds) - {"low", "high"}):
            raise BundleError(f"{where}.range refused: unknown key {unknown[0]}; write low, high or both")
        return built._checked(where)

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`: only what is set."""
        bounds = {name: value for name, value in (("low", self.low), ("high", self.high)) if value is not None}
        values: dict[str, object] = {
            "fields": list(self.fields),
            "range": bounds,
            "pattern": self.pattern,
            "values": list(self.values),
            "identifier": self.identifier.value if self.identifier else ABSENT,
            "predicate": self.predicate,
            "max_age_s": self.max_age_s,
            "resource": self.resource,
            "column": self.column,
            "title": self.title,
        }
        return {"id": self.id, "check": self.check.value} | {name: value for name, value in values.items() if value}

    @property
    def own_columns(self) -> frozenset[str]:
        """Columns named in `fields`; a row predicate names its own."""
        return frozenset(self.fields)

    def _checked(self, where: str) -> Rule:
        if not _RULE_ID.fullmatch(self.id):
            raise BundleError(f"{where}.id {self.id[:80]!r} refused: write lower-case letters, digits and -")
        if len(self.values) > VALUES_MAX:
            raise BundleError(f"{where}.values refused: {len(self.values)} values, at most {VALUES_MAX}; refer to a resource instead")
        missing = [name for name in _NEEDS[self.check] if not self._has(name)]
        if missing:
            raise BundleError(f"{where} refused: a rule {self.check.value} needs {missing[0]}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise BundleError(f"{where}.range refused: low {self.low:g} is above high {self.high:g}")
        if self.pattern:
            _check_pattern(self.pattern, where)
        return self

    def _has(self, name: str) -> bool:
        if name == "range":
            return self.low is not None or self.high is not None
        return bool(getattr(self, name))


_NEEDS: Mapping[Check, tuple[str, ...]] = {
    Check.REQUIRED: ("fields",),
    Check.RANGE: ("fields", "range"),
    Check.PATTERN: ("fields", "pattern"),
    Check.ONE_OF: ("fields", "values"),
    Check.IDENTIFIER: ("fields", "identifier"),
    Check.UNIQUE: ("fields",),
    Check.ROW: ("predicate",),
    Check.FRESH: ("max_age_s",),
    Check.REFERENCE: ("fields", "resource", "column"),
}
_TEXT_CHECKS = (Check.PATTERN, Check.ONE_OF, Check.IDENTIFIER, Check.REFERENCE)
_NUMBERS = ("float64", "int64", "int32", "int8")


@dataclass(frozen=True, slots=True)
class QualityRules:
    """The rules of one resource."""

    rules: tuple[Rule, ...] = ()
    key: tuple[str, ...] = ()
    """Fields that tell records apart: a later record of the same origin with the same key is a new version."""
    source: str = ABSENT
    """The one node that may put records of it; empty: any node of its source level."""

    def __bool__(self) -> bool:
        """True when anything is set."""
        return bool(self.rules or self.key or self.source)

    @classmethod
    def of(cls, value: object, where: str) -> QualityRules:
        """Rules from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            rules=reader.items("rules", Rule.of), key=reader.texts("key"), source=reader.text("source", ABSENT, chars_max=ID_CHARS_MAX)
        )
        reader.done()
        if len(built.rules) > RULES_MAX or len({rule.id for rule in built.rules}) < len(built.rules):
            raise BundleError(f"{where}.rules refused: at most {RULES_MAX}, and each id once")
        if len(built.key) > KEY_FIELDS_MAX or len(set(built.key)) < len(built.key):
            raise BundleError(f"{where}.key refused: at most {KEY_FIELDS_MAX} fields, each once")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`: only what is set."""
        values: dict[str, object] = {"rules": [rule.encoded() for rule in self.rules], "key": list(self.key), "source": self.source}
        return {name: value for name, value in values.items() if value}

    def check_fits(self, types: Mapping[str, str], layout: pa.Schema, where: str) -> None:
        """Refuse rules about fields that the resource does not have, or of another type; raises BundleError. `types` are its type words."""
        _check_known(self.key, types, f"{where}.key")
        for rule in self.rules:
            at = f"{where}.rules {rule.id}"
            _check_known(rule.fields, types, at)
            for name in rule.fields:
                if rule.check in _TEXT_CHECKS and types[name] != "string":
                    raise BundleError(f"{at} refused: {name} is {types[name]}, and {rule.check.value} judges texts")
                if rule.check is Check.RANGE and types[name] not in _NUMBERS:
                    raise BundleError(f"{at} refused: {name} is {types[name]}, and range judges numbers")
            if rule.predicate:
                try:
                    compile_predicate(rule.predicate, layout)
                except PredicateError as error:
                    raise BundleError(f"{at} refused: {error}") from None

    def joined(self, other: QualityRules, fields: frozenset[str]) -> QualityRules:
        """These rules and those that a lower issuer adds: it may ask for more, never for less, and only about `fields` there are."""
        known = {rule.id for rule in self.rules}
        added = [rule for rule in other.rules if rule.id not in known and rule.own_columns <= fields]
        return replace(
            self,
            rules=(*self.rules, *added)[:RULES_MAX],
            key=self.key or (other.key if set(other.key) <= fields else ()),
            source=self.source or other.source,
        )


def _check_known(names: tuple[str, ...], types: Mapping[str, str], where: str) -> None:
    unknown = [name for name in names if name not in types]
    if unknown:
        raise BundleError(f"{where} refused: no field {unknown[0]!r}; fields are {', '.join(types)}")


def _check_pattern(pattern: str, where: str) -> None:
    try:
        call("match_substring_regex", pa.array([""]), f"^(?:{pattern})$")
    except (pa.ArrowException, ValueError) as error:
        why = str(error).partition("\n")[0][:200]
        raise BundleError(f"{where}.pattern {pattern[:60]!r} refused: {why}; patterns are those of RE2") from None


def _bound(bounds: Mapping[str, object], name: str, where: str) -> float | None:
    value = bounds.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BundleError(f"{where}.range.{name} refused: expected a number, got {str(value)[:60]}")
    return float(value)
