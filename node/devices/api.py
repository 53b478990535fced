"""The verbs of the local API about devices and the commands to them. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.cases.verbs import CaseId, Name, NodeName, Table, Words
from node.devices.commands import CommandDesk, Order
from node.devices.desk import DeviceDesk
from node.devices.kind import COMMAND, OPEN_STATES
from node.devices.rows import RESOURCE
from node.devices.sheet import DEVICES_MAX, PERIOD_S_MAX
from node.devices.views import line_of, listed, named, shown
from node.ingest.errors import IngestError
from node.policy.showing import Looking, Showing
from node.store.records import ROWS_MAX
from policies.words import Mode
from sync.model import MICROSECONDS
from sync.transport.local_api import LocalApiCode, LocalApiError

PAGE_MAX = 2_000
ARGUMENTS_MAX = 32
WAIT_S_MAX = 600.0
COMMANDS_SHOWN = 20
HISTORY_MAX = 50

Plain = dict[str, Any]
DeviceName = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=200)]


class Devices(msgspec.Struct, forbid_unknown_fields=True):
    """A bounded list, last seen first."""

    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 100
    before_lsn: int | None = None
    """Not used; older programs send it."""


class DevicePage(msgspec.Struct, forbid_unknown_fields=True):
    """Devices by name with their cards, those after a name."""

    after: Annotated[str, Meta(max_length=256)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX


class DevicesBelow(Looking, forbid_unknown_fields=True, kw_only=True):
    """Devices of other nodes, by their newest rows here."""

    limit: Annotated[int, Meta(ge=1, le=20_000)] = 20_000
    """Newest rows that are looked at."""


class DeviceShow(Looking, forbid_unknown_fields=True, kw_only=True):
    """One device whole."""

    device: DeviceName


class DeviceAdmit(msgspec.Struct, forbid_unknown_fields=True):
    """An operator's decision on a device."""

    device: DeviceName
    accept: bool
    owner: Text = ""
    by: Text = ""


class DeviceRetire(msgspec.Struct, forbid_unknown_fields=True):
    """A device was taken down."""

    device: DeviceName
    by: Text = ""


