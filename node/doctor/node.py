"""Checks of the node: configuration, certificates, journal, ports, parent. Only the last one uses the network, and asks only the parent."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from contextlib import closing

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import Excess, admit
from node.cameras.admission import measurement_of
from node.cameras.listing import camera_specs
from node.client import SOCKET_NAME
from node.config.config import NodeConfig, split_address
from node.doctor.model import Finding, Place, Severity, failed
from node.identity.errors import ChainError, IdentityError, JoinError, JoinUnreachable
from node.identity.files import IdentityFiles
from node.identity.join_client import refresh_parent
from sync.model import Level

CERTIFICATE_DAYS_MIN = 14
DAY_US = 86_400_000_000
JOURNAL_NAME = "journal.db"


def config_valid(place: Place) -> Finding:
    """node.toml loads."""
    if place.config is None:
        return Finding(Severity.FAIL, "error", {"what": place.config_error})
    return Finding(Severity.OK, "config", {"file": place.config.path})


def certificates(place: Place) -> Finding:
    """The own chain holds now and for some time."""
    files = IdentityFiles(place.folder)
    now_us = place.clock.wall_us()
    try:
        days = (files.own(now_us=now_us).not_after_us - now_us) // DAY_US
    except (ChainError, IdentityError) as error:
        return failed(error)
    return Finding(Severity.OK if days >= CERTIFICATE_DAYS_MIN else Severity.WARN, "certificates", {"days": days})


def room_for_cameras(place: Place) -> Finding:
    """The box was measured, and has room for its cameras."""
    config = _config(place)
    cameras = camera_specs(config)
    if not cameras:
        return Finding(Severity.SKIP, "no_cameras")
    try:
        measured = measurement_of(config.folder)
    except SpecError as error:
        return failed(error, Severity.WARN)
    if measured is None:
        return Finding(Severity.WARN, "not_measured", {"count": len(cameras)})
    admission = admit(cameras, measured, Excess(config.file.edge.over_capacity))
    saw = {"asked": f"{admission.asked_ms:.0f}", "all": f"{measured.capacity_ms:.0f}"}
    if not admission.refused and not admission.slowed:
        return Finding(Severity.OK, "capacity", saw)
    return Finding(Severity.WARN, "capacity_lacks", saw | {"refused": len(admission.refused), "slowed": len(admission.slowed)})


def journal(place: Place) -> Finding:
    """The journal opens and its structure holds; a new node has none yet."""
    path = _config(place).data_dir / JOURNAL_NAME
    if not path.exists():
        return Finding(Severity.OK, "no_journal", {"file": path})
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.Error as error:
        return Finding(Severity.FAIL, "journal_shut", {"file": path, "what": error})
    return Finding(Severity.OK, "journal", {"file": path, "tables": tables})


def ports(place: Place) -> Finding:
    """The ports of the configuration are free, unless the node itself runs."""
    if _is_running(place):
        return Finding(Severity.SKIP, "ports_held")
    config = _config(place)
    wanted = [config.links.listen, config.links.join_listen, *config.devices.listen]
    taken = [f"{address} ({why})" for address in wanted if address for why in [_why_taken(address)] if why]
    return Finding(Severity.FAIL, "ports_taken", {"ports": ", ".join(taken)}) if taken else Finding(Severity.OK, "ports")


def parent(place: Place) -> Finding:
    """The parent answers by TCP and TLS and is the one we joined; not answering is a warning, for a node works without an uplink."""
    config = _config(place)
    if config.level is Level.PROVINCIAL:
        return Finding(Severity.SKIP, "no_parent")
    if not config.parent.join_address:
        return Finding(Severity.WARN, "not_joined")
    try:
        asyncio.run(refresh_parent(config.parent.join_address, files=IdentityFiles(place.folder)))
    except JoinUnreachable as error:
        return failed(error, Severity.WARN, "parent_silent")
    except (JoinError, IdentityError) as error:
        return failed(error)
    return Finding(Severity.OK, "parent", {"address": config.parent.join_address})


def _is_running(place: Place) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(place.folder / SOCKET_NAME))
        except OSError:
            return False
    return True


def _why_taken(address: str) -> str:
    host, port = split_address(address)
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        return str(error.strerror or error)
    return ""


def _config(place: Place) -> NodeConfig:
    assert place.config is not None
    return place.config
