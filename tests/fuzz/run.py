"""Runs mutated bytes through a decoder and keeps what escaped. Called by test_decoders.py and by `python -m tests.fuzz`."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

ESCAPES_MAX = 5
"""Escapes kept of one target; a decoder that lets that many out needs no more."""


@dataclass(frozen=True)
class Escape:
    """An error that a decoder may not raise, with the bytes that led to it."""

    error: str
    data: bytes


@dataclass
class Outcome:
    """What became of the cases of one target."""

    taken: int = 0
    refused: int = 0
    escapes: list[Escape] = field(default_factory=list)


def fuzz(target: Target, *, cases: int, seed: int) -> Outcome:
    """`cases` mutants of the target's samples, the same for every run of a seed."""
    rng, outcome = Random(f"{target.name} {seed}"), Outcome()
    for _ in range(cases):
        data = mutated(rng, target.samples)
        try:
            target.decode(data)
            outcome.taken += 1
        except target.refuses:
            outcome.refused += 1
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            outcome.escapes.append(Escape(f"{type(error).__name__}: {error}", data))
            if len(outcome.escapes) >= ESCAPES_MAX:
                break
    return outcome
