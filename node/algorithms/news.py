"""Offers on their way down: what a node tells its children of new and withdrawn packages, and what it has heard itself.

Each change of what a node may tell has a number; a child says up to which number it knows, and gets what changed since, so four hundred
offers travel once. Numbers begin anew with each life of the process: a child that knows those of another life gets everything. Pure but for
`HeardBook`, which keeps what was heard in a file beside the packages, where `yunnao model list` finds it. Called by the news desk.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.models.library import Library
from edge_ai.models.package import read_bounded
from node.algorithms.offers import OFFERS_MAX, Content, Offer
from node.algorithms.shelf import told_as_refusal
from node.errors import NodeError
from node.files import write_durably
from node.untrusted import UNREADABLE

PAGE_MAX = 500
"""Changes in one answer."""
FILE, FILE_BYTES_MAX = "heard.json", 8 << 20

log = logging.getLogger("yunnao.algorithms")
Life = Annotated[str, Meta(max_length=32)]
Number = Annotated[int, Meta(ge=0, le=1 << 53)]


class Told(msgspec.Struct, frozen=True):
    """A package, and the node that has it."""

    offer: Offer
    at: Annotated[str, Meta(min_length=1, max_length=63)]


class AskNews(msgspec.Struct, frozen=True):
    """Up to where the asker knows."""

    life: Life = ""
    upto: Number = 0


class News(msgspec.Struct, frozen=True):
    """What changed since."""

    life: Life
    upto: Number
    is_whole: bool = False
    """True: forget what was told before."""
    more: bool = False
    """Ask again: not everything had room."""
    new: Annotated[tuple[Told, ...], Meta(max_length=PAGE_MAX)] = ()
    gone: Annotated[tuple[Content, ...], Meta(max_length=PAGE_MAX)] = ()


@dataclass(slots=True)
class NewsBook:
    """What this life of the process may tell, in the order it came to be."""

    life: str
    upto: int = 0
    _entries: dict[str, tuple[int, Told | None]] = field(default_factory=dict)
    """By content, oldest change first: its number, and what to tell; None: gone."""
    _floor: int = 0
    """Changes up to this number are not known one by one any more."""

    def refresh(self, current: Iterable[Told]) -> bool:
        """Take what may be told now; True when something changed."""
        now = {told.offer.package.content: told for told in current}
        before = self.upto
        for content in [content for content, (_, told) in self._entries.items() if told is not None and content not in now]:
            self._change(content, None)
        for content, told in now.items():
            if self._entries.get(content, (0, None))[1] != told:
                self._change(content, told)
        self._forget_gone()
        return self.upto > before

    def since(self, asked: AskNews) -> News:
        """One page of what changed since."""
        is_known = asked.life == self.life and self._floor <= asked.upto <= self.upto
        upto = asked.upto if is_known else 0
        later = [(number, content, told) for content, (number, told) in self._entries.items() if number > upto]
        page = later[:PAGE_MAX]
        return News(
            life=self.life,
            upto=page[-1][0] if len(later) > PAGE_MAX else self.upto,
            is_whole=not is_known,
            more=len(later) > PAGE_MAX,
            new=tuple(told for _, _, told in page if told is not None),
            gone=tuple(content for _, content, told in page if told is None and is_known),
        )

    def _change(self, content: str, told: Told | None) -> None:
        self.upto += 1
        self._entries.pop(content, None)
        self._entries[content] = (self.upto, told)

    def _forget_gone(self) -> None:
        gone = [content for content, (_, told) in self._entries.items() if told is None]
        for content in gone[:-OFFERS_MAX]:
            self._floor = self._entries.pop(content)[0]


class Heard(msgspec.Struct, frozen=True):
    """A package that this node was told of."""

    told: Told
    at_us: int
    """When."""


class _Kept(msgspec.Struct, frozen=True):
    source: str = ""
    life: str = ""
    upto: int = 0
    heard: dict[str, Heard] = {}


def unheld(library: Library, heard: Mapping[str, Heard]) -> list[Heard]:
    """What was heard of and is not in the library, newest last. Blocking."""
    here = {(id_, version) for id_ in library.ids() for version in library.versions(id_)}
    return [one for one in heard.values() if (one.told.offer.package.id, one.told.offer.package.version) not in here]


class HeardBook:
    """What one node was told by the node above it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._kept = self._read()

    @property
    def heard(self) -> Mapping[str, Heard]:
        """By content, in the order it was told."""
        return self._kept.heard

    def ask(self, source: str) -> AskNews:
        """What to ask `source`; what another node told before is asked for anew."""
        return AskNews(self._kept.life, self._kept.upto) if source == self._kept.source else AskNews()

    def take(self, source: str, news: News, *, at_us: int) -> list[Heard]:
        """Note what was told, durably; what is new among it. OSError when the disk takes nothing, and then nothing was noted. Blocking."""
        known = {} if news.is_whole else dict(self._kept.heard)
        for content in news.gone:
            known.pop(content, None)
        new = []
        for told in news.new:
            content = told.offer.package.content
            before = self._kept.heard.get(content)
            known[content] = Heard(told, at_us if before is None else before.at_us)
            if before is None:
                new.append(known[content])
        for content in list(known)[:-OFFERS_MAX]:
            del known[content]
        kept = _Kept(source, news.life, news.upto, known)
        if kept != self._kept:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self._path, msgspec.json.encode(kept))
            self._kept = kept
        return new

    def _read(self) -> _Kept:
        if not self._path.is_file():
            return _Kept()
        try:
            with told_as_refusal():
                return msgspec.json.decode(read_bounded(self._path, FILE_BYTES_MAX), type=_Kept)
        except (*UNREADABLE, NodeError) as error:
            log.warning("offers that were heard are asked for anew: %s cannot be read (%s)", self._path, error)
            return _Kept()
