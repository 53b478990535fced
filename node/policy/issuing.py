"""The next epoch of this node's own bundle: whoever changes what it holds does it here, one change at a time.

Refuses a bundle that is too large for the links. Called by the desks of the catalogue and of the negative list; on an event loop they use
the forms that work in a thread, because a long list takes seconds to sign and to merge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from node.clock import Clock
from node.engine.engine_room import BACKDATED_US, POLICY_LIFE_US
from node.errors import EXIT_REFUSED, NodeError
from node.policy.store import PolicyStore
from policies.bundle import Bundle, Contents, SignedBundle
from sync.model import Level

ISSUE_BYTES_MAX = 8 << 20
"""Bytes of the bundle that a node issues: the bundles of a subtree share a message of a link."""

log = logging.getLogger("yunnao.policy")


class IssueRefused(NodeError):
    """A bundle that is not issued: which, and the way out."""

    exit_code = EXIT_REFUSED


@dataclass(frozen=True, slots=True)
class Issuer:
    """This node as one who issues."""

    node: str
    level: Level
    sign: Callable[[Bundle], SignedBundle]
    policy: PolicyStore
    clock: Clock

    def next_bundle(self, change: Callable[[Contents], Contents]) -> Bundle:
        """The next epoch with `change` made to what is held now; not in force. Raises BundleError, IssueRefused."""
        held, now_us = self.policy.held(self.node), self.clock.wall_us()
        bundle = Bundle(
            issuer=self.node,
            level=self.level,
            epoch=held.epoch + 1 if held else 1,
            not_before_us=held.not_before_us if held else now_us - BACKDATED_US,
            not_after_us=max(now_us + POLICY_LIFE_US, held.not_after_us if held else 0),
            contents=change(held.contents if held else Contents()),
        )
        size = len(bundle.canonical)
        if size > ISSUE_BYTES_MAX:
            raise IssueRefused(
                f"bundle of {self.node} refused: {size >> 10} KiB, at most {ISSUE_BYTES_MAX >> 10}; "
                "split the catalogue: let the nodes below import and issue their departments' entries (`yunnao catalogue issue` there); "
                "the bundles of all issuers count together"
            )
        return bundle

    def issue(self, bundle: Bundle) -> None:
        """Bring a bundle into force and tell the peers. Raises PolicyError when its rules do not fit those in force."""
        self.policy.install(self.sign(bundle))
        log.info("bundle of %s epoch %d in force", bundle.issuer, bundle.epoch)

    async def issue_aside(self, bundle: Bundle) -> None:
        """As `issue`, with the work in a thread. Raises PolicyError or IssueRefused, too, when another issue overtook this one."""
        await self.policy.install_aside(await asyncio.to_thread(self.sign, bundle))
        if self.policy.held(self.node) is not bundle:
            raise IssueRefused(
                f"bundle of {self.node} epoch {bundle.epoch} refused: another issue came into force meanwhile; issue it again"
            )
        log.info("bundle of %s epoch %d in force", bundle.issuer, bundle.epoch)
