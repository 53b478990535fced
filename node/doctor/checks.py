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
    DoctorCheck("python", machine.python_version, LOCAL, needs_config=False),
    DoctorCheck("sqlite", machine.sqlite_version, LOCAL, needs_config=False),
    DoctorCheck("disk", machine.disk_space, LOCAL, needs_config=False),
    DoctorCheck("fsync", machine.fsync_latency, LOCAL, needs_config=False),
    DoctorCheck("memory", machine.memory, LOCAL, needs_config=False),
    DoctorCheck("clock", machine.clock_sane, LOCAL, needs_config=False),
    DoctorCheck("socket", machine.socket_path, LOCAL, needs_config=False),
    DoctorCheck("terminal", machine.terminal, LOCAL, needs_config=False),
    DoctorCheck("config", node.config_valid, LOCAL, needs_config=False),
    DoctorCheck("certificates", node.certificates, LOCAL),
    DoctorCheck("journal", node.journal, LOCAL),
    DoctorCheck("cameras", node.room_for_cameras, LOCAL),
    DoctorCheck("detectors", detectors.detectors, LOCAL),
    DoctorCheck("scenes", detectors.scenes, LOCAL),
    DoctorCheck("evidence", evidence.evidence, LOCAL),
    DoctorCheck("ports", node.ports, LOCAL),
    DoctorCheck("parent", node.parent, "one warning; the node works on alone"),
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
            yield check, Finding(Severity.SKIP, "needs_config")
        else:
            yield check, check.look(place)
