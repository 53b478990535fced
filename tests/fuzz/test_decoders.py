"""No bytes from outside make a decoder raise anything but its own refusal, and every good sample is still taken."""

from __future__ import annotations

import pytest

from tests.fuzz.run import Escape, fuzz
from tests.fuzz.targets import Target, targets

CASES = 3_000
SEED = 20_261_121


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_only_refusals_come_out_of_mutated_bytes(target: Target) -> None:
    outcome = fuzz(target, cases=CASES, seed=SEED)
    assert outcome.escapes == []
    assert outcome.refused > CASES // 20, "the mutations hardly ever break anything: they prove nothing"


def test_an_error_of_another_kind_is_found_and_can_be_repeated() -> None:
    def careless(data: bytes) -> object:
        return data.decode()

    outcome = fuzz(Target("careless", (b"text",), careless, (ValueError,)), cases=50, seed=1)
    assert outcome.escapes == []
    blind = fuzz(Target("blind", (b"text",), careless, (KeyError,)), cases=200, seed=1)
    assert isinstance(blind.escapes[0], Escape)
    with pytest.raises(UnicodeDecodeError):
        careless(blind.escapes[0].data)
