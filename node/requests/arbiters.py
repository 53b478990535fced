"""Who is asked and who arbitrates: nodes by their id with the territory to which facts for them are sent.

The arbiter is the data authority: the nearest node of municipal level or above that is above both, and neither of them. Where nobody is,
the highest node known is, and its other persons decide. Refuses a provider that cannot be found. Called by the API of the requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.identity.errors import IdentityError
from node.identity.verify import PeerIdentity, verify_chain
from node.tree.directory import Directory, NodeStatus
from node.tree.routes import RouteDesk, RouteRefused
from sync.model import Level, code_contains

WHO = "who"
"""Verb of the question to which a node answers with its certificate chain."""
WHO_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Parties:
    """Finds the parties of a new request."""

    me: Party
    level: Level
    directory: Callable[[], Directory]
    routes: RouteDesk
    root_pem: Callable[[], bytes]

    async def provider(self, node: str, territory: str) -> Party:
        """The node to ask; where it stands is looked up, then asked for along the tree. Raises CaseRefused."""
        if node == self.me.node:
            raise CaseRefused(f"request refused: {node} is this node; what it holds it need not ask for")
        known = self.directory().above(node) or self.directory().below(node)
        if territory or known is not None:
            return Party(node, territory or (known.territory if known else ""))
        try:
            who = self._proved(node, await self.routes.ask(node, WHO, b"", timeout_s=WHO_TIMEOUT_S))
        except RouteRefused as error:
            raise CaseRefused(f"request refused: {node} was not found ({error}); name its territory with --territory CODE") from None
        return Party(who.node, who.territory.code)

    def _proved(self, node: str, pem: bytes) -> PeerIdentity:
        try:
            who = verify_chain(pem, root_pem=self.root_pem(), now_us=None)
        except IdentityError as error:
            raise CaseRefused(f"request refused: what answered for {node} proves nobody: {error}") from None
        if who.node != node:
            raise CaseRefused(f"request refused: what answered for {node} is {who.node}")
        return who

    def arbiter(self, provider: Party) -> Party:
        """The data authority above both. Raises CaseRefused while nobody above is known."""
        above = [status for name in self.directory().ancestors() if (status := self.directory().above(name)) is not None]
        if not above and self.level is not Level.PROVINCIAL:
            raise CaseRefused("request refused: no node above is known here yet, so nobody could hear an appeal; wait for the link")
        fitting = sorted((status for status in above if self._is_authority(status, provider)), key=_rank)
        if fitting:
            return Party(fitting[0].id, fitting[0].territory)
        highest = max(above, key=_rank, default=None)
        found = Party(highest.id, highest.territory) if highest else self.me
        if not code_contains(found.territory, provider.territory):
            raise CaseRefused(f"request refused: {provider.node} of {provider.territory} is not below {found.node}, so nothing reaches it")
        return found

    def authority(self) -> Party:
        """The data authority of this node itself: the nearest above from municipal level up, else the highest known, else this node."""
        above = [status for name in self.directory().ancestors() if (status := self.directory().above(name)) is not None]
        fitting = sorted((status for status in above if _rank(status) >= Level.MUNICIPAL), key=_rank)
        found = fitting[0] if fitting else max(above, key=_rank, default=None)
        return Party(found.id, found.territory) if found else self.me

    def _is_authority(self, status: NodeStatus, provider: Party) -> bool:
        is_above = status.id != provider.node and code_contains(status.territory, provider.territory)
        return is_above and _rank(status) >= Level.MUNICIPAL


def _rank(status: NodeStatus) -> Level:
    return Level.from_word(status.level)
