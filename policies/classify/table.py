"""The table of rules: what a field may be called, which check its values must pass, how sure that makes, and what is then proposed.

Owns the strict reading of the TOML table; thresholds live there and nowhere in code. Refuses unknown keys and checks. Called by `propose`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from policies.classify.checks import CHECKS, Vocabulary
from policies.errors import BundleError
from policies.reading import Reader
from policies.words import Role, from_word

TABLE_FILE = "rules.toml"
RULES_MAX = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of field."""

    id: str
    names: tuple[str, ...]
    check: str
    """Name of the check on values; empty: only the name tells."""
    name: float
    """Confidence of the name alone, 0 to 1."""
    value: float
    """Confidence of the values alone, times the share of them that passes."""
    share_min: float
    """Share that must pass when the name says nothing; above 1: the name must say it."""
    distinct_min: int
    """Distinct values that must be there when the name says nothing."""
    grade: int
    role: Role
    mask: str
    category: str

    @classmethod
    def of(cls, value: object, where: str) -> Rule:
        """A rule from decoded TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            id=reader.text("id"),
            names=reader.texts("names"),
            check=reader.text("check", ""),
            name=reader.number("name", 0.0),
            value=reader.number("value", 0.0),
            share_min=reader.number("share_min", 1.1),
            distinct_min=reader.integer("distinct_min", 0),
            grade=reader.integer("grade", low=1, high=4),
            role=from_word(Role, reader.text("role", "plain"), what=f"{where}.role"),
            mask=reader.text("mask", ""),
            category=reader.text("category", ""),
        )
        reader.done()
        if built.check and built.check not in CHECKS:
            raise BundleError(f"{where}.check {built.check!r} is not one of {', '.join(CHECKS)}")
        if max(built.name, built.value) > 1:
            raise BundleError(f"{where} refused: name and value are confidences from 0 to 1")
        return built


@dataclass(frozen=True, slots=True)
class RuleTable:
    """All rules with the thresholds they share."""

    rules: tuple[Rule, ...]
    confidence_min: float
    """Below this nothing is proposed."""
    sample_rows_max: int
    contradicted: float
    """What is left of a name's confidence when the values say otherwise."""
    contradicting_share: float
    """Share of values passing, below which they say otherwise."""
    contradicting_rows: int
    """Values needed for that."""
    vocabulary: Vocabulary

    @classmethod
    def of(cls, value: object, where: str = "rules") -> RuleTable:
        """A table from decoded TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            rules=reader.items("rule", Rule.of),
            confidence_min=reader.number("confidence_min", 0.5),
            sample_rows_max=reader.integer("sample_rows_max", 5_000, low=1, high=100_000),
            contradicted=reader.number("contradicted", 0.3),
            contradicting_share=reader.number("contradicting_share", 0.2),
            contradicting_rows=reader.integer("contradicting_rows", 20),
            vocabulary=Vocabulary(reader.text("surnames", ""), reader.texts("surnames_double"), reader.text("not_names", "")),
        )
        reader.done()
        if len({rule.id for rule in built.rules}) < len(built.rules) or len(built.rules) > RULES_MAX:
            raise BundleError(f"{where} refused: at most {RULES_MAX} rules, each with an id of its own")
        return built


def parse_table(text: str, where: str) -> RuleTable:
    """A table from TOML text; raises BundleError naming `where`."""
    try:
        return RuleTable.of(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise BundleError(f"{where} is no TOML: {error}") from None


@cache
def shipped_table() -> RuleTable:
    """The table that ships."""
    return parse_table((resources.files(__package__) / TABLE_FILE).read_text("utf-8"), TABLE_FILE)