class Entered(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One device of a sheet; what is left out stays as it is, an empty text or 0 clears."""

    device: DeviceName
    kind: Text | msgspec.UnsetType = msgspec.UNSET
    profile: Text | msgspec.UnsetType = msgspec.UNSET
    territory: Annotated[str, Meta(pattern="^[0-9]{2,15}$")] | msgspec.UnsetType = msgspec.UNSET
    owner: Text | msgspec.UnsetType = msgspec.UNSET
    user: Text | msgspec.UnsetType = msgspec.UNSET
    certificate: Text | msgspec.UnsetType = msgspec.UNSET
    longitude: Annotated[float, Meta(ge=-180, le=180)] | Annotated[str, Meta(max_length=0)] | msgspec.UnsetType = msgspec.UNSET
    latitude: Annotated[float, Meta(ge=-90, le=90)] | Annotated[str, Meta(max_length=0)] | msgspec.UnsetType = msgspec.UNSET
    address: Text | msgspec.UnsetType = msgspec.UNSET
    installed: Annotated[str, Meta(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] | msgspec.UnsetType = msgspec.UNSET
    period_s: Annotated[float, Meta(ge=0, le=PERIOD_S_MAX)] | msgspec.UnsetType = msgspec.UNSET


class DeviceImport(msgspec.Struct, forbid_unknown_fields=True):
    """Devices of a sheet: all of them, or nothing and what is wrong with each; `dry_run` only says what would change."""

    devices: Annotated[list[Entered], Meta(min_length=1, max_length=DEVICES_MAX)]
    source: Text = ""
    by: Text = ""
    dry_run: bool = False


class DeviceCommand(msgspec.Struct, forbid_unknown_fields=True):
    """A command to a device of this node or of one below."""

    device: DeviceName
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    by: Name
    arguments: Annotated[dict[str, str | int | float | bool], Meta(max_length=ARGUMENTS_MAX)] = {}
    expires_s: float = 600.0
    why: Words = ""
    node: NodeName = ""
    territory: Annotated[str, Meta(max_length=15)] = ""
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = 0.0
    """How long the answer may be held back until the command is settled."""


class DeviceCommands(msgspec.Struct, forbid_unknown_fields=True):
    """The newest commands, of one device or of all."""

    device: Annotated[str, Meta(max_length=256)] = ""
    open_only: bool = False
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class CommandShow(msgspec.Struct, forbid_unknown_fields=True):
    """One command with its history."""

    id: CaseId


class CommandWithdraw(msgspec.Struct, forbid_unknown_fields=True):
    """Take back a command that the device does not have yet."""

    id: CaseId
    by: Name
    why: Words = ""


@dataclass(frozen=True, slots=True)
class DeviceVerbs:
    """Answers the verbs; the desks are asked for when one is called."""

    desk: Callable[[], DeviceDesk]
    commands: Callable[[], CommandDesk]
    showing: Callable[[], Showing]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        verbs: Mapping[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "devices": (Devices, self._list),
            "device_page": (DevicePage, self._page),
            "device_show": (DeviceShow, self._show),
            "device_admit": (DeviceAdmit, self._admit),
            "device_retire": (DeviceRetire, self._retire),
            "device_import": (DeviceImport, self._import),
            "devices_below": (DevicesBelow, self._below),
            "device_command": (DeviceCommand, self._command),
            "device_commands": (DeviceCommands, self._commands),
            "device_command_show": (CommandShow, self._command_show),
            "device_command_withdraw": (CommandWithdraw, self._withdraw),
        }
        return dict(verbs)

    # ---- the registry

    async def _list(self, asked: Devices) -> Plain:
        desk = self.desk()
        return {"devices": desk.newest(asked.limit), "counts": desk.counts(), "of": len(desk.registry)}

    async def _page(self, asked: DevicePage) -> Plain:
        return {"devices": self.desk().page(asked.after, asked.limit)}

    async def _show(self, asked: DeviceShow) -> Plain:
        desk = self.desk()
        device = desk.shown(asked.device)
        commands = self.commands()
        found = await asyncio.to_thread(named, commands.cases, commands.recent(asked.device)[:COMMANDS_SHOWN], states=())
        rows = await self._rows(asked, ROWS_MAX)
        mine = [row for row in rows if row["device"] == asked.device and row["_origin"] == desk.me]
        return {"device": device, "commands": found, "history": [_version(row) for row in mine[:HISTORY_MAX]]}

    async def _admit(self, asked: DeviceAdmit) -> Plain:
        if not self.desk().decide(asked.device, admit=asked.accept, owner=asked.owner, by=asked.by):
            reason = f"device {asked.device!r} was never met here: `yunnao device` lists those that were"
            raise LocalApiError(LocalApiCode.NOT_FOUND, reason)
        return {"device": asked.device, "accepted": asked.accept}

    async def _retire(self, asked: DeviceRetire) -> Plain:
        self.desk().retire(asked.device, by=asked.by)
        return {"device": asked.device, "state": "retired"}

    async def _import(self, asked: DeviceImport) -> Plain:
        desk = self.desk()
        judged = desk.judge([msgspec.to_builtins(each) for each in asked.devices])
        is_taken = not judged.faults and not asked.dry_run
        if is_taken and judged.cards:
            try:
                desk.enter(judged, by=asked.by)
            except IngestError as error:
                raise LocalApiError(LocalApiCode.DENIED, str(error)) from None
        return judged.encoded() | {"taken": is_taken}

    async def _below(self, asked: DevicesBelow) -> Plain:
        """Each device once, by its newest row; rows of this node's own devices are left out."""
        me = self.desk().me
        newest: dict[tuple[str, str], Plain] = {}
        rows = await self._rows(asked, asked.limit)
        for row in rows:
            if row["_origin"] != me:
                newest.setdefault((row["_origin"], row["device"]), row)
        devices = [_version(row) | {"node": row["_origin"], "device": row["device"]} for row in newest.values()]
        return {"devices": devices, "rows": len(rows)}

    async def _rows(self, looking: Looking, limit: int) -> list[Plain]:
        showing = self.showing()
        resource = showing.policy.ruleset.resources.get(RESOURCE)
        if resource is None or resource.mode is not Mode.REPLICATE:
            return []
        return await showing.rows(RESOURCE, looking, limit=limit)

    # ---- commands

    async def _command(self, asked: DeviceCommand) -> Plain:
        where = {"node": asked.node, "territory": asked.territory}
        order = Order(asked.device, asked.name, asked.arguments, asked.expires_s, by=asked.by, why=asked.why, **where)
        commands = self.commands()
        case = await commands.issue(order)
        return line_of(await commands.wait_settled(case, asked.wait_s) if asked.wait_s else case)

    async def _commands(self, asked: DeviceCommands) -> Plain:
        desk = self.commands()
        states = OPEN_STATES if asked.open_only else frozenset()
        if asked.device:
            found = await asyncio.to_thread(named, desk.cases, desk.recent(asked.device)[: asked.limit], states=states)
        else:
            found = await asyncio.to_thread(listed, desk.cases, states=states, limit=asked.limit)
        counts = await asyncio.to_thread(desk.cases.register.counts, COMMAND)
        return {"commands": found, "counts": counts, "fault": desk.fault}

    async def _command_show(self, asked: CommandShow) -> Plain:
        return await asyncio.to_thread(shown, self.commands().cases, asked.id)

    async def _withdraw(self, asked: CommandWithdraw) -> Plain:
        return line_of(await self.commands().withdraw(asked.id, by=asked.by, why=asked.why))


def _version(row: Mapping[str, Any]) -> Plain:
    """A row of the journal for JSON: times as microseconds, without what stands beside it."""
    hidden = ("device", "grade", "_origin", "_lsn")
    return {
        name: round(value.timestamp() * MICROSECONDS) if hasattr(value, "timestamp") else value
        for name, value in row.items()
        if name not in hidden and value is not None
    }
