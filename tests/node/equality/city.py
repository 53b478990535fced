"""A child and a parent with real journals and real pipelines, and their desks wired to each other without a link in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.equality.audit import Auditor
from node.equality.desk import EqualityDesk
from node.equality.memory import ProofMemory
from node.store.journal import SqliteJournal, open_journal
from node.tree.queries import QueryDesk
from sync.core.messages import Answer, Query
from sync.model import Direction, Level
from tests.sync.core.rig import Rig, Station

CHILD, PARENT = "qd-shinan", "qingdao"


class City:
    """Two stations; `is_linked` False cuts the questions, not the data."""

    def __init__(self, folder: Path) -> None:
        self.journals: dict[str, SqliteJournal] = {}
        stations = []
        for name, level, parent in ((CHILD, Level.DISTRICT, PARENT), (PARENT, Level.MUNICIPAL, "")):
            journal = open_journal(folder / f"{name}.db", node=name, incarnation=sum(name.encode()))
            self.journals[name] = journal
            stations.append(Station(name, level, parent, journal=journal))
        self.rig = Rig(*stations)
        self.is_linked = True
        self.asked: list[Query] = []
        self.queries = {name: QueryDesk() for name in self.journals}
        self.desks = {name: EqualityDesk(name, journal, self.queries[name], lambda: 0.0) for name, journal in self.journals.items()}
        for name, other in ((CHILD, PARENT), (PARENT, CHILD)):
            self.queries[name].tell = self._teller(name, other)
        hops = [(PARENT, Direction.UP)]
        self.auditor = Auditor(self.journals[CHILD], self.desks[CHILD], lambda: hops, ProofMemory(folder / "proofs.json"), lambda: 77)

    def _teller(self, name: str, other: str):  # type: ignore[no-untyped-def]
        def reply(answer: Answer) -> None:
            self.queries[name].answered(other, answer)

        def tell(peer: str, query: Query) -> bool:
            assert peer == other
            self.asked.append(query)
            if self.is_linked:
                self.queries[other].asked_by(name, query, reply)
            return self.is_linked

        return tell

    def offer(self, values: list[float], *, resource: str = "air-quality") -> None:
        """Records made at the child, stored at the parent as far as the policy lets them."""
        self.rig.offer(CHILD, values, resource=resource)
        self.rig.settle(seconds=5)


@contextmanager
def city(folder: Path) -> Iterator[City]:
    """The two nodes, linked."""
    made = City(folder)
    made.rig.connect(CHILD, PARENT)
    yield made
    for journal in made.journals.values():
        journal.close()
