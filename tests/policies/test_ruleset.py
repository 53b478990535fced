"""Merging bundles: strictest wins, in any order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Bundle, BundleError, Contents, Share, Verdict, merge
from policies.ceiling import Ceiling, ReleaseRule
from policies.masks import Mask, Method
from policies.presets import preset_bundle
from sync.model import Level, PolicyVersion
from tests.policies.city import END_US, NOW_US, city

PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US)
CITY = preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=5, not_after_us=END_US - 5)


def tighter() -> Bundle:
    """A district bundle that is stricter in everything it may be."""
    table = PROVINCE.contents.ceiling
    assert table is not None
    closed = Ceiling((Verdict.DENY,) * len(table.cells))
    air = PROVINCE.contents.catalogue[0]
    contents = Contents(
        catalogue=(replace(air, grade=2, share=Share.CONDITIONAL, returns=True),),
        ceiling=closed,
        masks=(("name", Mask(Method.REDACT)),),
        release=(ReleaseRule(3, 50),),
    )
    return Bundle("shinan", Level.DISTRICT, 7, 0, END_US, contents)


def test_the_version_is_the_vector_of_issuers() -> None:
    assert merge([PROVINCE, CITY]).version == PolicyVersion((("qingdao", 1), ("shandong", 1)))


def test_strictest_wins_whatever_the_order() -> None:
    first, second = merge([PROVINCE, CITY, tighter()]), merge([tighter(), CITY, PROVINCE])
    assert first == second
    air = first.resources["air-quality"]
    assert (air.grade, air.share, air.returns) == (2, Share.CONDITIONAL, False)
    assert first.masks["name"].method is Method.REDACT
    assert first.release[3].k == 50
    assert first.ceiling is not None
    assert first.ceiling.verdict("L1", "own") is Verdict.DENY


def test_two_bundles_of_one_issuer_are_refused() -> None:
    with pytest.raises(BundleError, match="two of one issuer"):
        merge([CITY, replace(CITY, epoch=2)])


def test_the_narrowest_validity_counts() -> None:
    rules = merge([PROVINCE, CITY])
    assert rules.is_stale(4)
    assert not rules.is_stale(5)
    assert rules.is_stale(END_US - 5)


def test_the_next_change_is_the_next_date_of_any_rule() -> None:
    ends = city().entries[0].entry.valid_to_us
    assert city().next_change_us(NOW_US) == ends
    assert city().next_change_us(ends) == END_US
    assert city().next_change_us(END_US) is None
