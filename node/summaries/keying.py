"""The key under which ids enter the distinct sketches of one pull, and how the nodes below whoever pulls come to share it.

A sketch answers whether an id is in it, to whoever can compute the sketch's input. So ids go in as HMAC-SHA256 under a key that all nodes
below the puller share and the puller never sees (POLICY, private summaries). The puller names one of its children as *keeper*. The keeper
derives the key from its own secret; the puller's other children ask it, along the tree but sealed to their certified keys, and every node
further down asks its own parent. Owns those two papers. Refuses whoever is not below the puller by certificate, a puller that asks for its
own key among them. A puller that forges a node below itself, which as their CA it can, is outside of what this holds against.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from node.carriage.stream import POINT_BYTES, point_of
from node.identity.keys import new_tls_key
from node.requests.envelope import (
    Name,
    Nonce,
    Paper,
    Seal,
    Signer,
    Word,
    asker_of,
    check_format,
    opened_body,
    parsed,
    sealed_body,
    signed_paper,
    signer_of,
)
from node.requests.errors import FetchRefused
from node.summaries.errors import SummaryError
from node.tree.routes import RouteDesk, RouteRefused

KEY_VERB = "sketch-key"
KEY_BYTES, KEY_ID_BYTES = 32, 8
KEYS_KEPT = 256
"""Keys remembered by pull; others are asked for again."""
ASK_TIMEOUT_S = 4.0
"""A pull without the key leaves distinct counts out and does not wait longer."""
ROUTE_TIMEOUT_S = 6.0
"""What a question on its way is given: each hop takes a margin off it (node/tree/routes.py)."""
TRIES_MAX, PAUSE_S = 4, 0.4
"""Hundreds of children may ask one keeper at once, and the puller passes eight questions on at a time."""
_ASKING, _TELLING = b"yunnao-sketch-ask-1\x00", b"yunnao-sketch-key-1\x00"
"""What signatures begin with, so that none of one paper is one of another."""

log = logging.getLogger("yunnao.summaries")


@dataclass(frozen=True, slots=True)
class SketchKey:
    """One key. Sketches under different keys never merge."""

    secret: bytes

    @property
    def id(self) -> bytes:
        """What names the key beside a sketch; tells nothing of it."""
        return hashlib.sha256(b"yunnao-sketch-id" + self.secret).digest()[:KEY_ID_BYTES]

    def hashed(self, ids: Iterable[str]) -> list[int]:
        """What goes into a sketch for each id."""
        return [int.from_bytes(hmac.digest(self.secret, one.encode(), "sha256")[:8], "big", signed=True) for one in ids]


def derived_key(secret: bytes, *, puller: str, resource: str) -> SketchKey:
    """A keeper's key for the pulls of one node of one resource (HKDF, RFC 5869)."""
    info = b"yunnao-sketch-1 " + puller.encode() + b" " + resource.encode()
    return SketchKey(HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(secret))


class KeyQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which key a node asks for."""

    format: int = 1
    puller: Word
    keeper: Word
    resource: Name
    asker: Word
    nonce: Nonce


class _Front(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer is to, in the clear."""

    format: int = 1
    puller: Word
    keeper: Word
    resource: Name
    asker: Word
    nonce: Nonce
    ephemeral: Annotated[bytes, Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]


class _Body(msgspec.Struct, frozen=True):
    """What only the asker can read."""

    secret: Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


