"""The table of rules is data: read strictly, with thresholds that a city may change."""

from __future__ import annotations

import pyarrow as pa
import pytest

from policies import BundleError
from policies.classify.checks import CHECKS
from policies.classify.propose import Sample, propose
from policies.classify.table import parse_table, shipped_table

RULE = 'id = "x"\nnames = ["水表号"]\ngrade = 2\nname = 0.9\n'


def test_the_table_that_ships_uses_every_check_and_reads_whole() -> None:
    assert {rule.check for rule in shipped_table().rules if rule.check} == set(CHECKS)
    assert {rule.grade for rule in shipped_table().rules} == {1, 2, 3, 4}


def test_a_citys_own_table_proposes_by_its_own_rules() -> None:
    table = parse_table(f"confidence_min = 0.8\n[[rule]]\n{RULE}", "classify.toml")
    samples = [Sample("水表号", "", pa.array([], pa.string())), Sample("手机", "", pa.array([], pa.string()))]
    assert [(one.field, one.rule, one.grade) for one in propose(samples, table)] == [("水表号", "x", 2)]
    assert propose(samples, parse_table(f"confidence_min = 0.95\n[[rule]]\n{RULE}", "classify.toml")) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[rule]", "classify.toml is no TOML"),
        ("colour = 1", "unknown key colour"),
        (f"[[rule]]\n{RULE}check = 'magic'", "'magic' is not one of resident-id"),
        (f"[[rule]]\n{RULE}value = 2.0", "confidences from 0 to 1"),
        (f"[[rule]]\n{RULE}\n[[rule]]\n{RULE}", "an id of its own"),
        ('[[rule]]\nid = "x"\ngrade = 9', "whole number in 1..4"),
        (f"[[rule]]\n{RULE}role = 'boss'", "'boss' is not one of direct-id"),
    ],
)
def test_a_table_that_does_not_hold_is_refused(text: str, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        parse_table(text, "classify.toml")
