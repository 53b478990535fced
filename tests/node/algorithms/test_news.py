"""News of packages: each change travels once, in pages, over lives of the process; what is wanted is taken by itself and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import process_time

import msgspec
import pytest

from edge_ai.models.library import ALGORITHMS_MAX, Library
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.kind import Published
from node.algorithms.news import PAGE_MAX, AskNews, Heard, HeardBook, News, NewsBook, Told, unheld
from node.algorithms.news_desk import ASK_EVERY_S, NEWS, NUDGE, TRIES_MAX, NewsDesk, Wanted
from node.algorithms.offers import OFFERS_MAX, Offer, OfferDesk
from node.algorithms.shelf import Shelf
from node.tree.queries import ANSWER_BYTES_MAX
from node.tree.routes import RouteRefused
from tests.edge_ai.models.made import add
from tests.node.algorithms.test_offers import Line, Pair, pair

__all__ = ["pair"]


def told(number: int, *, at: str = "shandong", version: str = "1") -> Told:
    words = {"family": "yolox", "licence": "none", "evidence_grade": "none", "maker": "n1"}
    package = Published(id=f"a{number}", version=version, content=f"{number:064x}", classes=1, **words)
    return Told(Offer(package=package, publisher="n1", approver="n1"), at)


def heard_all(book: NewsBook, folder: Path, *, pages: int = 20) -> tuple[HeardBook, list[Heard], int]:
    """What a child knows after asking until there is no more, what was new to it, and how many bytes travelled."""
    child, new, travelled = HeardBook(folder), [], 0
    for _ in range(pages):
        answer = msgspec.msgpack.encode(book.since(child.ask("shandong")))
        travelled += len(answer)
        assert len(answer) < ANSWER_BYTES_MAX / 10
        news = msgspec.msgpack.decode(answer, type=News)
        new += child.take("shandong", news, at_us=7)
        if not news.more:
            return child, new, travelled
    raise AssertionError("the news have no end")


def test_each_change_is_told_once_and_what_is_gone_goes(tmp_path: Path) -> None:
    book = NewsBook("life-1")
    assert book.refresh([told(1), told(2)])
    assert not book.refresh([told(2), told(1)])
    assert [one.told.offer.package.id for one in heard_all(book, tmp_path)[1]] == ["a1", "a2"]
    assert heard_all(book, tmp_path)[1] == []
    book.refresh([told(2), told(3)])
    child, new, _ = heard_all(book, tmp_path)
    assert [one.told.offer.package.id for one in new] == ["a3"]
    assert [one.told.offer.package.id for one in child.heard.values()] == ["a2", "a3"]


def test_another_life_of_the_parent_tells_everything_and_nothing_counts_as_new(tmp_path: Path) -> None:
    first, second = NewsBook("life-1"), NewsBook("life-2")
    first.refresh([told(1), told(2)])
    heard_all(first, tmp_path)
    second.refresh([told(2)])
    child, new, _ = heard_all(second, tmp_path)
    assert new == []
    assert list(child.heard) == [told(2).offer.package.content]


def test_another_parent_is_asked_for_everything(tmp_path: Path) -> None:
    book = NewsBook("life-1")
    book.refresh([told(1)])
    child, _, _ = heard_all(book, tmp_path)
    assert child.ask("shandong") == AskNews("life-1", 1)
    assert child.ask("jinan") == AskNews()


def test_four_hundred_packages_travel_once_in_bounded_pages_and_one_more_alone(tmp_path: Path) -> None:
    book, began = NewsBook("life-1"), process_time()
    many = [told(number) for number in range(OFFERS_MAX)]
    book.refresh(many)
    child, new, travelled = heard_all(book, tmp_path)
    assert (len(child.heard), len(new)) == (OFFERS_MAX, OFFERS_MAX)
    book.refresh([*many[1:], told(OFFERS_MAX)])
    assert heard_all(book, tmp_path)[2] < travelled / 500
    assert travelled < 400 * OFFERS_MAX
    assert OFFERS_MAX > PAGE_MAX > ALGORITHMS_MAX
    assert process_time() - began < 3.0


def test_withdrawn_packages_are_forgotten_in_the_end_and_who_was_away_for_long_gets_everything(tmp_path: Path) -> None:
    book = NewsBook("life-1")
    book.refresh([told(number) for number in range(10)])
    heard_all(book, tmp_path)
    for first in (10, OFFERS_MAX + 10):
        book.refresh([told(number) for number in range(first, first + OFFERS_MAX)])
    child, _, _ = heard_all(book, tmp_path)
    assert len(child.heard) == OFFERS_MAX
    assert book.since(AskNews("life-1", 3)).is_whole


def test_damaged_memory_of_a_child_is_asked_for_anew(tmp_path: Path) -> None:
    (tmp_path / "heard.json").write_bytes(b"\x00{")
    assert HeardBook(tmp_path).ask("shandong") == AskNews()


def test_what_is_here_is_not_shown_as_offered(tmp_path: Path) -> None:
    library = Library(tmp_path / "models")
    add(library, id="a1")
    heard = {str(number): Heard(told(number), 1) for number in (1, 2)}
    assert [one.told.offer.package.id for one in unheld(library, heard)] == ["a2"]


@dataclass
class Family:
    """A parent that offers `yard`, and its child; the line between them is the pair's."""

    parent: NewsDesk
    child: NewsDesk
    line: Line


