"""Tells the children of a running node of packages, hears of them from its parent, and takes those that its configuration wants.

A child asks when its link begins and every five minutes, up to where it knows; a parent nudges its linked children when something changed,
so they ask at once. A neighbour of an older version knows neither question, and people ask it with `model offers`. What was heard is shown
and told further down; nothing of it is fetched unless a person or the configuration says so. Called by the runtime's background.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from node.algorithms.errors import AlgorithmRefused
from node.algorithms.news import AskNews, Heard, HeardBook, News, NewsBook, Told, unheld
from node.algorithms.offers import OfferDesk
from node.algorithms.shelf import BY_ITSELF, Shelf
from node.clock import Clock
from node.errors import NodeError
from node.tree.routes import RouteRefused
from node.untrusted import UNREADABLE
from sync.model import Instant, SyncError

NEWS, NUDGE = "algorithm-news", "algorithm-nudge"
"""Verbs of the questions."""
ASK_EVERY_S = 300.0
LOOK_S = 2.0
REFRESH_EVERY_S = 30.0
"""How often it is looked whether there is something to tell, when nobody says that there is."""
TIMEOUT_S, NUDGE_TIMEOUT_S = 60.0, 10.0
PAGES_MAX = 8
"""Of one round: four thousand changes."""
NUDGES_AT_ONCE = 8
TRIES_MAX = 5
"""Times that a wanted package is asked for in one life of the process."""

log = logging.getLogger("yunnao.algorithms")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration takes by itself."""

    ids: frozenset[str] = frozenset()
    goes_on: bool = False
    """True: into shadow, or live where nothing is."""


@dataclass(slots=True)
class NewsDesk:
    """One node's news of packages."""

    offers: OfferDesk
    shelf: Shelf
    me: str
    parent: str
    """Empty at the top."""
    is_linked: Callable[[str], bool]
    children: Callable[[], Collection[str]]
    """With an open link."""
    clock: Clock
    life: str
    wanted: Wanted = Wanted()
    heard: HeardBook = field(init=False)
    book: NewsBook = field(init=False)
    _is_stale: bool = True
    _asked: Instant | None = None
    _refreshed: Instant | None = None
    _was_linked: bool = False
    _unheld: int = 0
    """What was heard of and is not here, when it was last looked."""
    _tries: Counter[str] = field(default_factory=Counter)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Answer children, and the parent's nudge."""
        self.heard, self.book = HeardBook(self.shelf.library.root), NewsBook(self.life)
        self.offers.routes.answering[NEWS] = self._answer
        self.offers.routes.answering[NUDGE] = self._nudged
        self.offers.on_taken = self.changed

    def changed(self) -> None:
        """Something that this node may tell was approved, taken, withdrawn or removed."""
        self._is_stale = True

    async def run(self) -> None:
        """Tell and hear, for as long as the node runs."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """One look at what is due."""
        now = self.clock.now()
        if self._is_stale or _is_due(self._refreshed, now, REFRESH_EVERY_S):
            await self._tell()
        is_linked = bool(self.parent) and self.is_linked(self.parent)
        if is_linked and (not self._was_linked or _is_due(self._asked, now, ASK_EVERY_S)):
            self._asked = now
            await self.listen()
        self._was_linked = is_linked

    def facts(self) -> dict[str, int]:
        """For `status`: packages that were heard of and are not here."""
        return {"offered": self._unheld}

    # ---- telling

    async def _tell(self) -> None:
        self._is_stale, self._refreshed = False, self.clock.now()
        if not await self._refresh():
            return
        gate = asyncio.Semaphore(NUDGES_AT_ONCE)

        async def nudge(child: str) -> None:
            async with gate:
                try:
                    await self.offers.routes.ask(child, NUDGE, b"", timeout_s=NUDGE_TIMEOUT_S)
                except RouteRefused as why:
                    log.debug("child %s was not nudged: %s", child, why)

        await asyncio.gather(*(nudge(child) for child in self.children()))

    async def _refresh(self) -> bool:
        """Bring the book up to date; True when there is something to tell. One that cannot be read tells nothing new."""
        async with self._one:
            try:
                current = await asyncio.to_thread(self._tellable)
            except NodeError as error:
                log.warning("offers of this node are not told: %s", error)
                return False
            return self.book.refresh(current)

    def _tellable(self) -> list[Told]:
        self._unheld = len(unheld(self.shelf.library, self.heard.heard))
        own = [Told(offer, self.me) for offer in self.offers.offered()]
        here = {told.offer.package.content for told in own}
        return own + [one.told for content, one in self.heard.heard.items() if content not in here]

    async def _answer(self, body: bytes) -> bytes:
        try:
            asked = msgspec.msgpack.decode(body, type=AskNews)
        except UNREADABLE as error:
            raise AlgorithmRefused(f"a question for news of packages does not parse: {error}") from None
        if self._refreshed is None:
            self._refreshed = self.clock.now()
            await self._refresh()
        return msgspec.msgpack.encode(self.book.since(asked))

    # ---- hearing

    async def _nudged(self, body: bytes) -> bytes:
        """The parent, or whoever says so, has news: ask the parent soon. However often it is said, one question is asked a turn."""
        self._asked = None
        return b""

    async def listen(self) -> list[Heard]:
        """Ask the parent for news, and take what is wanted; what is new. A parent that is away or older is asked again later."""
        found: list[Heard] = []
        try:
            for _ in range(PAGES_MAX):
                question = msgspec.msgpack.encode(self.heard.ask(self.parent))
                answer = await self.offers.routes.ask(self.parent, NEWS, question, timeout_s=TIMEOUT_S)
                news = msgspec.msgpack.decode(answer, type=News)
                found += await asyncio.to_thread(self.heard.take, self.parent, news, at_us=self.clock.wall_us())
                if not news.more:
                    break
        except RouteRefused as why:
            log.debug("no news of packages: %s", why)
        except UNREADABLE as error:
            log.warning("news of packages of %s do not parse: %s", self.parent, error)
        except OSError as error:
            log.warning("news of packages are not kept: %s", error)
        if found:
            log.info("%d packages are offered: `yunnao model list` shows them", len(found))
            self.changed()
        await self._take_wanted()
        return found

    async def _take_wanted(self) -> None:
        for one in await asyncio.to_thread(self._due):
            package = one.told.offer.package
            self._tries[package.content] += 1
            try:
                await self.offers.take(one.told.at, package.id, package.version, by=BY_ITSELF)
                if self.wanted.goes_on:
                    await asyncio.to_thread(self._set_to_work, package.id, package.version)
            except (NodeError, SyncError) as error:
                log.warning("%s %s is wanted and was not taken from %s: %s", package.id, package.version, one.told.at, error)

    def _due(self) -> Sequence[Heard]:
        """The newest version of each wanted algorithm, unless it is here or was tried in vain."""
        newest = {one.told.offer.package.id: one for one in self.heard.heard.values()}
        waiting = {one.told.offer.package.content for one in unheld(self.shelf.library, self.heard.heard)}
        return [
            one
            for id_, one in newest.items()
            if id_ in self.wanted.ids
            and one.told.offer.package.content in waiting
            and self._tries[one.told.offer.package.content] < TRIES_MAX
        ]

    def _set_to_work(self, id_: str, version: str) -> None:
        if self.shelf.library.state(id_).live:
            self.shelf.shadow(id_, version, by=BY_ITSELF)
        else:
            self.shelf.activate(id_, version, by=BY_ITSELF)


def _is_due(last: Instant | None, now: Instant, seconds: float) -> bool:
    return last is None or now.seconds_since(last) >= seconds
