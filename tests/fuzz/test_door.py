"""Mutated packets through whole connections: nothing escapes, and good clients are still served."""

from __future__ import annotations

from tests.fuzz.door import fuzz_door

PACKETS = 10_000
"""In the suite; `python -m tests.fuzz.door --packets 10000000` runs as many as wanted."""


async def test_nothing_escapes_a_connection_and_good_clients_are_served() -> None:
    outcome = await fuzz_door(packets=PACKETS, seed=20_261_121)
    assert outcome.escapes == []
    assert outcome.took_a_good_message
    assert outcome.refused["malformed_packet"] > PACKETS // 100
    assert len(outcome.refused) > 5
