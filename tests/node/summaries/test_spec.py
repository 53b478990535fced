"""A summary's question is checked field by field, from a peer as from the operator."""

from __future__ import annotations

import json

import msgspec
import pytest

from node.summaries.errors import SummaryError
from node.summaries.spec import SummarySpec, decode_spec

SOUND = {"resource": "air-quality", "from_us": 0, "to_us": 3_600_000_000}


def test_a_sound_question_is_read() -> None:
    assert decode_spec(json.dumps(SOUND).encode()) == SummarySpec("air-quality", 0, 3_600_000_000)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"resource": "../etc"}, "resource"),
        ({"territory_digits": 5}, "territory_digits"),
        ({"bucket_s": 0}, "buckets of 0 s"),
        ({"bucket_s": -60}, "buckets"),
        ({"to_us": 0}, "must be positive"),
        ({"from_us": -1}, "window"),
        ({"to_us": 10**300}, "refused"),
        ({"to_us": 1 << 52, "bucket_s": 1}, "more than"),
        ({"quantiles": [1.0]}, "quantiles"),
        ({"quantiles": [0.5] * 17}, "at most 16"),
        ({"sql": "DROP TABLE x"}, "'sql' is not known"),
    ],
)
def test_a_senseless_question_is_refused_with_its_field(changes: dict[str, object], why: str) -> None:
    with pytest.raises(SummaryError, match=why):
        decode_spec(json.dumps(SOUND | changes).encode())


@pytest.mark.parametrize("body", [b"", b"\xff", b'{"resource":"\xff"}', b'{"x":' + b"[" * 100_000])
def test_bytes_that_are_no_question_are_refused(body: bytes) -> None:
    with pytest.raises(SummaryError, match="refused"):
        decode_spec(body)


def test_a_question_survives_its_way_down_the_tree() -> None:
    spec = SummarySpec("air-quality", 0, 1, quantity="pm25", quantiles=(0.5, 0.95))
    assert decode_spec(msgspec.json.encode(spec)) == spec
