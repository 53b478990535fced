"""The table of checks and the run over it. Called by the doctor verb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.clock import Clock
from node.config.config import CONFIG_NAME, ConfigError, load_config
from node.doctor import detectors, evidence, machine, node
from node.doctor.model import DoctorCheck, Finding, Place, Severity
from node.ingest.site_profiles import SiteProfiles

LOCAL = "same answer offline"

CHECKS = (
    DoctorCheck("python", machine.python_version, "install Python 3.11 or later", LOCAL, needs_config=False),
    DoctorCheck("sqlite", machine.sqlite_version, "install a Python built with SQLite 3.35 or later", LOCAL, needs_config=False),
    DoctorCheck("disk", machine.disk_space, "free space, or move the folder and name it with --dir", LOCAL, needs_config=False),
    DoctorCheck("fsync", machine.fsync_latency, "put the folder on a local solid-state disk", LOCAL, needs_config=False),
    DoctorCheck("memory", machine.memory, "add memory, or run fewer cameras", LOCAL, needs_config=False),
    DoctorCheck("clock", machine.clock_sane, "timedatectl set-time 'YYYY-MM-DD hh:mm:ss'", LOCAL, needs_config=False),
    DoctorCheck("socket", machine.socket_path, "choose a shorter --dir", LOCAL, needs_config=False),
    DoctorCheck("terminal", machine.terminal, "enlarge the terminal to 80x24 and use a UTF-8 locale", LOCAL, needs_config=False),
    DoctorCheck("config", node.config_valid, "yunnao init, or correct the named line of node.toml", LOCAL, needs_config=False),
    DoctorCheck("certificates", node.certificates, "yunnao join ADDRESS TOKEN", LOCAL),
    DoctorCheck("journal", node.journal, "restore the journal from a backup, or reseed from the parent", LOCAL),
    DoctorCheck("cameras", node.room_for_cameras, "yunnao bench ai, then lower what the cameras ask for", LOCAL),
    DoctorCheck(
        "detectors",
        detectors.detectors,
        'yunnao model import FILE.onnx --field-tested TEXT ... (docs/models.md), then algorithm = "ID" at the camera',
        LOCAL,
    ),
    DoctorCheck("evidence", evidence.evidence, "yunnao evidence check names them; look for who removes files there", LOCAL),
    DoctorCheck("ports", node.ports, "stop the other program, or change the port in node.toml", LOCAL),
    DoctorCheck(
        "parent", node.parent, "check the cable, [parent] in node.toml, and that the parent runs", "one warning; the node works on alone"
    ),
)
"""In the order they are shown."""


def look_at(folder: Path, clock: Clock) -> Place:
    """The place to check; a configuration that does not load is part of the picture."""
    try:
        config = load_config(folder / CONFIG_NAME)
        SiteProfiles(config)
        return Place(folder, clock, config)
    except ConfigError as error:
        return Place(folder, clock, None, str(error))


def examine(place: Place) -> Iterator[tuple[DoctorCheck, Finding]]:
    """Every check with its finding, in the table's order."""
    for check in CHECKS:
        if check.needs_config and place.config is None:
            yield check, Finding(Severity.SKIP, "needs a valid node.toml")
        else:
            yield check, check.look(place)
