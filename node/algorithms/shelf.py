"""The packages of a node's folder with the right to sign and the duty to check: what the `model` verb and doctor work on.

A package enters only with a signature of a node of this province and after a golden run on this very machine. What a person changes is left
as a note for the audit log before it has effect. Errors of edge_ai come out as AlgorithmRefused. Needs no running node: workers find what
is live by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_ai.algorithm import SHIPPED
from edge_ai.errors import EdgeError
from edge_ai.models.facts import GoldenFacts
from edge_ai.models.importing import ImportOrder, Prepared, Say, prepare, run_again
from edge_ai.models.library import Library
from edge_ai.models.package import Card, check_files, read_card, read_signature, write_package
from edge_ai.models.standing import Standing
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.parcel import Parcel, read_parcel, write_parcel
from node.algorithms.seal import PackageSeal
from node.audit.entry import Scalar
from node.audit.left import left
from node.clock import Clock
from node.config.config import NodeConfig
from node.identity.files import IdentityFiles

BY_ITSELF = "program"
"""Who does what no person asked for."""
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
        self.library = Library(config.data_dir / FOLDER, bytes_max=config.file.edge.models_quota_mb << 20)
        self._data = config.data_dir
        self.seal = PackageSeal(IdentityFiles(config.folder))
        self._clock = clock

    def add_model(self, order: ImportOrder, say: Say, *, by: str) -> Prepared:
        """Make a package of a model file, sign it and keep it. Raises AlgorithmRefused, KeyFileError. Blocking, seconds."""
        if (SHIPPED / order.manifest.id).is_dir():
            raise AlgorithmRefused(f"algorithm {order.manifest.id} ships with the node: give the new one another --id")
        with told_as_refusal(), self._counted(order.source.name):
            prepared = prepare(order, say)
            parcel = Parcel(prepared.card, self.seal.sign(prepared.card), prepared.files)
            with self._noted("import", by, prepared.card.id, prepared.card.version, content=prepared.card.content_sha256):
                self._keep(prepared.card, parcel, by)
        return prepared

    def add_parcel(self, path: Path, say: Say, *, by: str, wanted: tuple[str, str, str] | None = None) -> tuple[Card, Tested, str]:
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
            card = parcel.card
            say("golden")
            tested = self._tried(parcel)
            if tested.differences:
                raise AlgorithmRefused(f"package {card.id} {card.version} refused: here {'; '.join(tested.differences[:3])}")
            with self._noted("take" if wanted else "import", by, card.id, card.version, content=card.content_sha256, maker=maker.node):
                self._keep(card, parcel, by)
        return card, tested, maker.node

    def write_parcel(self, id_: str, version: str, path: Path, *, by: str) -> Card:
        """A package as a file for another node; raises AlgorithmRefused."""
        with told_as_refusal():
            folder = self.library.checked(id_, version)
            with self._noted("export", by, id_, version):
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

    def activate(self, id_: str, version: str, *, by: str, why: str = "", watch: bool = True) -> Standing:
        """Make a version live whose signature holds; raises AlgorithmRefused."""
        with told_as_refusal():
            self.seal.check_folder(self.library.folder(id_, version))
            with self._noted("activate", by, id_, version):
                return self.library.activate(id_, version, at_us=self._clock.wall_us(), why=why, by=by, watch=watch)

    def shadow(self, id_: str, version: str, *, by: str) -> Standing:
        """Let a version whose signature holds run beside the live one; raises AlgorithmRefused."""
        with told_as_refusal():
            self.seal.check_folder(self.library.folder(id_, version))
            with self._noted("shadow", by, id_, version):
                return self.library.shadow(id_, version, at_us=self._clock.wall_us(), by=by)

    def roll_back(self, id_: str, *, by: str, why: str) -> Standing:
        """Make the version before live again; raises AlgorithmRefused."""
        with told_as_refusal(), self._noted("roll back", by, id_, self.library.state(id_).previous):
            return self.library.roll_back(id_, at_us=self._clock.wall_us(), why=why, by=by)

    def remove(self, id_: str, version: str, *, by: str, even_live: bool) -> None:
        """Take a version out; raises AlgorithmRefused."""
        with told_as_refusal(), self._noted("remove", by, id_, version):
            self.library.remove(id_, version, at_us=self._clock.wall_us(), by=by, even_live=even_live)

    def content(self, id_: str, version: str) -> str:
        """The content id of a version; empty when it is not here, or its card cannot be read."""
        try:
            return read_card(self.library.folder(id_, version)).content_sha256
        except EdgeError:
            return ""

    @contextmanager
    def _noted(self, action: str, by: str, id_: str, version: str, *, content: str = "", **more: str) -> Iterator[None]:
        """What is about to change, with what is live before, left for the audit log; nothing is done where it cannot be left."""
        live = self.library.state(id_).live
        detail: dict[str, Scalar] = {"action": action, "version": version, "content": content or self.content(id_, version), **more}
        if live:
            detail |= {"live_before": live, "content_before": self.content(id_, live)}
        try:
            with left(self._data, "model", id_, at_us=self._clock.wall_us(), detail=detail, by=by):
                yield
        except OSError as error:
            why = f"no note could be left for the audit log ({error.strerror}); free space, then again"
            raise AlgorithmRefused(f"{action} of {id_} {version} not done: {why}") from error

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        """A file that is refused is counted with its reason."""
        try:
            yield
        except (EdgeError, AlgorithmRefused) as error:
            self.library.note_refusal(name, error.told if isinstance(error, EdgeError) else str(error), at_us=self._clock.wall_us())
            raise

    def _run(self, folder: Path) -> Tested:
        facts, words = run_again(folder)
        return Tested(facts, tuple(words))

    def _tried(self, parcel: Parcel) -> Tested:
        """The golden run of a package that is not kept yet: what a crash interrupts here leaves nothing that could be made live."""
        card = parcel.card
        with TemporaryDirectory(prefix="yunnao-package-") as work:
            folder = Path(work) / card.id / card.version
            write_package(folder, parcel.files, card, parcel.signature)
            check_files(folder, card)
            return self._run(folder)

    def _keep(self, card: Card, parcel: Parcel, by: str) -> None:
        self.library.add(card, parcel.files, parcel.signature, at_us=self._clock.wall_us(), by=by)