@pytest.fixture
def family(pair: Pair) -> Family:
    return Family(news_desk(pair.giver, "shandong", ""), news_desk(pair.taker, "jinan", "shandong"), pair.line)


def news_desk(offers: OfferDesk, me: str, parent: str, wanted: Wanted = Wanted()) -> NewsDesk:  # noqa: B008 - a frozen value
    shelf: Shelf = offers.shelf
    clock = shelf._clock
    return NewsDesk(offers, shelf, me, parent, lambda peer: True, list, clock, f"life-of-{me}", wanted)


async def test_child_hears_of_a_package_and_fetches_nothing_by_itself(family: Family) -> None:
    (one,) = await family.child.listen()
    assert (one.told.offer.package.id, one.told.at) == ("yard", "shandong")
    await family.child.turn()
    assert family.child.facts() == {"offered": 1}
    assert family.child.shelf.library.ids() == []
    assert await family.child.listen() == []


async def test_wanted_package_is_taken_once_and_goes_live_where_nothing_is(family: Family) -> None:
    family.child.wanted = Wanted(frozenset({"yard"}), goes_on=True)
    await family.child.listen()
    assert family.child.shelf.library.state("yard").live == "1"
    pieces = len(family.line.asked)
    await family.child.listen()
    await family.child.turn()
    assert len(family.line.asked) == pieces
    assert family.child.facts() == {"offered": 0}


async def test_wanted_package_that_cannot_be_had_is_tried_a_few_times(family: Family) -> None:
    family.child.wanted = Wanted(frozenset({"yard"}))
    family.line.breaks_after = 0
    for _ in range(TRIES_MAX + 3):
        await family.child.listen()
    assert family.child._tries.total() == TRIES_MAX
    assert family.child.shelf.library.ids() == []


async def test_parent_of_an_older_version_costs_nothing_but_the_question(family: Family) -> None:
    async def unknown(body: bytes) -> bytes:
        raise RouteRefused("shandong: question 'algorithm-news' is not known to this version")

    family.line.far[NEWS] = unknown
    assert await family.child.listen() == []


async def test_hostile_news_are_refused_and_nothing_is_noted(family: Family) -> None:
    async def garbage(body: bytes) -> bytes:
        return b"\xff" * 100

    family.line.far[NEWS] = garbage
    assert await family.child.listen() == []
    assert not family.child.heard.heard


async def test_question_that_is_none_is_refused(family: Family) -> None:
    with pytest.raises(AlgorithmRefused, match="does not parse"):
        await family.parent.offers.routes.answering[NEWS](b"\xff")


async def test_what_was_heard_is_told_further_down_with_the_node_that_has_it(family: Family) -> None:
    await family.child.listen()
    assert [(one.offer.package.id, one.at) for one in family.child._tellable()] == [("yard", "shandong")]


async def test_nudge_makes_the_child_ask_at_its_next_turn(family: Family) -> None:
    await family.child.turn()
    asked = family.child._asked
    assert asked is not None
    await family.child.offers.routes.answering[NUDGE](b"anything")
    assert family.child._asked is None
    assert ASK_EVERY_S > 60
