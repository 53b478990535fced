"""Packages on their way down the tree: what a node offers, its pieces, and taking one from another node.

A node offers what was approved here, and what it took itself from a node that offered it: so a package goes down level by level, and each
node serves its children from its own disk. Asked along the tree by any node; a package is no secret, and whoever takes one checks its
signature and runs its golden pictures first. That it was approved, the taker believes of the node it asks. Called by the desk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from edge_ai.errors import AlgorithmError
from edge_ai.models.library import ALGORITHMS_MAX, VERSIONS_MAX, Library
from edge_ai.models.package import CARD, read_bounded, read_card
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.kind import Published
from node.algorithms.parcel import PARCEL_BYTES_MAX, SUFFIX, write_parcel
from node.algorithms.shelf import Shelf, told_as_refusal
from node.files import write_durably
from node.tree.routes import Answering
from node.untrusted import UNREADABLE

OFFERS, PIECE = "algorithm-offers", "algorithm-piece"
"""Verbs of the questions."""
PIECE_BYTES_MAX = 256 * 1024
TIMEOUT_S = 120.0
"""A piece over two links of 50 kbit/s."""
OFFERS_MAX = ALGORITHMS_MAX * VERSIONS_MAX
PARCELS_MAX = 4
"""Packages that lie ready as files for others."""
BEGUN_MAX = 4
"""Packages whose fetching broke off and may go on."""
TAKEN_FILE, TAKEN_BYTES_MAX = "taken.json", 4 << 20

Content = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A package that may be taken."""

    package: Published
    publisher: Annotated[str, Meta(max_length=63)]
    approver: Annotated[str, Meta(max_length=63)]


class Offers(msgspec.Struct, frozen=True):
    """Everything that a node offers."""

    offers: Annotated[tuple[Offer, ...], Meta(max_length=OFFERS_MAX)] = ()


class AskPiece(msgspec.Struct, frozen=True):
    """Which part of which package."""

    content: Content
    offset: Annotated[int, Meta(ge=0, le=PARCEL_BYTES_MAX)]


class Piece(msgspec.Struct, frozen=True):
    """A part of a package as a file."""

    size: Annotated[int, Meta(ge=1, le=PARCEL_BYTES_MAX)]
    """Of the whole file."""
    data: Annotated[bytes, Meta(max_length=PIECE_BYTES_MAX)]


