"""The packages of a node's folder with the right to sign and the duty to check: what the `model` verb and doctor work on.

A package enters only with a signature of a node of this province and after a golden run on this very machine. Errors of edge_ai come out
as AlgorithmRefused. Needs no running node: workers find what is live by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_ai.algorithm import SHIPPED
from edge_ai.errors import EdgeError, ModelError
from edge_ai.models.facts import GoldenFacts
from edge_ai.models.importing import ImportOrder, Prepared, Say, prepare, run_again
from edge_ai.models.library import Library, Standing
from edge_ai.models.package import Card, read_card, read_signature
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.parcel import Parcel, read_parcel, write_parcel
from node.algorithms.seal import PackageSeal
from node.clock import Clock
from node.config.config import NodeConfig
from node.identity.files import IdentityFiles

FOLDER = "models"
"""Below the node's data folder."""


@dataclass(frozen=True, slots=True)
class Tested:
    """How a golden run went."""

    facts: GoldenFacts
    differences: tuple[str, ...]


@contextmanager
def told_as_refusal() -> Iterator[None]:
    """Errors of edge_ai as the command line tells them."""
    try:
        yield
    except EdgeError as error:
        raise AlgorithmRefused(str(error)) from error


class Shelf:
    """One node's packages."""

    def __init__(self, config: NodeConfig, clock: Clock) -> None:
        self.library = Library(config.data_dir / FOLDER)
        self.seal = PackageSeal(IdentityFiles(config.folder))
        self._clock = clock

    def add_model(self, order: ImportOrder, say: Say) -> Prepared:
        """Make a package of a model file, sign it and keep it. Raises AlgorithmRefused, KeyFileError. Blocking, seconds."""
        if (SHIPPED / order.manifest.id).is_dir():
            raise AlgorithmRefused(f"algorithm {order.manifest.id} ships with the node: give the new one another --id")
        with told_as_refusal(), self._counted(order.source.name):
            prepared = prepare(order, say)
            self._keep(prepared.card, Parcel(prepared.card, self.seal.sign(prepared.card), prepared.files))
        return prepared

    def add_parcel(self, path: Path, say: Say, *, wanted: tuple[str, str, str] | None = None) -> tuple[Card, Tested, str]:
        """Keep a package that another node made, once it holds here; the third value is its maker. Raises AlgorithmRefused.

        `wanted` says which it must be: id, version and content.
        """
        with told_as_refusal(), self._counted(path.name):
            parcel = read_parcel(path)
            if wanted not in (None, (parcel.card.id, parcel.card.version, parcel.card.content_sha256)):
                raise AlgorithmRefused(
                    f"package {parcel.card.id} {parcel.card.version} refused: it is not the one that was offered; ask again"
                )
            maker = self.seal.check(parcel.card, parcel.signature)
            if (SHIPPED / parcel.card.id).is_dir():
                raise AlgorithmRefused(f"package {parcel.card.id} refused: an algorithm of that name ships with the node")
            is_new = self._keep(parcel.card, parcel)
            say("golden")
            try:
                tested = self._run(self.library.checked(parcel.card.id, parcel.card.version))
            except ModelError:
                self._forget(parcel.card, is_new=is_new)
                raise
            if tested.differences:
                self._forget(parcel.card, is_new=is_new)
                raise AlgorithmRefused(f"package {parcel.card.id} {parcel.card.version} refused: here {'; '.join(tested.differences[:3])}")
        return parcel.card, tested, maker.node

    def write_parcel(self, id_: str, version: str, path: Path) -> Card:
        """A package as a file for another node; raises AlgorithmRefused."""
        with told_as_refusal():
            folder = self.library.checked(id_, version)
            write_parcel(folder, path)
            return read_card(folder)

    def test(self, id_: str, version: str) -> Tested:
        """The golden run of a package once more; raises AlgorithmRefused. Blocking, seconds."""
        with told_as_refusal():
            folder = self.library.checked(id_, version)
            self.seal.check_folder(folder)
            return self._run(folder)

    def maker(self, id_: str, version: str) -> str:
        """Who signed a package; raises AlgorithmRefused when the signature does not hold."""
        with told_as_refusal():
            folder = self.library.folder(id_, version)
            return self.seal.check(read_card(folder), read_signature(folder)).node

    def activate(self, id_: str, version: str, *, why: str = "", watch: bool = True) -> Standing:
        """Make a version live whose signature holds; raises AlgorithmRefused."""
        with told_as_refusal():
            self.seal.check_folder(self.library.folder(id_, version))
            return self.library.activate(id_, version, at_us=self._clock.wall_us(), why=why, watch=watch)

    def shadow(self, id_: str, version: str) -> Standing:
        """Let a version whose signature holds run beside the live one; raises AlgorithmRefused."""
        with told_as_refusal():
            self.seal.check_folder(self.library.folder(id_, version))
            return self.library.shadow(id_, version, at_us=self._clock.wall_us())

    def roll_back(self, id_: str, *, why: str) -> Standing:
        """Make the version before live again; raises AlgorithmRefused."""
        with told_as_refusal():
            return self.library.roll_back(id_, at_us=self._clock.wall_us(), why=why)

    def remove(self, id_: str, version: str, *, even_live: bool) -> None:
        """Take a version out; raises AlgorithmRefused."""
        with told_as_refusal():
            self.library.remove(id_, version, at_us=self._clock.wall_us(), even_live=even_live)

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        """A file that is refused is counted with its reason."""
        try:
            yield
        except (EdgeError, AlgorithmRefused) as error:
            self.library.note_refusal(name, str(error), at_us=self._clock.wall_us())
            raise

    def _run(self, folder: Path) -> Tested:
        facts, words = run_again(folder)
        return Tested(facts, tuple(words))

    def _keep(self, card: Card, parcel: Parcel) -> bool:
        return self.library.add(card, parcel.files, parcel.signature, at_us=self._clock.wall_us())

    def _forget(self, card: Card, *, is_new: bool) -> None:
        if is_new:
            self.library.remove(card.id, card.version, at_us=self._clock.wall_us())
