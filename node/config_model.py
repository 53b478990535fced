"""The sections of node.toml as typed structs: the one list of keys. docs/config.md explains each; a test compares the two."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Fraction = Annotated[float, Meta(ge=0, le=1)]
"""A coordinate as a share of the picture's width or height."""


class NodeSection(msgspec.Struct, frozen=True, kw_only=True):
    """Who this node is."""

    id: str
    level: str
    territory: str
    coding_system: str = "NBS"
    edition: str = "2022-10-31"
    name: str = ""
    language: Literal["zh", "en"] = "zh"


class LinksSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where children reach this node."""

    listen: str = ""
    announce: str = ""
    join_listen: str = ""


class ParentSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where this node reaches its parent; written by join."""

    address: str = ""
    join_address: str = ""


class MosquittoEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A site's own broker to read from."""

    url: str
    topics: Annotated[list[str], Meta(min_length=1, max_length=64)]
    username: str = ""
    password_file: str = ""


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages of a topic are."""

    topic: Annotated[str, Meta(min_length=1, max_length=1_024)]
    resource: str
    format: Literal["json", "senml"]
    territory: str = ""


class DevicesSection(msgspec.Struct, frozen=True, kw_only=True):
    """The sensor door."""

    listen: Annotated[list[str], Meta(max_length=16)] = msgspec.field(default_factory=lambda: ["127.0.0.1:1883"])
    tls_certificate: str = ""
    tls_key: str = ""
    password_file: str = ""
    anonymous: bool = False
    admit_unknown: bool = False
    mosquitto: Annotated[list[MosquittoEntry], Meta(max_length=16)] = []
    profiles: Annotated[list[ProfileEntry], Meta(max_length=1_000)] = []


class RuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What in a camera's picture makes an event."""

    name: str
    kind: Literal["line", "zone"]
    points: Annotated[list[tuple[Fraction, Fraction]], Meta(min_length=2, max_length=32)]
    classes: Annotated[list[str], Meta(max_length=64)] = []
    frames_min: Annotated[int, Meta(ge=1, le=10_000)] = 3


class CameraEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One camera and its algorithm."""

    id: str
    name: str = ""
    kind: Literal["rtsp", "file", "v4l2", "rendered"]
    source: str = ""
    algorithm: str
    model: str = ""
    loop: bool = False
    analysed_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    place: str = ""
    territory: str = ""
    rule: Annotated[list[RuleEntry], Meta(max_length=64)] = []


class StoreSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where data lies and how much memory its analysis may take."""

    dir: str = "."
    memory_mb: Annotated[int, Meta(ge=64, le=1_048_576)] = 256


class SummariesSection(msgspec.Struct, frozen=True, kw_only=True):
    """Summary pulls."""

    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 10.0


class ConsoleSection(msgspec.Struct, frozen=True, kw_only=True):
    """The terminal console."""

    language: Literal["", "zh", "en"] = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """All of node.toml."""

    node: NodeSection
    links: LinksSection = LinksSection()
    parent: ParentSection = ParentSection()
    devices: DevicesSection = msgspec.field(default_factory=DevicesSection)
    camera: Annotated[list[CameraEntry], Meta(max_length=256)] = []
    store: StoreSection = StoreSection()
    limits: dict[str, int | float] = {}
    summaries: SummariesSection = SummariesSection()
    console: ConsoleSection = ConsoleSection()
