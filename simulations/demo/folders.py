"""The folders of the five nodes below `--dir`: keys, certificates, configuration, and the small files that the feeds need.

Owns everything written before the nodes start. A second start finds identities and data and makes nothing anew but ports that are
taken. Refuses a folder so deep that a node's socket has no room, and one in which another demo runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from node.clock import Clock
from node.config.config import CONFIG_NAME
from node.config.template import render_config
from node.files import write_durably
from node.identity.admissions import Admissions
from node.identity.chance import new_secret
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.join_client import join_parent
from node.identity.join_server import JoinServer
from node.ingest.passwords import make_entry
from node.verbs.folder import open_admissions
from simulations.demo.camera import CLIP_NAME, camera_section
from simulations.demo.city import CHAIN, GRID, PROVINCE, Place
from simulations.demo.errors import DemoError
from simulations.demo.ports import LOOPBACK, Ports
from sync.model import Level, Territory

LOCK_NAME = "demo.lock"
FEED_USER = "demo-sensors"
TOKEN_TTL_S = 300.0
JOIN_WAIT_S = 30.0
SOCKET_PATH_BYTES_MAX = 99
"""As the local API allows; the camera socket has a byte more."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things lie below the demo's own folder."""

    root: Path

    def node(self, place: Place) -> Path:
        """The folder of one node."""
        return self.root / place.id

    def config(self, place: Place) -> Path:
        """The node.toml of one node."""
        return self.node(place) / CONFIG_NAME

    @property
    def clip(self) -> Path:
        """The rendered street."""
        return self.root / CLIP_NAME

    @property
    def feed_password(self) -> Path:
        """The password of the simulated sensors."""
        return self.root / "feed-password"

    def check(self) -> None:
        """Make the folder; raises DemoError when it cannot be, or is too deep for sockets."""
        longest = max(len(os.fsencode(self.node(place) / "api.sock")) for place in CHAIN)
        if longest > SOCKET_PATH_BYTES_MAX:
            over = longest - SOCKET_PATH_BYTES_MAX
            raise DemoError(f"folder {self.root} is {over} bytes too long for the nodes' sockets: choose a shorter --dir")
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DemoError(f"folder {self.root} cannot be made ({error.strerror}): choose another --dir") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else runs a demo here meanwhile; raises DemoError when somebody does."""
        with (self.root / LOCK_NAME).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DemoError(f"a demo is already running in {self.root}: stop it first, or choose another --dir") from None
            yield


def make_identities(folders: Folders, clock: Clock) -> None:
    """Keys for each node that has none; the province also gets the root."""
    for place in CHAIN:
        files = IdentityFiles(folders.node(place))
        if not files.is_made:
            folders.node(place).mkdir(mode=0o700, exist_ok=True)
            files.make(_facts(place), now_us=clock.wall_us())


async def join_all(folders: Folders, clock: Clock) -> int:
    """Certify every node that has no certificate yet by its parent, with a token over TLS; how many joined now.

    The parent's join service runs in this process until the child has its certificate; it is the service that a running node opens.
    """
    joined = 0
    for parent, child in pairwise(CHAIN):
        if not IdentityFiles(folders.node(child)).is_certified:
            with open_admissions(folders.node(parent)) as (files, admissions):
                await _join(files, admissions, child, folders, clock)
            joined += 1
    return joined


async def _join(files: IdentityFiles, admissions: Admissions, child: Place, folders: Folders, clock: Clock) -> None:
    own = files.own(now_us=clock.wall_us())
    facts = _facts(child)
    token, _ = admissions.create_token(
        ca_sha256=files.ca_sha256(),
        level=child.level,
        territory=facts.territory,
        ttl_s=TOKEN_TTL_S,
        auto_accept=True,
        now_us=clock.wall_us(),
    )
    server = JoinServer(files, admissions, own_path=own.path, link_address="", clock=clock)
    port = await server.start(LOOPBACK, 0)
    try:
        child_files = IdentityFiles(folders.node(child))
        await join_parent(f"{LOOPBACK}:{port}", str(token), files=child_files, facts=facts, clock=clock, wait_s=JOIN_WAIT_S)
    finally:
        await server.stop()


def write_configs(folders: Folders, ports: Ports, *, video: Path | None) -> None:
    """The node.toml of all five, for these ports."""
    for place in CHAIN:
        write_durably(folders.config(place), _config(place, folders, ports, video).encode())


def feed_password(folders: Folders) -> str:
    """The sensors' password; made at the first start together with the door's password file."""
    if not folders.feed_password.exists():
        password = new_secret()
        write_durably(folders.node(GRID) / "passwords", make_entry(FEED_USER, password).encode() + b"\n")
        write_durably(folders.feed_password, password.encode())
    return folders.feed_password.read_text("utf-8")


_SENSORS = f"""[[devices.acl]]
user = "{FEED_USER}"
devices = ["*"]
clients = ["*"]

[[sensors.limits]]
resource = "traffic-flow"
quantity = "vehicles"
low = 0
high = 5000
gap_s = 30

"""
"""One user speaks for every simulated sensor; a detector that lies or falls asleep raises an alarm."""


def _config(place: Place, folders: Folders, ports: Ports, video: Path | None) -> str:
    is_grid = place == GRID
    parent = None if place == PROVINCE else CHAIN[CHAIN.index(place) - 1]
    return render_config(
        node=place.id,
        level=place.level,
        territory=_facts(place).territory,
        name=place.name,
        listen="" if is_grid else ports.link(place),
        join_listen="" if is_grid else ports.join(place),
        parent_address=ports.link(parent) if parent else "",
        parent_join_address=ports.join(parent) if parent else "",
        devices_listen=(ports.door,) if is_grid else (),
        password_file="passwords" if is_grid else "",
        admit_unknown=is_grid,
        extra=_SENSORS + camera_section(folders.clip, video) if place.level is Level.GRID else "",
    )


def _facts(place: Place) -> NodeFacts:
    return NodeFacts(place.id, place.level, Territory(place.territory))
