"""The regular proof: due when the last one is old, made in the future, or missing, and only toward linked peers."""

from __future__ import annotations

from pathlib import Path

from node.equality.keeper import ProofKeeper
from node.equality.memory import ProofMemory
from sync.model import Direction
from tests.node.equality.city import PARENT, City


def keeper(made: City, *, now_us: int, is_linked: bool = True) -> ProofKeeper:
    return ProofKeeper(made.auditor, 10.0, lambda: now_us, lambda peer: is_linked)


async def test_a_hop_is_due_until_it_was_proven_and_again_when_the_proof_is_old(linked: City) -> None:
    hop = (PARENT, Direction.UP)
    assert keeper(linked, now_us=77).due() == [hop]
    await linked.auditor.equal(None)  # at 77 us, as the city's clock has it
    assert [keeper(linked, now_us=now_us).due() for now_us in (77, 9_000_000, 10_000_077, 5)] == [[], [], [hop], [hop]]
    assert keeper(linked, now_us=10_000_077, is_linked=False).due() == []


def test_the_memory_survives_a_restart_and_a_cut_file_only_costs_a_proof(tmp_path: Path) -> None:
    path = tmp_path / "proofs.json"
    ProofMemory(path).note("qingdao", "up", at_us=5, is_equal=False)
    again = ProofMemory(path).newest("qingdao", "up")
    assert again is not None
    assert (again.at_us, again.is_equal) == (5, False)
    path.write_bytes(path.read_bytes()[:9])
    assert ProofMemory(path).newest("qingdao", "up") is None
