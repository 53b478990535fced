"""The cameras that a node keeps beside node.toml: entered, changed and taken out, whole files at a time.

Owns what a change comes to and how cameras.toml is written: by one writer at a time, from the list as it is then, checked as it would be
read, then replaced durably, with the credentials apart. Refuses to touch cameras of node.toml, which people write by hand. Called by the
verb `camera` and by host.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_ai.spec import CameraSpec
from node.cameras.credentials import Credentials, read_credentials, with_credentials, write_credentials
from node.cameras.errors import CameraRefused, CameraUnknown
from node.cameras.list_file import LIST_NAME, parsed
from node.cameras.specs import camera_spec
from node.config.check import code_conflict
from node.config.config import NodeConfig, load_config, quote
from node.config.errors import ConfigError, Problem
from node.config.model import CameraEntry, RuleEntry
from node.file_lock import LockFailed, LockHeld, file_lock
from node.files import write_durably

LOCK_NAME = "cameras.lock"
WAIT_S = 10.0
"""How long a change waits for another: each reads, checks and writes two small files."""

_HEAD = """\
# Cameras of this node. Written by `yunnao camera`, which keeps no comments; the keys are those of [[camera]] in docs/config.md.
# Users and passwords stand in camera_credentials.toml.
"""


@dataclass(slots=True)
class CameraList:
    """The cameras of a node, and what a change of them would come to. Nothing of it is stored: that is a HeldList's to do."""

    config: NodeConfig
    cameras: dict[str, CameraEntry] = field(init=False)
    """Those of cameras.toml, by id."""
    credentials: dict[str, Credentials] = field(init=False)

    def __post_init__(self) -> None:
        self.cameras = {camera.id: camera for camera in self.config.listed}
        self.credentials = read_credentials(self.config.folder)

    def find(self, camera: str) -> CameraEntry:
        """A camera of this node, wherever it stands. Raises CameraUnknown."""
        found = self.cameras.get(camera) or next((each for each in self.config.file.camera if each.id == camera), None)
        if found is None:
            raise CameraUnknown(f"camera {camera!r} is not configured here: `yunnao camera list` shows those that are")
        return found

    def before(self, camera: str) -> CameraEntry | None:
        """A camera of cameras.toml that is to be changed; None for a new one. Raises CameraRefused for one of node.toml."""
        self._check_own(camera)
        return self.cameras.get(camera)

    def put(self, entry: CameraEntry, credentials: Credentials | None) -> bool:
        """Enter or change a camera; credentials of None stay as they are. True when anything is new. Raises CameraRefused."""
        self._check_own(entry.id)
        for each in (*self.config.file.camera, *self.cameras.values()):
            if each.id != entry.id and (why := code_conflict(entry, each)):
                raise CameraRefused(why)
        before = (self.cameras.get(entry.id), self.credentials.get(entry.id))
        self.cameras[entry.id] = entry
        if credentials is not None:
            self.credentials[entry.id] = credentials
        return before != (entry, self.credentials.get(entry.id))

    def remove(self, camera: str) -> None:
        """Take a camera out. Raises CameraUnknown, CameraRefused."""
        self.find(camera)
        self._check_own(camera)
        del self.cameras[camera]
        self.credentials.pop(camera, None)

    def check(self, cameras: Iterable[CameraEntry] | None = None) -> str:
        """The text of cameras.toml with all cameras, or with some. Raises CameraRefused for what could not be read back."""
        entries = list(self.cameras.values() if cameras is None else cameras)
        text = _HEAD + "".join(_tables(camera) for camera in entries)
        try:
            parsed(tomllib.loads(text), text, self.config.folder / LIST_NAME, self.config.file)
        except ConfigError as error:
            # Its lines are those of a file that is not written.
            raise CameraRefused("; ".join(_of_camera(problem, entries) for problem in error.problems)) from None
        return text

    def _check_own(self, camera: str) -> None:
        if any(each.id == camera for each in self.config.file.camera):
            raise CameraRefused(f"camera {camera!r} stands in {self.config.path.name}: change it there")


