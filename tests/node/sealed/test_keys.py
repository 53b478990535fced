"""Keys of targets: asked along the tree, proved, remembered, and asked for again after a day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.identity.files import IdentityFiles
from node.sealed.book import SealedBook
from node.sealed.keys import ASK_AGAIN_US, RENEW_US, RoutedKeys
from node.tree.directory import Directory
from node.tree.queries import QueryDesk
from node.tree.routes import RouteDesk, RouteRefused
from tests.node.identity.family import NOW_US
from tests.node.sealed.line import PLACES, seal_of

Family = dict[str, IdentityFiles]


class ScriptedRoutes(RouteDesk):
    """Every node answers with the chain that the test gave it; others cannot be reached."""

    def __init__(self) -> None:
        super().__init__("city", "province", Directory("city"), QueryDesk(tell=lambda peer, message: False))
        self.chains: dict[str, bytes] = {}
        self.asked: list[str] = []

    async def ask(self, target: str, verb: str, body: bytes, *, timeout_s: float) -> bytes:
        self.asked.append(target)
        if target not in self.chains:
            raise RouteRefused(f"{target} cannot be reached")
        return self.chains[target]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SealedBook]:
    with closing(SealedBook(tmp_path / "sealed.db")) as book:
        yield book


def keys_of(family: Family, book: SealedBook, routes: ScriptedRoutes, now: list[int], *, me: str = "city") -> RoutedKeys:
    seal = seal_of(family[me], lambda: now[0])
    return RoutedKeys(me, lambda: tuple(PLACES)[: tuple(PLACES).index(me) + 1], routes, seal, book)


def test_a_key_is_asked_for_once_a_day_and_used_while_its_node_is_away(family: Family, book: SealedBook) -> None:
    routes, now = ScriptedRoutes(), [NOW_US]
    routes.chains["street"] = family["street"].tls().chain_pem
    keys = keys_of(family, book, routes, now)
    found = asyncio.run(keys.signer("street"))
    assert found is not None
    assert found.who.node == "street"
    asyncio.run(keys.signer("street"))
    routes.chains.clear()
    now[0] += RENEW_US + 1
    assert asyncio.run(keys_of(family, book, routes, now).signer("street")) is not None
    assert routes.asked == ["street", "street"]


def test_who_does_not_answer_is_asked_again_after_a_while(family: Family, book: SealedBook) -> None:
    routes, now = ScriptedRoutes(), [NOW_US]
    keys = keys_of(family, book, routes, now)
    assert asyncio.run(keys.signer("street")) is None
    assert asyncio.run(keys.signer("street")) is None
    now[0] += ASK_AGAIN_US
    assert asyncio.run(keys.signer("street")) is None
    assert routes.asked == ["street", "street"]


@pytest.mark.parametrize("answer", ["district", "junk"])
def test_another_chain_than_the_targets_own_is_no_key(family: Family, book: SealedBook, answer: str) -> None:
    routes = ScriptedRoutes()
    routes.chains["street"] = b"junk" if answer == "junk" else family["district"].tls().chain_pem
    assert asyncio.run(keys_of(family, book, routes, [NOW_US]).signer("street")) is None
    assert book.chain("street") is None


def test_the_key_of_a_node_above_is_taken_and_that_of_a_neighbours_branch_is_not(family: Family, book: SealedBook) -> None:
    routes = ScriptedRoutes()
    routes.chains["city"] = family["city"].tls().chain_pem
    assert asyncio.run(keys_of(family, book, routes, [NOW_US], me="street").signer("city")) is not None
    stranger = keys_of(family, book, routes, [NOW_US], me="street")
    stranger.me, stranger.path = "elsewhere", lambda: ("province", "elsewhere")
    assert asyncio.run(stranger.signer("city")) is None
