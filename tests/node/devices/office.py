"""A node with devices for the tests of its commands: real cases on real journals, a registry, and a door that remembers whom it woke."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.devices.commands import CommandDesk, Order
from node.devices.kind import COMMAND, RESOURCE
from node.ingest.device import Card
from node.ingest.devices import DeviceRegistry
from node.ingest.profiles import Argument, ArgumentType, Command, Format, Profile
from policies.catalogue import FACT_FIELDS, Field, Resource
from sync.model import Lane
from tests.node.cases.town import Town

COMMANDS = Resource(
    RESOURCE,
    "指令",
    "Commands",
    Lane.EVENT,
    tuple(Field(name, "string") for name in FACT_FIELDS),
    grade=2,
    returns=True,
    event_sourced=True,
)
_MODE = Argument("mode", ArgumentType.TEXT, choices=("slow", "fast"), required=False)
_ALLOWED = (
    Command("switch", (Argument("on", ArgumentType.BOOLEAN),)),
    Command("dim", (Argument("share", ArgumentType.NUMBER, low=0, high=1), _MODE)),
)
LAMP = Profile("lamp", "lamp/+", Format.JSON, "air-quality", "37", commands=_ALLOWED)
TERRITORIES = {"city": "3702", "district": "370202", "grid": "370202001"}


@dataclass(slots=True)
class Office:
    """Nodes above each other, each with commands and two lamps."""

    folder: Path
    town: Town = field(init=False)
    desks: dict[str, CommandDesk] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Found the town."""
        self.town = Town(self.folder, (COMMAND,), (COMMANDS,))
        self.town.clock.wall = 1_700_000_000_000_000

    def add(self, node: str, parent: str = "") -> CommandDesk:
        """A node."""
        cases = self.town.add(node, TERRITORIES[node], parent)
        registry = DeviceRegistry(self.folder / node / "devices.db", admit_unknown=False)
        card = Card(TERRITORIES[node], profile="lamp")
        registry.enter([("lamp-1", card), ("lamp-2", card)], by="li", now_us=1)

        async def find(name: str, territory: str) -> Party:
            if name not in TERRITORIES:
                raise CaseRefused(f"request refused: {name} was not found")
            return Party(name, territory or TERRITORIES[name])

        desk = CommandDesk(cases, registry, {"lamp": LAMP}.get, find, self.town.clock, wake=self.woken.append)
        self.desks[node] = desk
        return desk

    async def settle(self) -> None:
        """Let everybody say what is to be said, and carry it, until nothing is left."""
        for _ in range(4):
            for desk in self.desks.values():
                await desk.look()
            await self.town.carry()

    async def close(self) -> None:
        """Release the files."""
        for name, desk in self.desks.items():
            desk.registry.close()
            await desk.cases.stop()
            self.town.offices[name].shelf.journal.close()


def order(device: str = "lamp-1", name: str = "dim", *, node: str = "", expires_s: float = 600, **arguments: object) -> Order:
    """An order of Li's."""
    return Order(device, name, arguments or {"share": "0.5"}, expires_s, by="li", node=node)
