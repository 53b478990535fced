"""Manifests read back as they were written, and refuse what no package may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ai.errors import AlgorithmError
from edge_ai.models.manifest import (
    Activation,
    EvidenceGrade,
    Family,
    Fit,
    InputSpec,
    Manifest,
    PriorRow,
    decode_manifest,
    encode_manifest,
)
from tests.edge_ai.models.made import manifest

NUMBERS = st.floats(-255, 255, allow_nan=False).filter(bool)
TRIPLES = st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS)
SIDES = st.lists(st.floats(1, 500), min_size=1, max_size=3).map(tuple)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
MANIFESTS = st.builds(
    manifest,
    version=st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,9}", fullmatch=True),
    family=st.sampled_from(Family),
    evidence_grade=st.sampled_from(EvidenceGrade),
    classes=st.lists(WORDS, min_size=1, max_size=5, unique=True).map(tuple),
    score_min=st.floats(0.01, 0.99),
    licence=TEXTS,
    tested_on=TEXTS,
    activation=st.sampled_from(Activation),
    input=st.builds(InputSpec, fit=st.none() | st.sampled_from(Fit), rgb=st.none() | st.booleans(), mean=TRIPLES, divisor=TRIPLES),
    priors=st.lists(st.builds(PriorRow, stride=st.integers(1, 512), sizes=SIDES, ratios=SIDES), max_size=3).map(tuple),
    measured=st.dictionaries(TEXTS, st.floats(-1e9, 1e9) | TEXTS, max_size=4),
)


@settings(max_examples=40, deadline=None)
@given(MANIFESTS)
def test_manifest_reads_back_as_it_was_written(written: Manifest) -> None:
    assert decode_manifest(encode_manifest(written), written.id) == written


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ("a", "a")}, "two alike"),
        ({"classes": ("a\nb",)}, "printable"),
        ({"version": "../1"}, "version '../1' must be"),
        ({"input": InputSpec(divisor=(1.0, 0.0, 1.0))}, "a divisor of the input is 0"),
        ({"priors": (PriorRow(stride=0, sizes=(1.0,)),)}, "a row of priors"),
        ({"priors": (PriorRow(stride=8, sizes=()),)}, "a row of priors"),
    ],
)
def test_what_no_package_may_say_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AlgorithmError, match=words):
        decode_manifest(encode_manifest(manifest(**changes)), "yard")


@pytest.mark.parametrize("raw", [b"\xff", b"a = ", b"x = " + b"[" * 5_000, b"#" * 70_000, b'id = "yard"'])
def test_text_that_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(AlgorithmError, match="manifest of algorithm yard refused"):
        decode_manifest(raw, "yard")
