"""Everything wrong with a profile file whose keys are right: expressions, units, ranges, places in bytes. Called by load.py.

Each problem names the key, its value and the way out; all are reported at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from node.config.errors import KeyPath, Problem
from node.ingest.errors import IngestError
from node.ingest.expressions import Expression
from node.ingest.fields import is_plain
from node.ingest.numbers import SIZELESS, SIZES
from node.ingest.profile_files.model import CommandEntry, ProfileFile, QuantityEntry
from node.ingest.profiles import check_filter
from node.ingest.units.ucum import conversion, unit
from sync.model import ModelError, check_resource

TOPIC_LEVEL = "topic:"
BYTES_FORMATS = frozenset({"lorawan"})
"""Formats whose quantities stand at places in bytes."""


def problems(file: ProfileFile) -> Iterator[Problem]:
    """Everything wrong with `file`."""
    yield from _head_problems(file)
    for index, entry in enumerate(file.quantity):
        at: KeyPath = ("quantity", index)
        yield from _quantity_problems(entry, at)
        if file.format in BYTES_FORMATS:
            yield from _place_problems(file, entry, at)
        if file.format == "modbus":
            yield from _register_problems(entry, at)
    yield from _name_problems(file)
    for index, command in enumerate(file.command):
        yield from _command_problems(command, ("command", index))


def _head_problems(file: ProfileFile) -> Iterator[Problem]:
    if file.topic:
        yield from _caught(("topic",), lambda: check_filter(file.topic))
    if file.resource:
        yield from _caught(("resource",), lambda: check_resource(file.resource))
    if file.device.startswith(TOPIC_LEVEL):
        if not file.device.removeprefix(TOPIC_LEVEL).isdigit():
            yield Problem(("device",), f"'device' = {file.device!r} refused: write topic: and the number of the level, from 0")
    elif file.device:
        yield from _caught(("device",), lambda: Expression(file.device))
    for key, text in (("time", file.time), ("each", file.each)):
        if text:
            yield from _caught((key,), lambda text=text: Expression(text))
    if file.format == "lorawan" and not file.decoder:
        yield Problem((), "'decoder' is missing: format lorawan needs fields, channels or cayenne")
    if file.format == "json" and not file.device:
        yield Problem((), "'device' is missing: write topic:1 for a level of the topic, or an expression for a place in the message")
    if file.format == "json" and not file.quantity and file.device and not file.device.startswith(TOPIC_LEVEL):
        yield Problem(
            ("device",), f"'device' = {file.device!r} refused: without [[quantity]] all of a message is read, and the topic names it"
        )
    if file.format == "json" and file.quantity and not any(entry.value for entry in file.quantity):
        yield Problem(("quantity",), "no quantity has 'value': write where each stands in the message")
    if file.format == "modbus" and not file.quantity:
        yield Problem(("quantity",), "format modbus needs at least one [[quantity]] with its 'address'")


def _quantity_problems(entry: QuantityEntry, at: KeyPath) -> Iterator[Problem]:
    if not is_plain(entry.name):
        yield Problem((*at, "name"), f"quantity {entry.name!r} refused: a name has no < > [ ] and no characters that are not seen")
    for key, text in (("value", entry.value), ("unit_value", entry.unit_value)):
        if text:
            yield from _caught((*at, key), lambda text=text: Expression(text))
    if entry.unit:
        yield from _caught((*at, "unit"), lambda: unit(entry.unit))
    if entry.store:
        yield from _caught((*at, "store"), lambda: conversion(entry.unit or entry.store, entry.store))
    for word, code in entry.words.items():
        yield from _caught((*at, "words"), lambda word=word, code=code: conversion(code, entry.store or entry.unit or code))
    numbers = (entry.low, entry.high, entry.scale, entry.offset)
    if not all(number is None or math.isfinite(number) for number in numbers):
        yield Problem(at, f"quantity {entry.name!r} refused: low, high, scale and offset must be finite")
    elif entry.scale == 0:
        yield Problem((*at, "scale"), f"'scale' = 0 of quantity {entry.name!r} refused: every value would be the offset")
    elif entry.low is not None and entry.high is not None and entry.low >= entry.high:
        yield Problem((*at, "low"), f"'low' = {entry.low:g} of quantity {entry.name!r} refused: it is not below 'high' = {entry.high:g}")


def _place_problems(file: ProfileFile, entry: QuantityEntry, at: KeyPath) -> Iterator[Problem]:
    yield from _size_problems(entry, at)
    if file.decoder == "fields" and entry.at is None:
        yield Problem(at, f"quantity {entry.name!r} has no 'at': decoder fields needs the number of its first byte")
    if file.decoder == "channels" and (entry.channel is None or entry.kind is None):
        yield Problem(at, f"quantity {entry.name!r} has no 'channel' and 'kind': decoder channels needs the two bytes before the value")


def _size_problems(entry: QuantityEntry, at: KeyPath) -> Iterator[Problem]:
    if entry.type in SIZELESS and entry.length is None:
        yield Problem(at, f"quantity {entry.name!r} of type {entry.type} has no 'length': say how many bytes it takes")
    if entry.bits:
        first, last = entry.bits
        width = 8 * SIZES.get(entry.type, entry.length or 0)
        if entry.type.startswith(("float", "text", "int")) or not 0 <= first <= last < width:
            yield Problem(
                (*at, "bits"), f"'bits' = {entry.bits} refused: give the first and the last bit of an unsigned number of {width} bits"
            )


def _register_problems(entry: QuantityEntry, at: KeyPath) -> Iterator[Problem]:
    is_bit = entry.function in ("coil", "discrete")
    if entry.address is None:
        yield Problem(at, f"quantity {entry.name!r} has no 'address': write the register, counted from 0")
    if entry.type in ("skip", "uint24", "int24"):
        yield Problem((*at, "type"), f"'type' = {entry.type!r} refused: registers have 16 bits; take uint16, int32, float32, bcd or text")
    elif not is_bit:
        yield from _size_problems(entry, at)
    if not is_bit and entry.type in SIZELESS and entry.length is not None and entry.length % 2:
        yield Problem((*at, "length"), f"'length' = {entry.length} refused: registers hold two bytes each")


def _name_problems(file: ProfileFile) -> Iterator[Problem]:
    names = [(entry.name, entry.port, entry.channel, entry.kind, entry.when, entry.at) for entry in file.quantity if entry.type != "skip"]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(("quantity", index, "name"), f"quantity {name[0]!r} stands here twice: keep one")
    stored = {entry.name: entry.store or entry.unit for entry in file.quantity}
    if file.battery and file.battery not in stored:
        yield Problem(("battery",), f"'battery' = {file.battery!r} refused: no quantity has this name")
    elif file.battery and stored[file.battery] != "%":
        yield Problem(("battery",), f"'battery' = {file.battery!r} refused: it is not stored in %; a voltage does not say how full it is")
    commands = [command.name for command in file.command]
    for index, command in enumerate(commands):
        if command in commands[:index]:
            yield Problem(("command", index, "name"), f"command {command!r} stands here twice: keep one")


def _command_problems(command: CommandEntry, at: KeyPath) -> Iterator[Problem]:
    if not is_plain(command.name) or "/" in command.name or "+" in command.name or "#" in command.name:
        yield Problem((*at, "name"), f"command {command.name!r} refused: its name is part of a topic and holds no / + # < > [ ]")
    for index, argument in enumerate(command.argument):
        where: KeyPath = (*at, "argument", index)
        if not is_plain(argument.name):
            yield Problem((*where, "name"), f"argument {argument.name!r} refused: a name has no < > [ ] and no unseen characters")
        if argument.type in ("text", "boolean") and (argument.low is not None or argument.high is not None):
            yield Problem(where, f"argument {argument.name!r} of type {argument.type} has 'low' or 'high', which numbers have: remove them")
        if argument.type != "text" and argument.choices:
            yield Problem(where, f"argument {argument.name!r} of type {argument.type} has 'choices', which texts have: remove them")
        if argument.low is not None and argument.high is not None and argument.low > argument.high:
            yield Problem((*where, "low"), f"'low' = {argument.low:g} of argument {argument.name!r} is above 'high' = {argument.high:g}")


def _caught(at: KeyPath, check: object) -> Iterator[Problem]:
    assert callable(check)
    try:
        check()
    except (IngestError, ModelError) as error:
        key = next((part for part in reversed(at) if isinstance(part, str)), "")
        yield Problem(at, f"{key!r}: {error}")
