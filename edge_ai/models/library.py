"""The packages of a node and which version of each is live: `<root>/<id>/<version>/` and `<root>/<id>/state.json`.

Owns the state of each algorithm (live, previous, in shadow) and its changes: they happen under one lock and by renaming a whole file, so a
reader never sees half of one. Refuses other classes under one id, and more packages than it may hold. At most two versions and a candidate
are kept. It does not judge signatures: node/algorithms does, before anything is added. Called by the `model` verb and by workers.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge_ai.errors import AlgorithmError
from edge_ai.models.manifest import ID, MANIFEST_BYTES_MAX, VERSION, Manifest, decode_manifest
from edge_ai.models.package import CARD, MANIFEST, Card, Signature, check_files, read_bounded, read_card, sync_folder, write_package
from edge_ai.models.room import Room
from edge_ai.models.standing import HISTORY_MAX, Happened, Held, Refusals, Standing, noted, replace_standing
from edge_ai.models.trials import Trials
from edge_ai.reasons import reason, system_reason

ALGORITHMS_MAX = 400
"""Algorithms a library holds."""
VERSIONS_MAX = 5
"""Versions of one algorithm: live, the one before, and candidates."""
STATE_BYTES_MAX = 65_536
STATE, REFUSALS = "state.json", "refused.json"
_LOCK = ".lock"


class Library:
    """The packages below one folder; cheap to make, reads on demand."""

    def __init__(self, root: Path, *, bytes_max: int = 0) -> None:
        self.root = root
        self.room = Room(root, bytes_max)

    # ---- reading

    def ids(self) -> list[str]:
        """Every algorithm that has a version here."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if ID.fullmatch(path.name) and self.versions(path.name))

    def versions(self, id_: str) -> tuple[str, ...]:
        """The versions of an algorithm that are here, by name."""
        folder = self.root / id_
        if not ID.fullmatch(id_) or not folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in folder.iterdir() if VERSION.fullmatch(path.name) and (path / CARD).is_file()))

    def held(self) -> list[Held]:
        """Everything that is here."""
        return [Held(id_, self.versions(id_), self.state(id_)) for id_ in self.ids()]

    def state(self, id_: str) -> Standing:
        """Which versions of an algorithm do what; raises AlgorithmError when the file is damaged."""
        path = self.root / id_ / STATE
        if not ID.fullmatch(id_) or not path.is_file():
            return Standing()
        try:
            return msgspec.json.decode(read_bounded(path, STATE_BYTES_MAX), type=Standing)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AlgorithmError(reason("library-state-damaged", file=path, what=error, algorithm=id_)) from error

    def state_mark(self, id_: str) -> tuple[int, int]:
        """Changes whenever the state of an algorithm does: (file number, time). Cheap: one look at the file's entry."""
        try:
            entry = (self.root / id_ / STATE).stat()
        except OSError:
            return (0, 0)
        return (entry.st_ino, entry.st_mtime_ns)

    def folder(self, id_: str, version: str) -> Path:
        """Where a version lies; raises AlgorithmError when it is not here."""
        if version not in self.versions(id_):
            known = ", ".join(self.versions(id_)) or "none"
            raise AlgorithmError(reason("version-absent", algorithm=id_, version=version, known=known))
        return self.root / id_ / version

    def checked(self, id_: str, version: str) -> Path:
        """As `folder`, once every file has been found to be what the card says."""
        folder = self.folder(id_, version)
        card = read_card(folder)
        if (card.id, card.version) != (id_, version):
            raise AlgorithmError(reason("package-card-other", algorithm=id_, version=version, other=card.id, other_version=card.version))
        check_files(folder, card)
        return folder

    def manifest(self, id_: str, version: str) -> Manifest:
        """What a version says; raises AlgorithmError."""
        return decode_manifest(read_bounded(self.folder(id_, version) / MANIFEST, MANIFEST_BYTES_MAX), id_)

    def refusals(self) -> Refusals:
        """How many files were not taken here, and the newest reasons; raises AlgorithmError when the file is damaged."""
        path = self.root / REFUSALS
        if not path.is_file():
            return Refusals()
        try:
            return msgspec.json.decode(read_bounded(path, STATE_BYTES_MAX), type=Refusals)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AlgorithmError(reason("library-counts-damaged", file=path, what=error)) from error

    # ---- changing

    def note_refusal(self, name: str, why: str, *, at_us: int) -> None:
        """Count a file that was not taken."""
        with self._locked():
            known = self.refusals()
            said = Happened(at_us=at_us, what="refused", version=name[:200], why=why[:400])
            self._put(self.root / REFUSALS, Refusals(known.count + 1, (*known.newest, said)[-HISTORY_MAX:]))

    def add(self, card: Card, files: Mapping[str, bytes], signature: Signature, *, at_us: int, by: str = "") -> bool:
        """Keep a package; False when it is here already. Raises AlgorithmError when another of that name is, or its classes differ."""
        with self._locked():
            if card.version in self.versions(card.id):
                if read_card(self.root / card.id / card.version).content_sha256 == card.content_sha256:
                    return False
                raise AlgorithmError(reason("package-other-content", algorithm=card.id, version=card.version))
            self._check_room(card.id)
            self.room.check(f"package {card.id} {card.version}", sum(len(data) for data in files.values()))
            state = self.state(card.id)
            manifest = decode_manifest(files[MANIFEST], card.id)
            if state.live and (classes := self.manifest(card.id, state.live).classes) != manifest.classes:
                raise AlgorithmError(
                    reason(
                        "package-other-classes",
                        algorithm=card.id,
                        version=card.version,
                        count=len(manifest.classes),
                        live_count=len(classes),
                        live=state.live,
                    )
                )
            (self.root / card.id).mkdir(parents=True, exist_ok=True, mode=0o700)
            write_package(self.root / card.id / card.version, files, card, signature)
            self._write(card.id, noted(state, Happened(at_us=at_us, what="added", version=card.version, by=by)))
            return True

    def activate(self, id_: str, version: str, *, at_us: int, why: str = "", by: str = "", watch: bool = True) -> Standing:
        """Make a version live, keep the last that proved itself for the way back, drop the one before that. Raises AlgorithmError."""
        with self._locked():
            self.checked(id_, version)
            state = self.state(id_)
            if state.live == version:
                return state
            # What is still watched may be bad: two new versions one after another must leave a way back to a good one.
            way_back = state.previous if state.watched and state.previous else state.live
            way_back = "" if way_back == version else way_back
            new = replace_standing(state, live=version, previous=way_back, shadow="", watched=watch and bool(way_back))
            self._write(id_, new := noted(new, Happened(at_us=at_us, what="activated", version=version, why=why, by=by)))
            self._trials(id_).forget(version)
            if state.previous in set(self.versions(id_)) - new.kept:
                _drop(self.root / id_ / state.previous)
            return new

    def shadow(self, id_: str, version: str, *, at_us: int, by: str = "") -> Standing:
        """Let a version run beside the live one until it has proved itself. Raises AlgorithmError."""
        with self._locked():
            self.checked(id_, version)
            state = self.state(id_)
            if not state.live or state.live == version:
                raise AlgorithmError(reason("nothing-to-compare", algorithm=id_, version=version))
            new = noted(replace_standing(state, shadow=version), Happened(at_us=at_us, what="shadowed", version=version, by=by))
            self._trials(id_).forget(version)
            self._write(id_, new)
            return new

    def refuse_shadow(self, id_: str, version: str, *, at_us: int, why: str) -> None:
        """End the shadow of a version that did not prove itself; nothing happens when it is in shadow no more."""
        with self._locked():
            state = self.state(id_)
            if state.shadow == version:
                said = Happened(at_us=at_us, what="refused", version=version, why=why[:400])
                self._write(id_, noted(replace_standing(state, shadow=""), said))

    def confirm(self, id_: str, version: str, *, at_us: int) -> None:
        """The watch over a new live version ended well."""
        with self._locked():
            state = self.state(id_)
            if state.live == version and state.watched:
                said = Happened(at_us=at_us, what="confirmed", version=version)
                self._write(id_, noted(replace_standing(state, watched=False), said))

    def roll_back(self, id_: str, *, at_us: int, why: str, by: str = "") -> Standing:
        """Make the version before live again. Raises AlgorithmError without one."""
        state = self.roll_back_if_live(id_, (before := self.state(id_)).live, at_us=at_us, why=why, by=by)
        if not before.previous:
            raise AlgorithmError(reason("no-version-before", algorithm=id_))
        return state

    def roll_back_if_live(self, id_: str, version: str, *, at_us: int, why: str, by: str = "") -> Standing:
        """As `roll_back`, while `version` is live and there is one before; else nothing happens. Gives the state after it."""
        with self._locked():
            state = self.state(id_)
            if state.live != version or not state.previous:
                return state
            self.checked(id_, state.previous)
            new = replace_standing(state, live=state.previous, previous="", shadow="", watched=False)
            self._write(id_, new := noted(new, Happened(at_us=at_us, what="rolled-back", version=state.live, why=why[:400], by=by)))
            return new

    def remove(self, id_: str, version: str, *, at_us: int, by: str = "", even_live: bool = False) -> None:
        """Take a version out. Raises AlgorithmError for the live one, unless `even_live`: no camera asks for it any more."""
        with self._locked():
            folder, state = self.folder(id_, version), self.state(id_)
            if state.live == version and not even_live:
                raise AlgorithmError(reason("version-live", algorithm=id_, version=version))
            gone = {name: "" for name in ("live", "previous", "shadow") if getattr(state, name) == version}
            new = replace_standing(state, **gone, watched=state.watched and "live" not in gone)
            self._write(id_, noted(new, Happened(at_us=at_us, what="removed", version=version, by=by)))
            _drop(folder)

    # ---- trials: processes in which a version runs that has not proved itself

    def begin_trial(self, id_: str, version: str) -> int:
        """Note that this process tries a version; how many processes ended while they tried it."""
        try:
            return self._trials(id_).begin(version)
        except OSError as error:
            raise AlgorithmError(reason("library-unwritable", folder=self.root, what=system_reason(error))) from error

    def end_trial(self, id_: str, version: str) -> None:
        """The version has proved itself in this process, or is not tried any more."""
        self._trials(id_).end(version)

    def _trials(self, id_: str) -> Trials:
        return Trials(self.root / id_ / ".trials")

    # ---- inside

    def _check_room(self, id_: str) -> None:
        folders = {entry.name for entry in os.scandir(self.root) if ID.fullmatch(entry.name)}
        if id_ not in folders and len(folders) >= ALGORITHMS_MAX and len(ids := self.ids()) >= ALGORITHMS_MAX:
            raise AlgorithmError(reason("too-many-algorithms", algorithm=id_, count=len(ids), most=ALGORITHMS_MAX))
        if len(versions := self.versions(id_)) >= VERSIONS_MAX:
            raise AlgorithmError(reason("too-many-versions", algorithm=id_, count=len(versions), most=VERSIONS_MAX))

    def _write(self, id_: str, state: Standing) -> None:
        self._put(self.root / id_ / STATE, state)

    def _put(self, path: Path, value: msgspec.Struct) -> None:
        fresh = path.with_name(f".{path.name}.new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AlgorithmError(reason("library-unusable", folder=self.root, what=system_reason(error))) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise AlgorithmError(reason("library-unwritable", folder=self.root, what=system_reason(error))) from error
        finally:
            os.close(handle)


def _drop(folder: Path) -> None:
    """Out of sight by one rename, then gone: no reader finds half a package."""
    going = folder.with_name(f".going-{folder.name}")
    shutil.rmtree(going, ignore_errors=True)
    folder.rename(going)
    shutil.rmtree(going, ignore_errors=True)
