"""The device profiles that a node's configuration names, read from their files, and the Modbus devices that are polled with them.

Refuses an entry whose file is not there, has a fault, or leaves topic or resource open, with file and way out. Called by the device plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from node.clock import Clock
from node.config.config import NodeConfig, split_address
from node.config.errors import ConfigError, Problem
from node.config.model import ModbusEntry, ProfileEntry
from node.ingest.modbus.poller import Poller, PollSettings
from node.ingest.modbus.wiring import PERIOD_S, polled_profile, pollers, registers_of
from node.ingest.profile_files.build import profile_of
from node.ingest.profile_files.load import profile_paths, read_profile
from node.ingest.profile_files.model import ProfileFile
from node.ingest.profiles import Format, Profile
from node.ingest.sink import Sink


class SiteProfiles:
    """What a configuration makes of profile files."""

    def __init__(self, config: NodeConfig) -> None:
        """Read every file that is named; raises ConfigError."""
        self._config = config
        self._files: dict[str, ProfileFile] = {}
        self._paths: dict[str, Path] | None = None
        self._profiles = [self._profile(index, entry) for index, entry in enumerate(config.devices.profiles)]
        self._polled = list(self._polled_profiles())

    @property
    def profiles(self) -> list[Profile]:
        """The profiles of `[[devices.profiles]]` and `[[devices.modbus]]`, in order."""
        return [*self._profiles, *self._polled]

    def pollers(self, sink: Sink, clock: Clock, rng: Random) -> list[Poller]:
        """A poller for each Modbus device."""
        return pollers(
            [(self._settings(entry), split_address(entry.address), entry.timeout_s) for entry in self._config.devices.modbus],
            sink,
            clock,
            rng,
        )

    def _profile(self, index: int, entry: ProfileEntry) -> Profile:
        territory = entry.territory or self._config.node.territory
        if not entry.profile:
            assert entry.format is not None, "the configuration was checked"
            return Profile(f"configured-{index}", entry.topic, Format(entry.format), entry.resource, territory)
        file = self._file(entry.profile)
        topic, resource = entry.topic or file.topic, entry.resource or file.resource
        if file.format == "modbus":
            raise self._error(f"profile {entry.profile!r} is for devices that are polled: name it under [[devices.modbus]]")
        if not topic or not resource:
            raise self._error(
                f"profile {entry.profile!r} names no {'resource' if topic else 'topic'}: write it into this [[devices.profiles]]"
            )
        return profile_of(entry.profile, file, topic=topic, resource=resource, territory=territory)

    def _polled_profiles(self) -> Iterator[Profile]:
        for entry in self._config.devices.modbus:
            file = self._file(entry.profile)
            if file.format != "modbus":
                raise self._error(
                    f"profile {entry.profile!r} has format {file.format!r}: a device of [[devices.modbus]] needs format modbus"
                )
            resource = entry.resource or file.resource
            if not resource:
                raise self._error(f"device {entry.device!r} has no resource: write it into its [[devices.modbus]]")
            territory = entry.territory or self._config.node.territory
            yield polled_profile(entry.profile, file, device=entry.device, resource=resource, territory=territory)

    def _settings(self, entry: ModbusEntry) -> PollSettings:
        file = self._file(entry.profile)
        return PollSettings(entry.device, entry.unit, registers_of(file), entry.period_s or file.period_s or PERIOD_S)

    def _file(self, name: str) -> ProfileFile:
        if name not in self._files:
            path = self._known().get(name)
            if path is None:
                raise self._error(f"there is no profile {name!r}: `yunnao profile list` shows those there are")
            self._files[name] = read_profile(path)
        return self._files[name]

    def _known(self) -> dict[str, Path]:
        if self._paths is None:
            folder = self._config.devices.profile_folder
            self._paths = profile_paths(self._config.resolve(folder) if folder else None)
        return self._paths

    def _error(self, text: str) -> ConfigError:
        return ConfigError(self._config.path, [Problem(("devices",), text)])
