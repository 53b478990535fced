"""Proposals of grades, roles, categories and masks for fields, from their names and a bounded sample of their values. Pure.

A proposal names its rule, the share of sampled rows that fit, and how sure that makes; it decides nothing: a person accepts, changes or
refuses it (node/catalogue/review.py). Works on distinct values: a dictionary column of a million rows costs as much as its words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import Column, call, indices_of, is_dictionary, words_of
from policies.classify.checks import CHECKS, Values, values_of
from policies.classify.table import Rule, RuleTable
from policies.words import Role

UNTOLD_GRADE = 1
"""Grade proposed for an ungraded resource in whose fields nothing was found."""
UNTOLD_CONFIDENCE = 0.5
HIGHEST_FIELD, NOTHING_FOUND = "highest-field", "nothing-found"
"""Rules of proposals about a whole resource."""

_WORDS = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Sample:
    """One field as it is called and a sample of its column."""

    name: str
    title: str
    column: Column
    """Rows of any type; at most the table's sample is looked at."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one rule makes of one field; of a whole resource when `field` is empty."""

    field: str
    rule: str
    grade: int
    role: Role
    category: str
    mask: str
    share: float
    """Share of the sampled rows with a value that fit the rule's check."""
    rows: int
    """Sampled rows with a value."""
    confidence: float


def propose(samples: Sequence[Sample], table: RuleTable) -> tuple[Proposal, ...]:
    """The best proposal for each field about which a rule is sure enough, in the order of the fields."""
    best = (max(_of_field(sample, table), key=_rank, default=None) for sample in samples)
    return tuple(proposal for proposal in best if proposal is not None)


def propose_resource(proposals: Sequence[Proposal]) -> Proposal:
    """A grade for an ungraded resource: that of its highest field, or L1 where nothing was found."""
    if not proposals:
        return Proposal("", NOTHING_FOUND, UNTOLD_GRADE, Role.PLAIN, "", "", 0.0, 0, UNTOLD_CONFIDENCE)
    top = max(proposals, key=lambda proposal: (proposal.grade, proposal.confidence))
    return Proposal("", HIGHEST_FIELD, top.grade, Role.PLAIN, "", "", top.share, top.rows, top.confidence)


def _rank(proposal: Proposal) -> tuple[float, int, str]:
    return (proposal.confidence, proposal.grade, proposal.rule)


def _of_field(sample: Sample, table: RuleTable) -> list[Proposal]:
    column = sample.column.slice(0, table.sample_rows_max)
    distinct, counts = _counted(column)
    values = values_of(distinct, table.vocabulary)
    total = int(counts.sum())
    found = []
    for rule in table.rules:
        share = _share(rule, values, counts, total)
        confidence = _confidence(rule, sample, share, total, len(counts), table)
        if confidence >= table.confidence_min:
            said = (rule.id, rule.grade, rule.role, rule.category, rule.mask)
            found.append(Proposal(sample.name, *said, share=round(share, 4), rows=total, confidence=round(confidence, 4)))
    return found


def _share(rule: Rule, values: Values, counts: npt.NDArray[np.int64], total: int) -> float:
    if not rule.check or not total:
        return 0.0
    return float(counts[CHECKS[rule.check](values)].sum() / total)


def _confidence(rule: Rule, sample: Sample, share: float, total: int, distinct: int, table: RuleTable) -> float:
    is_named = any(is_called(name, rule.names) for name in (sample.name, sample.title) if name)
    by_value = rule.value * share
    if not is_named:
        return by_value if share >= rule.share_min and distinct >= rule.distinct_min else 0.0
    if rule.check and total >= table.contradicting_rows and share < table.contradicting_share:
        return rule.name * table.contradicted
    return 1 - (1 - rule.name) * (1 - by_value)


def _counted(column: Column) -> tuple[Column, npt.NDArray[np.int64]]:
    """The distinct values that rows have, and how many have each; nulls and empty texts aside."""
    if pa.types.is_binary(column.type) or pa.types.is_null(column.type):
        return pa.array([], pa.string()), np.zeros(0, np.int64)
    encoded = column if is_dictionary(column) else call("dictionary_encode", column)
    words = words_of(encoded)
    indices = np.asarray(call("fill_null", indices_of(encoded), -1).to_numpy(zero_copy_only=False))
    counts = np.bincount(indices[indices >= 0], minlength=len(words)).astype(np.int64)
    used = counts > 0
    if pa.types.is_string(words.type):
        used &= ~np.asarray(call("fill_null", call("equal", words, ""), True).to_numpy(zero_copy_only=False), dtype=np.bool_)
    kept = pa.array(used)
    return call("filter", words, kept), counts[used]


def is_called(name: str, synonyms: Sequence[str]) -> bool:
    """True when a name is one of the synonyms: Chinese ones may stand inside it, others as whole words of it in a row or as all of it."""
    folded = unicodedata.normalize("NFKC", _CAMEL.sub(" ", name)).casefold()
    words = _WORDS.findall(folded)
    joined, spaced = "".join(words), f" {' '.join(words)} "
    for synonym in synonyms:
        if not synonym.isascii():
            if synonym in joined:
                return True
        elif f" {synonym} " in spaced or synonym.replace(" ", "") == joined:
            return True
    return False
