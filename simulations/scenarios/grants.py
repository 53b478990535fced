"""Hard case 11: a grant is revoked while its asker fetches page after page; the next page is refused, and no page lies anywhere.

The city asks a street for the names of its residents, is granted them for a while and fetches what is new, twice a second, over two nodes
that pass the pages on and may not read them. The street revokes. The asker may not have heard of it: what counts is the provider.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.cases.errors import CaseError
from node.cases.kind import Case
from node.errors import NodeError
from node.requests.envelope import Cursor
from node.requests.kind import Ask, request_kind
from policies.errors import PolicyError
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.faults import DAY_US
from simulations.rooms import TERMS, Rooms
from simulations.scenarios.script import Script, WaitLonger
from sync.model import MICROSECONDS, SyncError

STREET, CITY, PROVINCE = "s111", "m1", "p0"
FETCH_EVERY_S = 0.5
REVOKED_LIMIT_US = 60 * MICROSECONDS
"""By then the last byte has come (POLICY, hard case 11)."""
PAGES_MIN = 2
"""Pages with names that must have come before the end of the grant, for the day to show anything."""
NEW_RESIDENTS = 5
KIND = request_kind(TERMS)


class GrantRevokedMidStream(Script):
    """One request of the city's about residents of the street."""

    def begin(self) -> None:
        """Ask, grant, fetch for a while, revoke; then go on asking for pages until it is refused for good."""
        Script.begin(self)
        self._case = ""
        self._cursor = Cursor()
        self._pages: list[int] = []
        """When each page with names came, microseconds of the world."""
        self._revoked_us = 0
        self._is_fetching = False
        self._turned_away = 0
        """Questions that were refused after the end of the grant."""
        self.step(3, CITY, self._ask)
        self.step(3, STREET, lambda rooms: self._say(rooms, "grant"))
        self.step(3, CITY, self._has_pages)
        self.step(9, STREET, self._revoke)
        self.step(9, CITY, self._is_turned_away)
        self.every(FETCH_EVERY_S, self._fetch)
        self.every(1.0, self._move_in)

    def _move_in(self) -> None:
        if not self._turned_away and self.world.hosts[STREET].is_up:
            self.world.produce(STREET, "residents", NEW_RESIDENTS)

    # ---- what people do

    async def _ask(self, rooms: Rooms) -> None:
        if not rooms.cases.register.cases(KIND, states=frozenset(), limit=1):
            until_us = self.world.hosts[CITY].machine.wall_us() + DAY_US
            asked = Ask(resource="residents", fields=("name",), purpose="city-management", why="census of the block", until_us=until_us)
            provider, arbiter = rooms.party(STREET), rooms.party(PROVINCE)
            await rooms.requests.desk.ask(asked, by="the asker", provider=provider, arbiter=arbiter)
        self._case = rooms.cases.register.cases(KIND, states=frozenset(), limit=1)[0].id

    async def _say(self, rooms: Rooms, word: str) -> None:
        case = await self._known(rooms)
        if case.state == "asked" and word == "grant":
            await rooms.requests.desk.grant(case.id, {}, by="the provider")
        elif case.state == "granted" and word == "revoke":
            await rooms.requests.desk.say(case.id, "revoke", {"why": "the census is over"}, by="the provider")

    async def _revoke(self, rooms: Rooms) -> None:
        await self._say(rooms, "revoke")
        self._revoked_us = self._revoked_us or self.world.clock.us

    async def _known(self, rooms: Rooms) -> Case:
        await rooms.cases.follow()
        case = rooms.cases.register.case(KIND, self._case)
        if case is None:
            raise WaitLonger("the request has not come yet")
        return case

    async def _has_pages(self, rooms: Rooms) -> None:
        if len(self._pages) < PAGES_MIN:
            raise WaitLonger("no pages have come")

    async def _is_turned_away(self, rooms: Rooms) -> None:
        if not self._turned_away:
            raise WaitLonger("nobody was refused yet")

    # ---- the asker's pages

    def _fetch(self) -> None:
        rooms = self.rooms(CITY)
        if rooms is None or not self._case or self._is_fetching or not self.world.hosts[CITY].is_ready:
            return
        self._is_fetching, life = True, self.world.hosts[CITY].lives
        rooms.act(lambda: self._page(rooms), then=self._ended, failed=lambda error: self._ended())
        self.world.after(TRY_AGAIN_S, lambda: self._ended() if self.world.hosts[CITY].lives != life else None)

    def _ended(self) -> None:
        self._is_fetching = False

    async def _page(self, rooms: Rooms) -> None:
        is_over = self._revoked_us > 0
        try:
            rows, facts = await rooms.requests.taking.page(self._case, self._cursor, by="the asker")
        except (CaseError, NodeError, PolicyError, SyncError) as error:
            self._turned_away += is_over and "revoked" in str(error)
            return
        self._cursor = Cursor(facts["after_lsn"], facts["skip_rows"])
        if is_over and rows is not None:
            self.wrong(STREET, "a page was given for a question that was put after the grant was revoked")
        if rows is not None:
            self._pages.append(self.world.clock.us)

    # ---- in the end

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Pages came while the grant held, and none later than a minute after it."""
        if sum(at < self._revoked_us for at in self._pages) < PAGES_MIN:
            self.wrong(CITY, "no pages came while the grant held: the day showed nothing")
        if late := sum(at > self._revoked_us + REVOKED_LIMIT_US for at in self._pages):
            self.wrong(CITY, f"{late} pages came later than a minute after the grant was revoked")
        rooms = self.rooms(STREET)
        assert rooms is not None, "every node of a healed world is up"
        entered = rooms.requests.desk.shares.of(self._case)
        if entered["pages"] < len(self._pages):
            self.wrong(STREET, f"{len(self._pages)} pages came, {entered['pages']} are entered")


TRY_AGAIN_S = 5.0
"""After a crash of the asker's node the person begins again."""
