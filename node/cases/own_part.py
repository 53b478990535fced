"""The part of a node's own bundle that approved cases of one kind bring: kept as the cases say, and nothing else of the bundle touched.

A crash between an approval and its issue is made good at the next look. What this node may not issue is refused before it is approved; what
was approved and cannot be issued is remembered with the reason. Called by the desks of the negative list and of changed grades.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from node.cases.desk import CaseDesk
from node.cases.kind import Kind
from node.policy.issuing import Issuer, IssueRefused
from policies.bundle import Contents
from policies.errors import PolicyError

log = logging.getLogger("yunnao.policy")


class Named(Protocol):
    """An item of a bundle."""

    @property
    def id(self) -> str:
        """Names it in the bundle."""


ItemT = TypeVar("ItemT", bound=Named)


@dataclass(slots=True)
class OwnPart(Generic[ItemT]):
    """The items of one kind of case in this node's bundle."""

    kind: Kind
    prefix: str
    """Before the id of a case in the id of its item."""
    called: str
    """What the items are, in the log."""
    items: Callable[[Contents], Sequence[ItemT]]
    put: Callable[[Contents, tuple[ItemT, ...]], Contents]
    cases: CaseDesk
    issuer: Issuer
    faults: dict[str, str] = field(default_factory=dict)
    """By item why it is approved and not in force."""

    async def check(self, item: ItemT) -> None:
        """What this node may not issue must not be approved here. Raises PolicyError, IssueRefused."""
        await asyncio.to_thread(self.issuer.next_bundle, lambda contents: self._with(contents, {item.id: item}, frozenset()))

    async def keep(self, wanted: Mapping[str, ItemT]) -> None:
        """Make this node's bundle hold what is `wanted` by id, and nothing else that cases brought. Raises CaseError."""
        held = self.issuer.policy.held(self.issuer.node)
        contents = held.contents if held else Contents()
        managed = await asyncio.to_thread(self._managed, contents)
        before = self.items(contents)
        if tuple(self.items(self._with(contents, wanted, managed))) != tuple(before):
            await self._issue(wanted, managed, new=sorted(set(wanted) - {item.id for item in before}))

    async def _issue(self, wanted: Mapping[str, ItemT], managed: frozenset[str], *, new: list[str]) -> None:
        try:
            bundle = await asyncio.to_thread(self.issuer.next_bundle, lambda now: self._with(now, wanted, managed))
            await self.issuer.issue_aside(bundle)
            self.faults = {}
        except (PolicyError, IssueRefused) as error:
            self.faults = dict.fromkeys(new, str(error))
            log.error("%s %s are approved and cannot be issued: %s", self.called, ", ".join(new), error)

    def _managed(self, contents: Contents) -> frozenset[str]:
        """The items in this node's bundle that cases brought there."""
        ids = [item.id for item in self.items(contents) if item.id.startswith(self.prefix)]
        return frozenset(name for name in ids if self.cases.register.case(self.kind, name.removeprefix(self.prefix)) is not None)

    def _with(self, contents: Contents, wanted: Mapping[str, ItemT], managed: frozenset[str]) -> Contents:
        """The contents with the items of cases as they should be, and all others as they are."""
        others = [item for item in self.items(contents) if item.id not in managed and item.id not in wanted]
        return self.put(contents, tuple(others) + tuple(wanted[name] for name in sorted(wanted)))
