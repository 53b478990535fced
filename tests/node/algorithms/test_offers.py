"""Taking packages of other nodes: pieces, what hostile nodes answer, broken lines, and four hundred of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import msgspec
import pytest

from edge_ai.models.facts import GoldenFacts
from edge_ai.models.library import ALGORITHMS_MAX, Library
from edge_ai.models.package import card_of
from node.algorithms import offers as module
from node.algorithms import shelf as shelf_module
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.kind import Published
from node.algorithms.offers import BEGUN_MAX, OFFERS, PIECE, AskPiece, Offer, OfferDesk, Offers, Piece
from node.algorithms.seal import PackageSeal
from node.algorithms.shelf import Shelf
from node.config.config import load_config
from node.tree.queries import ANSWER_BYTES_MAX
from node.tree.routes import Answering, RouteRefused
from tests.edge_ai.models.made import add, package
from tests.node.identity.family import CITY, PROVINCE, StandingClock, make_node


@dataclass
class Line:
    """The other node's answers, as they are or changed on the way."""

    answering: dict[str, Answering] = field(default_factory=dict)
    far: dict[str, Answering] = field(default_factory=dict)
    spoil: Callable[[str, bytes], bytes] = lambda verb, answer: answer
    asked: list[AskPiece] = field(default_factory=list)
    breaks_after: int = 1 << 30

    async def ask(self, target: str, verb: str, body: bytes, *, timeout_s: float) -> bytes:
        if verb == PIECE:
            if len(self.asked) >= self.breaks_after:
                raise RouteRefused(f"{target} cannot be reached")
            self.asked.append(msgspec.msgpack.decode(body, type=AskPiece))
        return self.spoil(verb, await self.far[verb](body))


@dataclass
class Pair:
    """A province that offers, and a city that takes."""

    giver: OfferDesk
    taker: OfferDesk
    line: Line


def published(folder: Path, seal: PackageSeal) -> Offer:
    card, files = package()
    Library(folder / "models").add(card, files, seal.sign(card), at_us=1)
    said = Published(
        id="yard", version="1", content=card.content_sha256, family="yolox", classes=1, licence="none", evidence_grade="none", maker="n1"
    )
    return Offer(package=said, publisher="n1", approver="n1")


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    facts = GoldenFacts(pictures={}, run_ms=1.0, whole_ms=1.0, memory_mib=1.0)
    monkeypatch.setattr(shelf_module, "run_again", lambda folder: (facts, []))
    monkeypatch.setattr(module, "PIECE_BYTES_MAX", 1_000)
    province = make_node(tmp_path, PROVINCE)
    make_node(tmp_path, CITY, parent=province)
    shelves = {}
    for who in (PROVINCE, CITY):
        folder = tmp_path / who.node
        words = {"id": who.node, "level": who.level.word, "territory": who.territory.code}
        (folder / "node.toml").write_text("[node]\n" + "".join(f'{key} = "{value}"\n' for key, value in words.items()), "utf-8")
        shelves[who.node] = Shelf(load_config(folder / "node.toml"), StandingClock())
    offer = published(tmp_path / PROVINCE.node, shelves[PROVINCE.node].seal)
    line = Line()
    giver = OfferDesk(shelves[PROVINCE.node], Line(line.far), lambda: [offer])
    return Pair(giver, OfferDesk(shelves[CITY.node], line, list), line)


def there(pair: Pair) -> list[str]:
    return [path.name for path in pair.taker.shelf.library.root.glob(".fetch-*")]


async def test_package_comes_in_pieces_is_kept_and_offered_on(pair: Pair) -> None:
    taken = await pair.taker.take("shandong", "yard", "1", by="t")
    assert len(pair.line.asked) > 5
    assert pair.taker.shelf.library.versions("yard") == ("1",)
    assert pair.taker.offered() == (taken,)
    assert there(pair) == []


async def test_broken_line_goes_on_where_it_was(pair: Pair) -> None:
    pair.line.breaks_after = 3
    with pytest.raises(RouteRefused):
        await pair.taker.take("shandong", "yard", "1", by="t")
    assert len(there(pair)) == 1
    pair.line.breaks_after = 1 << 30
    await pair.taker.take("shandong", "yard", "1", by="t")
    offsets = [asked.offset for asked in pair.line.asked]
    assert offsets == sorted(set(offsets))


def empty_piece(verb: str, answer: bytes) -> bytes:
    return msgspec.msgpack.encode(Piece(9_999_999, b"")) if verb == PIECE else answer