class Routes(Protocol):
    """Questions along the tree (`node.tree.routes.RouteDesk`)."""

    answering: dict[str, Answering]
    """What this node answers, by verb."""

    async def ask(self, target: str, verb: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask a node; raises RouteRefused."""


@dataclass(slots=True)
class OfferDesk:
    """What this node offers and takes."""

    shelf: Shelf
    routes: Routes
    approved: Callable[[], Sequence[Offer]]
    """What was approved here. Blocking."""
    on_taken: Callable[[], None] = lambda: None
    """Told when this node offers something more."""
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _contents: dict[Path, tuple[tuple[int, int], str]] = field(default_factory=dict)
    """Of each package its card's file number and time, and the content id that was read from it."""

    def __post_init__(self) -> None:
        """Answer the tree."""
        self.routes.answering[OFFERS] = self._answer_offers
        self.routes.answering[PIECE] = self._answer_piece

    # ---- giving

    def offered(self) -> tuple[Offer, ...]:
        """What may be taken here: approved or taken, and still in the library with that content. Blocking."""
        held = self._held()
        found = {offer.package.content: offer for offer in (*self._taken(), *self.approved()) if offer.package.content in held}
        return tuple(sorted(found.values(), key=lambda offer: (offer.package.id, offer.package.version)))

    async def _answer_offers(self, body: bytes) -> bytes:
        return msgspec.msgpack.encode(Offers(await asyncio.to_thread(self.offered)))

    async def _answer_piece(self, body: bytes) -> bytes:
        try:
            asked = msgspec.msgpack.decode(body, type=AskPiece)
        except UNREADABLE as error:
            raise AlgorithmRefused(f"a question for a piece does not parse: {error}") from None
        return msgspec.msgpack.encode(await asyncio.to_thread(self._piece, asked))

    def _piece(self, asked: AskPiece) -> Piece:
        if asked.content not in {offer.package.content for offer in self.offered()}:
            raise AlgorithmRefused(f"package {asked.content[:16]} is not offered here: `yunnao model offers` shows what is")
        path = self._parcel(asked.content)
        with path.open("rb") as file:
            file.seek(asked.offset)
            return Piece(path.stat().st_size, file.read(PIECE_BYTES_MAX))

    def _parcel(self, content: str) -> Path:
        """The package as a file, made once."""
        folder = self.shelf.library.root / ".parcels"
        path = folder / f"{content}{SUFFIX}"
        if path.is_file():
            return path
        folder.mkdir(exist_ok=True, mode=0o700)
        for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)[: -PARCELS_MAX + 1]:
            old.unlink(missing_ok=True)
        fresh = folder / f".{content}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        with told_as_refusal():
            write_parcel(self._held()[content], fresh)
        fresh.replace(path)
        return path

    def _held(self) -> Mapping[str, Path]:
        """Folder of each package in the library by its content."""
        library: Library = self.shelf.library
        folders = [library.root / id_ / version for id_ in library.ids() for version in library.versions(id_)]
        self._contents = {folder: self._content(folder) for folder in folders}
        return {content: folder for folder, (_, content) in self._contents.items() if content}

    def _content(self, folder: Path) -> tuple[tuple[int, int], str]:
        """A card is read once: for each piece that somebody asks for, all of four hundred would be too slow."""
        try:
            entry = (folder / CARD).stat()
            mark, known = (entry.st_ino, entry.st_mtime_ns), self._contents.get(folder)
            return known if known is not None and known[0] == mark else (mark, read_card(folder).content_sha256)
        except (OSError, AlgorithmError):
            # One that is damaged or just going is not offered; `model list` and doctor name it.
            return ((0, 0), "")

    # ---- taking

    async def ask(self, node: str) -> tuple[Offer, ...]:
        """What a node offers. Raises RouteRefused, AlgorithmRefused."""
        answer = await self.routes.ask(node, OFFERS, b"", timeout_s=TIMEOUT_S)
        try:
            return msgspec.msgpack.decode(answer, type=Offers).offers
        except UNREADABLE as error:
            raise AlgorithmRefused(f"the offers of {node} do not parse: {error}") from None

    async def take(self, node: str, id_: str, version: str, *, by: str) -> Offer:
        """Fetch a package, check it, keep it, and offer it to others. Raises RouteRefused, AlgorithmRefused."""
        offer = next((one for one in await self.ask(node) if (one.package.id, one.package.version) == (id_, version)), None)
        if offer is None:
            raise AlgorithmRefused(f"{node} does not offer {id_} {version}: `yunnao model offers` shows what it does")
        async with self._taking:
            path = self.shelf.library.root / f".fetch-{offer.package.content}.tar"
            await asyncio.to_thread(_clear_begun, path)
            await self._fetch(node, offer.package.content, path)
            wanted = (id_, version, offer.package.content)
            try:
                await asyncio.to_thread(lambda: self.shelf.add_parcel(path, lambda step: None, by=by, wanted=wanted))
            finally:
                path.unlink(missing_ok=True)
            await asyncio.to_thread(self._note_taken, offer)
        self.on_taken()
        return offer

    async def _fetch(self, node: str, content: str, path: Path) -> None:
        """Piece by piece; goes on where an earlier try ended."""
        there = await asyncio.to_thread(_begun, path)
        size, is_first = there + 1, True
        while there < size:
            asked = msgspec.msgpack.encode(AskPiece(content, there))
            answer = await self.routes.ask(node, PIECE, asked, timeout_s=TIMEOUT_S)
            try:
                piece = msgspec.msgpack.decode(answer, type=Piece)
            except UNREADABLE as error:
                raise AlgorithmRefused(f"a piece of {content[:16]} of {node} does not parse: {error}") from None
            if not piece.data and there < piece.size:
                raise AlgorithmRefused(f"{node} gave an empty piece of {content[:16]} at {there} of {piece.size} bytes: ask again")
            if is_first:
                # The file, and then what is unpacked from it.
                await asyncio.to_thread(self._check_room, content, 2 * piece.size - there)
                is_first = False
            await asyncio.to_thread(_append, path, piece.data)
            size, there = piece.size, there + len(piece.data)

    def _check_room(self, content: str, size: int) -> None:
        with told_as_refusal():
            self.shelf.library.room.check(f"package {content[:16]}", size)

    def _taken(self) -> tuple[Offer, ...]:
        path = self.shelf.library.root / TAKEN_FILE
        if not path.is_file():
            return ()
        with told_as_refusal():
            raw = read_bounded(path, TAKEN_BYTES_MAX)
        try:
            return msgspec.json.decode(raw, type=Offers).offers
        except UNREADABLE as error:
            raise AlgorithmRefused(f"{path} is damaged ({error}): remove it, then take the packages again") from None

    def _note_taken(self, offer: Offer) -> None:
        held = self._held()
        kept = [one for one in self._taken() if one.package.content in held and one.package.content != offer.package.content]
        write_durably(self.shelf.library.root / TAKEN_FILE, msgspec.json.encode(Offers((*kept, offer))))


def _begun(path: Path) -> int:
    """Bytes that an earlier try left."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.stat().st_size if path.is_file() else 0


def _clear_begun(keep: Path) -> None:
    """What was begun and never ended goes, but for the newest ones: somebody may still ask for those again."""
    begun = sorted((path for path in keep.parent.glob(".fetch-*") if path != keep), key=lambda path: path.stat().st_mtime)
    for path in begun[: -BEGUN_MAX + 1]:
        path.unlink(missing_ok=True)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
