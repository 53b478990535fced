"""What may be wrong with a simulated device: the closed set of faults, and who has which. Pure. Called by script.py and verb.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from random import Random

ALL, NONE = "all", "none"


class FaultError(ValueError):
    """A fault that nobody knows; the message names those there are."""


class Fault(Enum):
    """One way in which a device is unlike what its manual says."""

    DRIFT = "drift"
    """Its clock gains or loses."""
    JUMP = "jump"
    """Its clock is set by hours or days now and then."""
    EPOCH = "epoch"
    """Its clock began at 1970 when it got power."""
    FLAP = "flap"
    """Its connection breaks off and comes back."""
    DUPLICATE = "duplicate"
    """It sends readings again that it sent already: with DUP, without, under the same or another packet id."""
    FLOOD = "flood"
    """It sends bursts of a hundred readings."""
    LIE = "lie"
    """Impossible values, wrong units and territories, names of others, bytes that are no reading."""
    SILENCE = "silence"
    """It says nothing for longer than its keep alive."""
    SLOW = "slow"
    """It does not read its acknowledgements for a while."""
    BATTERY = "battery"
    """Its battery runs down; then it is gone."""
    TAKEOVER = "takeover"
    """It connects a second time under the same client id."""
    GARBAGE = "garbage"
    """It sends bytes that are no MQTT."""


def read_faults(words: str) -> frozenset[Fault]:
    """`drift,flap`, `all` or `none`; raises FaultError."""
    if words == NONE:
        return frozenset()
    if words == ALL:
        return frozenset(Fault)
    try:
        return frozenset(Fault(word.strip()) for word in words.split(","))
    except ValueError:
        unknown = next(word for word in words.split(",") if word.strip() not in {fault.value for fault in Fault})
        known = ", ".join((ALL, NONE, *(fault.value for fault in Fault)))
        raise FaultError(f"--faults {unknown!r} refused: any of {known}, with commas") from None


def faults_of(rng: Random, faults: Collection[Fault], share: float) -> Sequence[Fault]:
    """Which of `faults` one device has: a device is sound with probability 1 - `share`, and has one of them, sometimes two, otherwise."""
    ordered = [fault for fault in Fault if fault in faults]
    if not ordered or rng.random() >= share:
        return ()
    return tuple(dict.fromkeys(rng.choice(ordered) for _ in range(rng.randint(1, 2))))
