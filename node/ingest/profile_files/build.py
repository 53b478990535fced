"""From a checked profile file to the profile that the intake uses: reader, rules, commands. Called by the device plane and the verb."""

from __future__ import annotations

from typing import cast

from node.ingest.expressions import Expression
from node.ingest.lorawan.payload import CayenneDecoder, Channel, ChannelsDecoder, Decoder, Field, FieldsDecoder, When
from node.ingest.lorawan.uplink import UplinkReader
from node.ingest.mapped import Mapped, MappedReader
from node.ingest.numbers import SIZES, Endian, Shape
from node.ingest.profile_files.check import TOPIC_LEVEL
from node.ingest.profile_files.model import CommandEntry, ProfileFile, QuantityEntry
from node.ingest.profiles import Argument, ArgumentType, Command, Format, Profile, Reader, TimeUnit
from node.ingest.rules import QuantityRule, QuantityRules
from node.ingest.sparkplug.reader import SparkplugReader
from node.ingest.units.table import SENML_WORDS

TIME_UNITS = {"s": TimeUnit.SECONDS, "ms": TimeUnit.MILLISECONDS, "us": TimeUnit.MICROSECONDS}
FORMATS = {"modbus": Format.READING}
"""Formats that reach the intake as another: what was polled comes as readings."""


def profile_of(name: str, file: ProfileFile, *, topic: str, resource: str, territory: str, grade: int = 1) -> Profile:
    """The profile of a checked file for one topic and one resource."""
    level = file.device.removeprefix(TOPIC_LEVEL) if file.device.startswith(TOPIC_LEVEL) else ""
    return Profile(
        name,
        topic,
        FORMATS.get(file.format) or Format(file.format),
        resource,
        territory,
        grade,
        device_level=int(level) if level else None,
        time_field=file.time or "time",
        time_unit=TIME_UNITS[file.time_unit],
        utc_offset_minutes=file.utc_offset_minutes,
        reader=_reader(file),
        rules=_rules(file),
        period_s=file.period_s,
        battery=file.battery,
        commands=tuple(map(_command, file.command)),
    )


def shape_of(entry: QuantityEntry, endian: str) -> Shape:
    """How the value of a quantity stands in bytes."""
    return Shape(
        entry.type,
        SIZES.get(entry.type) or entry.length or 0,
        cast(Endian, entry.endian or endian),
        bits=(entry.bits[0], entry.bits[1]) if entry.bits else None,
        scale=entry.scale,
        offset=entry.offset,
        none=frozenset(entry.none),
        states=entry.states,
    )


def _reader(file: ProfileFile) -> Reader | None:
    if file.format == "lorawan":
        return UplinkReader(_decoder(file))
    if file.format == "sparkplug":
        return SparkplugReader()
    if file.format == "json" and file.quantity:
        return MappedReader(
            tuple(_mapped(entry) for entry in file.quantity if entry.value),
            device=None if file.device.startswith(TOPIC_LEVEL) else Expression(file.device),
            time=Expression(file.time) if file.time else None,
            each=Expression(file.each) if file.each else None,
            passes_others=file.others == "pass",
        )
    return None


def _mapped(entry: QuantityEntry) -> Mapped:
    named = Expression(entry.unit_value) if entry.unit_value else None
    return Mapped(entry.name, Expression(entry.value), named, entry.scale, entry.offset, entry.states, entry.required)


def _decoder(file: ProfileFile) -> Decoder:
    match file.decoder:
        case "cayenne":
            return CayenneDecoder()
        case "channels":
            return ChannelsDecoder({(entry.channel or 0, entry.kind or 0): _channel(entry, file.endian) for entry in file.quantity})
    return FieldsDecoder(tuple(_field(entry, file.endian) for entry in file.quantity if entry.type != "skip"))


def _channel(entry: QuantityEntry, endian: str) -> Channel:
    return Channel(entry.name, shape_of(entry, endian), entry.unit or None, entry.tail)


def _field(entry: QuantityEntry, endian: str) -> Field:
    when = None if entry.when is None else When(entry.when.at, entry.when.equals, entry.when.mask)
    return Field(entry.name, entry.at or 0, shape_of(entry, endian), entry.unit or None, entry.port, when, entry.required)


def _rules(file: ProfileFile) -> QuantityRules | None:
    known = SENML_WORDS if file.format.startswith("senml") else {}
    rules = {entry.name: _rule(entry, known) for entry in file.quantity if entry.type != "skip"}
    return QuantityRules(rules) if rules else None


def _rule(entry: QuantityEntry, known: dict[str, str]) -> QuantityRule:
    """The rule of a quantity; `known` are words for units that the format itself has."""
    store = entry.store or entry.unit or None
    return QuantityRule(entry.unit or None, store, entry.low, entry.high, entry.outside == "refuse", known | entry.words)


def _command(entry: CommandEntry) -> Command:
    arguments = tuple(
        Argument(argument.name, ArgumentType(argument.type), argument.low, argument.high, tuple(argument.choices), argument.required)
        for argument in entry.argument
    )
    return Command(entry.name, arguments)