@dataclass(slots=True)
class HeldList(CameraList):
    """The same while nobody else writes it, as `held_list` gives it."""

    def save(self) -> None:
        """Make it durable: first how cameras are logged in to, then the cameras. Raises CameraRefused, OSError with the list unchanged."""
        text = self.check()
        kept = {name: each for name, each in self.credentials.items() if name in self._ids()}
        if kept or read_credentials(self.config.folder):
            write_credentials(self.config.folder, kept)
        write_durably(self.config.folder / LIST_NAME, text.encode())

    def _ids(self) -> set[str]:
        return {*self.cameras, *(camera.id for camera in self.config.file.camera)}


@contextmanager
def held_list(node_toml: Path, doing: str, *, wait_s: float = WAIT_S) -> Iterator[HeldList]:
    """The list as it is now, which nobody else changes until the block ends: neither a verb nor the node. Blocking.

    `doing` is what others are told who wait. Keep questions to persons and cameras outside. Raises CameraRefused when the list is not to be
    had, and ConfigError.
    """
    # First, so that a folder without a node is called one and gets no lock file.
    load_config(node_toml)
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(node_toml.parent / LOCK_NAME, doing=doing, wait_s=wait_s))
        except LockHeld as error:
            raise CameraRefused(
                f"the list of cameras is being changed by process {error.holder}: nothing was changed here; try again when it has ended"
            ) from None
        except LockFailed as error:
            raise CameraRefused(str(error)) from error
        yield HeldList(load_config(node_toml))


def camera_specs(config: NodeConfig) -> list[CameraSpec]:
    """Every camera of a configuration as its worker needs it, logged in. Raises SpecError, CameraRefused."""
    credentials = read_credentials(config.folder)
    return [spec_of(config, camera, credentials) for camera in config.cameras]


def spec_of(config: NodeConfig, camera: CameraEntry, credentials: Mapping[str, Credentials]) -> CameraSpec:
    """One camera as its worker needs it. Raises SpecError."""
    source = with_credentials(camera.source, credentials.get(camera.id))
    return camera_spec(msgspec.structs.replace(camera, source=source), config.territory.code)


def _of_camera(problem: Problem, entries: Sequence[CameraEntry]) -> str:
    """A problem with the camera that it is about, where its words do not name it."""
    index = problem.at[1] if len(problem.at) > 1 else None
    camera = entries[index].id if isinstance(index, int) else ""
    return f"camera {camera!r}: {problem.text}" if camera and repr(camera) not in problem.text else problem.text


def _tables(camera: CameraEntry) -> str:
    facts = {name: value for name, value in said(camera) if name != "rule"}
    tables = ["", "[[camera]]", *_lines(facts)]
    return "\n".join(tables) + "\n" + "".join("\n" + rule_text(rule) for rule in camera.rule)


def rule_text(rule: RuleEntry) -> str:
    """A rule as it stands in a list."""
    return "\n".join(["[[camera.rule]]", *_lines(dict(said(rule)))]) + "\n"


def said(value: msgspec.Struct) -> Iterable[tuple[str, object]]:
    """The fields of a camera or a rule that are not as they would be if nobody named them, as plain values."""
    plain = msgspec.to_builtins(value)
    for each in msgspec.structs.fields(type(value)):
        if each.required or plain[each.name] != msgspec.to_builtins(each.default if each.default is not msgspec.NODEFAULT else []):
            yield each.name, plain[each.name]


def _lines(facts: Mapping[str, object]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in facts.items() if value is not None]


def _value(value: object) -> str:
    """A plain value as TOML; tables inside are written in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{quote(str(name))} = {_value(each)}" for name, each in value.items() if each is not None) + " }"
    if isinstance(value, Iterable):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    raise CameraRefused(f"value {value!r} of a camera cannot be written: enter it in node.toml by hand")
