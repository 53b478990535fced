"""node.toml as one typed value. Refuses unknown keys with the nearest valid one, wrong types and impossible values, with file and line.

Called by every verb and by node/assembly.py; the keys are in model.py and docs/config.md.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from node.cameras.list_file import read_list
from node.config.check import shape_problems, split_address, value_problems
from node.config.errors import ConfigError, KeyPath, Problem, find_lines
from node.config.model import (
    CameraEntry,
    ConsoleSection,
    DevicesSection,
    File,
    IdentitySection,
    LinksSection,
    NodeSection,
    ParentSection,
    ProofSection,
    SensorsSection,
    SummariesSection,
)
from node.files import write_durably
from sync.model import Level, Limits, Territory

CONFIG_NAME = "node.toml"
CONFIG_BYTES_MAX = 1 << 20

__all__ = ["CONFIG_NAME", "ConfigError", "NodeConfig", "load_config", "parse_config", "set_parent", "split_address"]


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A configuration that holds: every check has passed."""

    path: Path
    file: File
    listed: tuple[CameraEntry, ...] = ()
    """Cameras of cameras.toml beside it."""

    @property
    def node(self) -> NodeSection:
        """Who this node is."""
        return self.file.node

    @property
    def links(self) -> LinksSection:
        """Where children reach this node."""
        return self.file.links

    @property
    def parent(self) -> ParentSection:
        """Where this node reaches its parent; empty addresses at the top and before join."""
        return self.file.parent

    @property
    def devices(self) -> DevicesSection:
        """The sensor door."""
        return self.file.devices

    @property
    def sensors(self) -> SensorsSection:
        """What counts as wrong for readings."""
        return self.file.sensors

    @property
    def cameras(self) -> tuple[CameraEntry, ...]:
        """The cameras, those of node.toml first, in file order."""
        return (*self.file.camera, *self.listed)

    @property
    def summaries(self) -> SummariesSection:
        """Summary pulls."""
        return self.file.summaries

    @property
    def identity(self) -> IdentitySection:
        """How long certificates live."""
        return self.file.identity

    @property
    def proof(self) -> ProofSection:
        """How often the node proves its copies and looks at its stored bytes."""
        return self.file.proof

    @property
    def console(self) -> ConsoleSection:
        """The terminal console."""
        return self.file.console

    @property
    def level(self) -> Level:
        """The node's level."""
        return Level.from_word(self.file.node.level)

    @property
    def territory(self) -> Territory:
        """The node's territory with coding system and edition."""
        return Territory(self.file.node.territory, self.file.node.coding_system, self.file.node.edition)

    @property
    def limits(self) -> Limits:
        """The bounds of the replication system with this node's overrides."""
        return msgspec.convert(self.file.limits, Limits)

    @property
    def folder(self) -> Path:
        """The node's folder: keys, identity.db and api.sock lie here."""
        return self.path.parent

    @property
    def data_dir(self) -> Path:
        """Where the journal and projections lie."""
        return self.resolve(self.file.store.dir)

    @property
    def memory_mb(self) -> int:
        """Memory that analysis may take, MB."""
        return self.file.store.memory_mb

    def resolve(self, name: str) -> Path:
        """A path named in the file, relative to the file."""
        return (self.path.parent / name).resolve()


def load_config(path: Path) -> NodeConfig:
    """The configuration at `path`; raises ConfigError with every problem found, each with its line."""
    try:
        with path.open("rb") as file:
            raw = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise ConfigError(path, [Problem((), "there is no configuration here: run `yunnao init`, or name the folder with --dir")]) from None
    except OSError as error:
        raise ConfigError(path, [Problem((), f"cannot be read ({error.strerror})")]) from error
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigError(path, [Problem((), f"is larger than {CONFIG_BYTES_MAX} bytes: this is no node.toml")])
    try:
        config = parse_config(raw.decode("utf-8"), path)
        return replace(config, listed=read_list(config.folder, config.file))
    except UnicodeDecodeError as error:
        raise ConfigError(path, [Problem((), f"is not UTF-8 at byte {error.start}: save it as UTF-8")]) from error


def parse_config(text: str, path: Path) -> NodeConfig:
    """The configuration written as `text`, with `path` as its place; raises ConfigError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        at: KeyPath = ("syntax",)
        line = int(found[1]) if found else len(text.splitlines())
        raise ConfigError(path, [Problem(at, f"is not TOML: {str(error).lower()}")], {at: line}) from error
    lines = find_lines(text)
    problems = list(shape_problems(raw, File))
    if problems:
        raise ConfigError(path, problems, lines)
    config = NodeConfig(path.resolve(), msgspec.convert(raw, File))
    problems = list(value_problems(config.file))
    if problems:
        raise ConfigError(path, problems, lines)
    return config


def set_parent(path: Path, *, address: str, join_address: str) -> None:
    """Write the parent's addresses into the file at `path`, leaving every other line as it is; raises ConfigError, OSError."""
    text = path.read_text("utf-8")
    places = find_lines(text)
    old = {places.get(("parent", key)) for key in ("address", "join_address")}
    values = [f"address = {quote(address)}", f"join_address = {quote(join_address)}"]
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if number not in old:
            lines.append(line)
        if number == places.get(("parent",)):
            lines += values
    if ("parent",) not in places:
        lines += ["", "[parent]", *values]
    changed = "\n".join(lines) + "\n"
    parse_config(changed, path)
    # A power cut on the way must leave a node that starts: with the old file or the new one.
    write_durably(path, changed.encode(), mode=path.stat().st_mode & 0o777)


def quote(value: str) -> str:
    """`value` as a TOML basic string."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
