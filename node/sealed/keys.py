"""The certified keys of nodes to which envelopes are sealed: asked of each along the tree, proved by its chain, and remembered.

Owns the question (`KEY_VERB`) and its answer, which is the node's certificate chain. A node whose program opens no envelopes does not know
the question, so it is sealed nothing. Refuses a chain that does not lead to the pinned root, is another's, or stands on another branch than
this node. Called by sealing.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from node.identity.errors import IdentityError
from node.identity.verify import verify_chain
from node.requests.envelope import Seal, Signer, sealing_key_in
from node.requests.errors import FetchRefused
from node.sealed.book import SealedBook
from node.tree.routes import RouteDesk, RouteRefused

KEY_VERB = "envelope-key"
ASK_TIMEOUT_S = 6.0
ASK_AGAIN_US = 60 * 1_000_000
"""A node that did not answer is asked again after this."""
RENEW_US = 86_400 * 1_000_000
"""After this a node is asked for its chain again; while it is away, the one it told is used as long as its dates hold."""

log = logging.getLogger("yunnao.sealed")


class Keys(Protocol):
    """Where keys of targets come from."""

    async def signer(self, target: str) -> Signer | None:
        """Who a target is and the key to seal to; None while nobody knows one. Raises SealedBookError."""


@dataclass(slots=True)
class RoutedKeys:
    """Keys asked for along the tree."""

    me: str
    path: Callable[[], tuple[str, ...]]
    """Node ids that certify each other, the province first, this node last."""
    routes: RouteDesk
    seal: Seal
    book: SealedBook
    _quiet_until: dict[str, int] = field(default_factory=dict)
    """By target: when it is asked again, microseconds."""

    def start(self) -> None:
        """Answer others from now on."""
        self.routes.answering[KEY_VERB] = self._answer

    async def signer(self, target: str) -> Signer | None:
        """As Keys.signer."""
        now_us = self.seal.now_us()
        told = await asyncio.to_thread(self.book.chain, target)
        if (told is None or now_us - told[1] > RENEW_US) and now_us >= self._quiet_until.get(target, 0):
            self._quiet_until[target] = now_us + ASK_AGAIN_US
            told = await self._asked(target, now_us) or told
        return None if told is None else self._proved(target, told[0])

    async def _answer(self, _: bytes) -> bytes:
        return await asyncio.to_thread(self.seal.chain_pem)

    async def _asked(self, target: str, now_us: int) -> tuple[bytes, int] | None:
        try:
            chain = await self.routes.ask(target, KEY_VERB, b"", timeout_s=ASK_TIMEOUT_S)
        except RouteRefused as error:
            log.info("no key to seal envelopes for %s: %s", target, error)
            return None
        if self._proved(target, chain) is None:
            return None
        await asyncio.to_thread(self.book.keep_chain, target, chain, now_us)
        return chain, now_us

    def _proved(self, target: str, chain: bytes) -> Signer | None:
        """Whom a chain proves; None, with a line in the log, when that is not the target or it stands on another branch."""
        try:
            who = verify_chain(chain, root_pem=self.seal.root_pem(), now_us=self.seal.now_us())
            key = sealing_key_in(chain, who)
        except (IdentityError, FetchRefused) as error:
            log.warning("no key to seal envelopes for %s: its chain proves nobody: %s", target, error)
            return None
        if who.node != target or not (self.me in who.path[:-1] or target in self.path()[:-1]):
            log.warning("no key to seal envelopes for %s: what answered is %s", target, " > ".join(who.path))
            return None
        return Signer(who, key)
