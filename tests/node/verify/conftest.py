"""The borough of the requests, with both sides of a question at each node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.identity.files import IdentityFiles
from node.verify.asking import Asking
from node.verify.book import FILE_NAME, Book, Told
from node.verify.letters import Asked
from node.verify.telling import VERIFY, Telling
from tests.node.requests.borough import ASKER, PROVIDER, TREE, Borough


@dataclass(slots=True)
class Counterparts:
    """The borough, its askers and tellers by node."""

    borough: Borough
    asking: dict[str, Asking] = field(default_factory=dict)
    telling: dict[str, Telling] = field(default_factory=dict)
    noted: list[Told] = field(default_factory=list)
    """What went to the audit log."""

    def __post_init__(self) -> None:
        """Give every node both sides."""
        for node, taking in self.borough.taking.items():
            giving = self.borough.giving[node]
            book = Book(self.borough.folder / "town" / node / FILE_NAME)
            self.telling[node] = Telling(
                giving.cases,
                giving.kind,
                giving.policy,
                giving.journal,
                book,
                giving.seal,
                giving.clock,
                giving.clock_quality,
                b"secret",
                lambda told: self.noted.append(told),
            )
            taking.routes.answering[VERIFY] = self.telling[node].answer
            taking.routes.answering["who"] = self._chain(node)
            self.asking[node] = Asking(taking.cases, taking.kind, taking.policy, taking.routes, taking.seal, TREE[node][0])

    def _chain(self, node: str) -> Any:
        async def chain(_: bytes) -> bytes:
            return self.borough.files[node].tls().chain_pem

        return chain

    async def ask(self, *, asker: str = ASKER, provider: str = PROVIDER, **change: str) -> str:
        """The word that the asker gets for a question about r1, of category x."""
        return (await self.asking[asker].ask(asked(**change), provider=provider)).word

    def told(self, node: str = PROVIDER) -> list[tuple[str, str]]:
        """Asker and answer of everything in a node's book, oldest first."""
        return [(one["asker"], one["answer"]) for one in reversed(self.telling[node].book.newest(limit=1_000))]


def asked(**change: str) -> Asked:
    """A question about r1."""
    said = {
        "resource": "residents", "key": "resident_id", "value": "r1", "field": "category", "expected": "x",
        "purpose": "verification", "by": "li",
    }  # fmt: skip
    return Asked(**(said | change))


@pytest.fixture
def both(tmp_path: Path, papers: dict[str, IdentityFiles]) -> Iterator[Counterparts]:
    """Six nodes; the street badaguan asks, the street liaoyuan has residents r0 to r9, the odd ones of category x."""
    borough = Borough(tmp_path, papers)
    borough.store([(f"r{n}", f"周{n}", f"37020318200229001{n}", "10000000000", 1820 + n, "x" if n % 2 else "y") for n in range(10)])
    found = Counterparts(borough)
    yield found
    for telling in found.telling.values():
        telling.book.close()
    borough.close()
