"""The cameras that a node keeps beside node.toml: entered, changed and taken out, whole files at a time.

Owns what a change comes to and how cameras.toml is written: checked as it would be read, then replaced durably, with the credentials apart.
Refuses to touch cameras of node.toml, which people write by hand. Called by the verb `camera`; `camera_specs` by host.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from edge_ai.spec import CameraSpec
from node.cameras.credentials import Credentials, read_credentials, with_credentials, write_credentials
from node.cameras.errors import CameraRefused, CameraUnknown
from node.cameras.list_file import LIST_NAME, parsed
from node.cameras.specs import camera_spec
from node.config.config import NodeConfig, quote
from node.config.model import CameraEntry, RuleEntry
from node.files import write_durably

_HEAD = """\
# Cameras of this node. Written by `yunnao camera`, which keeps no comments; the keys are those of [[camera]] in docs/config.md.
# Users and passwords stand in camera_credentials.toml.
"""


@dataclass(slots=True)
class CameraList:
    """The cameras of a node while they are changed. Nothing is stored before `save`."""

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
        """The text of cameras.toml with all cameras, or with some. Raises ConfigError for what could not be read back."""
        text = _HEAD + "".join(_tables(camera) for camera in (self.cameras.values() if cameras is None else cameras))
        parsed(tomllib.loads(text), text, self.config.folder / LIST_NAME, self.config.file)
        return text

    def save(self) -> None:
        """Make it durable: first how cameras are logged in to, then the cameras. Raises ConfigError, OSError with the list unchanged."""
        text = self.check()
        kept = {name: each for name, each in self.credentials.items() if name in self._ids()}
        if kept or read_credentials(self.config.folder):
            write_credentials(self.config.folder, kept)
        write_durably(self.config.folder / LIST_NAME, text.encode())

    def _ids(self) -> set[str]:
        return {*self.cameras, *(camera.id for camera in self.config.file.camera)}

    def _check_own(self, camera: str) -> None:
        if any(each.id == camera for each in self.config.file.camera):
            raise CameraRefused(f"camera {camera!r} stands in {self.config.path.name}: change it there")


def camera_specs(config: NodeConfig) -> list[CameraSpec]:
    """Every camera of a configuration as its worker needs it, logged in. Raises SpecError, CameraRefused."""
    credentials = read_credentials(config.folder)
    return [spec_of(config, camera, credentials) for camera in config.cameras]


def spec_of(config: NodeConfig, camera: CameraEntry, credentials: Mapping[str, Credentials]) -> CameraSpec:
    """One camera as its worker needs it. Raises SpecError."""
    source = with_credentials(camera.source, credentials.get(camera.id))
    return camera_spec(msgspec.structs.replace(camera, source=source), config.territory.code)


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