@dataclass(slots=True)
class SketchKeys:
    """One node's part in the keys of all pulls: asks, answers, remembers. Keys stay in memory."""

    me: str
    parent: str
    path: Callable[[], tuple[str, ...]]
    """Node ids that certify each other, the province first, this node last."""
    secret: bytes
    """What keys of this node as a keeper are derived from."""
    routes: RouteDesk
    seal: Seal
    nonce: Callable[[], bytes]
    _known: OrderedDict[tuple[str, str, str], SketchKey] = field(default_factory=OrderedDict)

    def start(self) -> None:
        """Answer nodes below the same puller from now on."""
        self.routes.answering[KEY_VERB] = self.answer

    def own(self, resource: str) -> SketchKey:
        """The key of what this node counts for itself alone."""
        return derived_key(self.secret, puller=self.me, resource=resource)

    async def of(self, puller: str, keeper: str, resource: str) -> SketchKey | None:
        """The key of a pull; None when it cannot be had now, which the log says."""
        if not self._is_below(puller, self.path()):
            return None
        if keeper == self.me:
            return derived_key(self.secret, puller=puller, resource=resource)
        known = self._known.get((puller, keeper, resource))
        return known or await self._asked(puller, keeper, resource)

    async def answer(self, body: bytes) -> bytes:
        """The key for another node below the puller. Raises FetchRefused, SummaryError."""
        question, signer = await asyncio.to_thread(self._read, body)
        if not self._shares_puller(question.puller, signer):
            raise SummaryError(f"key refused: {signer.who.node} and {self.me} are not both below {question.puller}")
        key = await self.of(question.puller, question.keeper, question.resource)
        if key is None:
            raise SummaryError(f"key of the pulls of {question.puller} is not here: ask again")
        log.info("key for distinct counts of %s pulled by %s given to %s", question.resource, question.puller, signer.who.node)
        return await asyncio.to_thread(self._told, key, question, signer)

    # ---- inside

    async def _asked(self, puller: str, keeper: str, resource: str) -> SketchKey | None:
        source = keeper if self.parent == puller else self.parent
        question = KeyQuestion(puller=puller, keeper=keeper, resource=resource, asker=self.me, nonce=self.nonce())
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                answer = await self._routed(source, question)
            key = await asyncio.to_thread(self._opened, answer, question, source)
        except (RouteRefused, FetchRefused, SummaryError, TimeoutError) as error:
            log.warning("no key for distinct counts of %s pulled by %s: %s", resource, puller, error or "no answer in time")
            return None
        self._known[(puller, keeper, resource)] = key
        if len(self._known) > KEYS_KEPT:
            self._known.popitem(last=False)
        return key

    async def _routed(self, source: str, question: KeyQuestion) -> bytes:
        """The answer of `source`; whoever is busy is asked again, a little later each time."""
        paper = await asyncio.to_thread(signed_paper, _ASKING, msgspec.msgpack.encode(question), b"", self.seal)
        for tried in range(1, TRIES_MAX):
            try:
                return await self.routes.ask(source, KEY_VERB, paper, timeout_s=ROUTE_TIMEOUT_S)
            except RouteRefused as error:
                if "busy" not in str(error):
                    raise
            await asyncio.sleep(PAUSE_S * tried)
        return await self.routes.ask(source, KEY_VERB, paper, timeout_s=ROUTE_TIMEOUT_S)

    def _read(self, body: bytes) -> tuple[KeyQuestion, Signer]:
        paper = parsed(body, Paper)
        question = parsed(paper.front, KeyQuestion)
        return question, asker_of(_ASKING, paper, question, self.seal)

    def _told(self, key: SketchKey, question: KeyQuestion, signer: Signer) -> bytes:
        ephemeral = new_tls_key()
        said = {name: getattr(question, name) for name in ("puller", "keeper", "resource", "asker", "nonce")}
        front = msgspec.msgpack.encode(_Front(**said, ephemeral=point_of(ephemeral.public_key())))
        sealed = sealed_body(msgspec.msgpack.encode(_Body(key.secret)), front, ephemeral, signer.key)
        return signed_paper(_TELLING, front, sealed, self.seal)

    def _opened(self, data: bytes, question: KeyQuestion, source: str) -> SketchKey:
        paper = parsed(data, Paper)
        front = parsed(paper.front, _Front)
        check_format(front.format)
        signer = signer_of(_TELLING, paper, self.seal)
        said = (front.puller, front.keeper, front.resource, front.asker, front.nonce)
        if said != (question.puller, question.keeper, question.resource, question.asker, question.nonce) or signer.who.node != source:
            raise FetchRefused(f"a key of {signer.who.node} is no answer to what was asked of {source}")
        if not self._shares_puller(question.puller, signer):
            raise SummaryError(f"key refused: {signer.who.node} is not below {question.puller}")
        return SketchKey(parsed(opened_body(paper, front.ephemeral, signer.who, self.seal), _Body).secret)

    def _shares_puller(self, puller: str, signer: Signer) -> bool:
        """True when both stand below the puller: the very one, not another of its name."""
        own, other = self.path(), signer.who.path
        if not (self._is_below(puller, own) and self._is_below(puller, other)):
            return False
        upto = own.index(puller) + 1
        return own[:upto] == other[:upto]

    def _is_below(self, puller: str, path: tuple[str, ...]) -> bool:
        return puller in path[:-1]