def wrong_bytes(verb: str, answer: bytes) -> bytes:
    if verb != PIECE:
        return answer
    piece = msgspec.msgpack.decode(answer, type=Piece)
    return msgspec.msgpack.encode(Piece(piece.size, b"x" * len(piece.data)))


def huge(verb: str, answer: bytes) -> bytes:
    return msgspec.msgpack.encode({"size": 1 << 60, "data": b"x"}) if verb == PIECE else answer


def other_content(verb: str, answer: bytes) -> bytes:
    if verb != OFFERS:
        return answer
    (offer,) = msgspec.msgpack.decode(answer, type=Offers).offers
    said = msgspec.structs.replace(offer.package, version="7")
    return msgspec.msgpack.encode(Offers((msgspec.structs.replace(offer, package=said),)))


@pytest.mark.parametrize(
    ("spoil", "version", "words"),
    [
        (empty_piece, "1", "gave an empty piece of .* at 0 of 9999999 bytes"),
        (wrong_bytes, "1", "is no package"),
        (huge, "1", "does not parse"),
        (lambda verb, answer: b"\xff" * 40, "1", "the offers of shandong do not parse"),
        (other_content, "7", "package yard 1 refused: it is not the one that was offered"),
        (lambda verb, answer: answer, "9", "shandong does not offer yard 9"),
    ],
)
async def test_hostile_answer_is_refused_and_leaves_nothing(
    spoil: Callable[[str, bytes], bytes], version: str, words: str, pair: Pair
) -> None:
    pair.line.spoil = spoil
    with pytest.raises(AlgorithmRefused, match=words):
        await pair.taker.take("shandong", "yard", version, by="t")
    assert pair.taker.offered() == ()
    pair.line.spoil = lambda verb, answer: answer
    assert (await pair.taker.take("shandong", "yard", "1", by="t")).package.version == "1"


async def test_package_without_room_is_refused_after_its_first_piece(pair: Pair) -> None:
    pair.taker.shelf.library = Library(pair.taker.shelf.library.root, bytes_max=3_000)
    with pytest.raises(AlgorithmRefused, match=r"refused: its \d+ bytes and the \d+ that are here are over 3000"):
        await pair.taker.take("shandong", "yard", "1", by="t")
    assert len(pair.line.asked) == 1


async def test_what_was_begun_and_never_ended_does_not_fill_the_disk(pair: Pair) -> None:
    pair.taker.shelf.library.root.mkdir(exist_ok=True)
    for number in range(9):
        (pair.taker.shelf.library.root / f".fetch-{number:064x}.tar").write_bytes(b"x")
    await pair.taker.take("shandong", "yard", "1", by="t")
    assert len(there(pair)) == BEGUN_MAX - 1


async def test_damaged_package_is_not_offered_and_hides_no_other(pair: Pair) -> None:
    add(pair.giver.shelf.library, "2")
    (pair.giver.shelf.library.root / "yard" / "2" / "package.json").write_bytes(b"{")
    assert [offer.package.version for offer in pair.giver.offered()] == ["1"]


async def test_only_what_is_offered_is_handed_out(pair: Pair) -> None:
    hidden = add(pair.giver.shelf.library, "2")
    with pytest.raises(AlgorithmRefused, match="is not offered here"):
        await pair.line.far[PIECE](msgspec.msgpack.encode(AskPiece(hidden.content_sha256, 0)))
    with pytest.raises(AlgorithmRefused, match="does not parse"):
        await pair.line.far[PIECE](b"\xff")


@pytest.mark.slow
async def test_four_hundred_packages_are_offered_in_one_answer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    library, seal = pair.giver.shelf.library, pair.giver.shelf.seal
    signature = seal.sign(card_of("yard", "1", package()[1]))
    approved = list(pair.giver.approved())
    for number in range(ALGORITHMS_MAX - 1):
        card, files = package(id=f"a{number}")
        library.add(card, files, signature, at_us=1)
        said = msgspec.structs.replace(approved[0].package, id=f"a{number}", content=card.content_sha256)
        approved.append(msgspec.structs.replace(approved[0], package=said))
    pair.giver.approved = lambda: approved
    answer = await pair.line.far[OFFERS](b"")
    assert len(msgspec.msgpack.decode(answer, type=Offers).offers) == ALGORITHMS_MAX
    assert len(answer) < ANSWER_BYTES_MAX / 50
    assert len(library.held()) == ALGORITHMS_MAX
    began = process_time()
    for _ in range(10):
        pair.giver.offered()
    # Each piece of a package asks this; cards are read once.
    assert (process_time() - began) / 10 < 0.1
    await pair.taker.take("shandong", "yard", "1", by="t")
    assert pair.taker.shelf.library.ids() == ["yard"]
