"""When what a model sees is still what was recorded."""

from __future__ import annotations

import pytest

from edge_ai.errors import AlgorithmError
from edge_ai.models.facts import Seen
from edge_ai.models.golden import decode_expected, differences, encode_expected

BOX = (0.1, 0.1, 0.5, 0.5)


def seen(score: float = 0.9, label: str = "person", box: tuple[float, float, float, float] = BOX) -> Seen:
    return Seen(label=label, score=score, box=box)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((seen(),), []),
        ((seen(0.88, box=(0.11, 0.1, 0.51, 0.5)),), []),
        ((seen(), seen(0.54)), []),
        ((), ["a: person 0.90 was there and is not"]),
        ((seen(), seen(0.7, "dog")), ["a: dog 0.70 is new"]),
        ((seen(0.8),), ["a: person 0.90 was there and is not", "a: person 0.80 is new"]),
        ((seen(box=(0.3, 0.3, 0.7, 0.7)),), ["a: person 0.90 was there and is not", "a: person 0.90 is new"]),
    ],
)
def test_sure_boxes_must_be_there_again_and_no_others(found: tuple[Seen, ...], words: list[str]) -> None:
    assert differences({"a": (seen(),)}, {"a": found}, score_min=0.5) == words


def test_picture_that_was_not_run_has_lost_everything() -> None:
    assert differences({"a": (seen(),)}, {}, score_min=0.5) == ["a: person 0.90 was there and is not"]


def test_record_reads_back() -> None:
    pictures = {"a.jpg": (seen(0.91234567),), "b.jpg": ()}
    assert decode_expected(encode_expected(pictures)) == {"a.jpg": (seen(0.9123),), "b.jpg": ()}
    for raw in (b"", b"{}", b'{"pictures": {"a": [{"class": 3}]}}', b"\xff", b"[" * 100_000):
        with pytest.raises(AlgorithmError, match=r"golden/expected\.json refused"):
            decode_expected(raw)
