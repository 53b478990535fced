"""Finds everything wrong with a parsed node.toml: unknown keys, wrong types, values that cannot stand together. Called by config.py."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, cast, get_args, get_origin, get_type_hints

import msgspec

from edge_ai.errors import SpecError
from edge_ai.rule_spec import RuleKind
from node.cameras.credentials import shown
from node.cameras.errors import CodeRefused
from node.cameras.national_code import camera_code, read_code
from node.cameras.rule_entries import ground_spec, rule_spec
from node.cameras.source import checked_for, checked_words
from node.cameras.specs import camera_spec
from node.config.errors import KeyPath, Problem
from node.config.model import CameraEntry, CapEntry, File, GroundEntry, RuleEntry
from node.ingest.mqtt.filters import is_filter
from node.misfit import needed
from sync.core.lanes import FRESH_FIRST_LANES
from sync.model import TERRITORY_DIGITS, Lane, Level, Limits, ModelError, Territory, check_node_id, check_resource

PORT_MAX = 65_535
PLAIN_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def shape_problems(value: object, struct: type[msgspec.Struct], at: KeyPath = ()) -> Iterator[Problem]:
    """Unknown keys, missing keys and wrong types of `value` read as `struct`, each with its place."""
    if not isinstance(value, Mapping):
        yield Problem(at, f"{_dotted(at)} must be a table")
        return
    hints = _hints(struct)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for name in value:
        if name not in fields:
            yield Problem((*at, name), f"unknown key {_dotted((*at, name))!r}: {_nearest(name, list(fields))}")
    for name, field in fields.items():
        if name in value:
            yield from _value_problems(value[name], hints[name], (*at, name))
        elif field.required:
            yield Problem(at, f"{_dotted((*at, name))!r} is missing: every {_dotted(at) or 'node'} needs it")


@cache
def _hints(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    """The types of a struct's fields: dear to find, and asked for with every entry of a list."""
    return get_type_hints(struct, include_extras=True)


def limit_problems(limits: Mapping[str, object]) -> Iterator[Problem]:
    """Unknown names and wrong values in [limits], whose keys are the fields of sync.model.Limits."""
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Limits)}
    for name, value in limits.items():
        kind = kinds.get(name)
        if kind is None:
            yield Problem(("limits", name), f"unknown key 'limits.{name}': {_nearest(name, list(kinds))}")
        elif not _is_number(value, kind) or not 0 < cast(float, value) < math.inf:
            yield Problem(("limits", name), f"'limits.{name}' = {value!r} refused: {PLAIN_NAMES[kind]} above 0 is needed")


def _is_number(value: object, kind: type) -> bool:
    return not isinstance(value, bool) and isinstance(value, int if kind is int else (int, float))


def value_problems(file: File) -> Iterator[Problem]:
    """Values of a well-shaped file that cannot be, alone or together."""
    yield from _node_problems(file)
    yield from _address_problems(file)
    yield from _device_problems(file)
    yield from _carriage_problems(file)
    yield from _policy_problems(file)
    yield from _sensor_problems(file)
    yield from camera_problems(file.camera, file)
    yield from _platform_problems(file)


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` (IPv6 in brackets); raises ValueError saying what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError(f"{text!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _value_problems(value: object, hint: object, at: KeyPath) -> Iterator[Problem]:
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        yield from shape_problems(value, inner, at)
        return
    item = get_args(inner)[0] if get_origin(inner) is list else None
    if isinstance(item, type) and issubclass(item, msgspec.Struct) and isinstance(value, list):
        yield from _length_problems(value, hint, at)
        for index, entry in enumerate(value):
            yield from shape_problems(entry, item, (*at, index))
        return
    if at == ("limits",) and isinstance(value, Mapping):
        yield from limit_problems(value)
        return
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        yield Problem(at, f"{_dotted(at)!r} = {value!r} refused: {needed(error, hint)}")
        return
    if not _is_finite(value):
        yield Problem(at, f"{_dotted(at)!r} = {value!r} refused: a number must be finite; leave out what has no limit")


def _length_problems(value: list[object], hint: object, at: KeyPath) -> Iterator[Problem]:
    """Tables beyond the most that the model takes; what is in them is looked at one by one."""
    bounds = [meta.max_length for meta in get_args(hint)[1:] if isinstance(meta, msgspec.Meta) and meta.max_length is not None]
    if bounds and len(value) > bounds[0]:
        yield Problem(at, f"{_dotted(at)!r} has {len(value)} entries: at most {bounds[0]}")


def _is_finite(value: object) -> bool:
    """False for what TOML knows and JSON does not: a worker that is told of it could not read anything of its description."""
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, float) or math.isfinite(value)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known here are {', '.join(known)}"


def _dotted(at: KeyPath) -> str:
    return ".".join(str(part) for part in at if isinstance(part, str))


def _node_problems(file: File) -> Iterator[Problem]:
    node = file.node
    checks: dict[str, Callable[[], object]] = {
        "id": lambda: check_node_id(node.id),
        "level": lambda: Level.from_word(node.level),
        "territory": lambda: Territory(node.territory, node.coding_system, node.edition),
    }
    for key, check in checks.items():
        try:
            check()
        except ModelError as error:
            yield Problem(("node", key), str(error))


def _policy_problems(file: File) -> Iterator[Problem]:
    if file.policy.slices == "on" and file.node.level in (Level.MUNICIPAL.word, Level.PROVINCIAL.word):
        words = f"'policy.slices' = 'on' refused at level {file.node.level}: what is issued there is judged over everything; remove it"
        yield Problem(("policy", "slices"), words)
    for index, code in enumerate(file.policy.resources):
        try:
            check_resource(code)
        except ModelError as error:
            yield Problem(("policy", "resources", index), str(error))


def _address_problems(file: File) -> Iterator[Problem]:
    links, parent = file.links, file.parent
    given: list[tuple[KeyPath, str]] = [
        (("links", "listen"), links.listen),
        (("links", "announce"), links.announce),
        (("links", "join_listen"), links.join_listen),
        (("parent", "address"), parent.address),
        (("parent", "join_address"), parent.join_address),
        *((("devices", "listen"), address) for address in file.devices.listen),
        *((("devices", "hj212_listen"), address) for address in file.devices.hj212_listen),
        *((("devices", "jt808_listen"), address) for address in file.devices.jt808_listen),
        *((("devices", "sl651_listen"), address) for address in file.devices.sl651_listen),
        *((("devices", "modbus", index, "address"), entry.address) for index, entry in enumerate(file.devices.modbus)),
    ]
    for at, address in given:
        yield from _bad_address(at, address)
    yield from _cap_problems(links.cap)
    yield from _fresh_problems(links.fresh_first)
    if file.node.level == Level.GRID.word:
        for key, address in (("listen", links.listen), ("join_listen", links.join_listen)):
            if address:
                yield Problem(
                    ("links", key), f"a grid node opens no listening socket on the node plane: remove 'links.{key}' = {address!r}"
                )
    if file.node.level == Level.PROVINCIAL.word and (parent.address or parent.join_address):
        yield Problem(("parent",), "a provincial node is the top of the tree and has no parent: remove [parent]")


def _cap_problems(caps: list[CapEntry]) -> Iterator[Problem]:
    for index, cap in enumerate(caps):
        if cap.peer not in ("*", "parent"):
            try:
                check_node_id(cap.peer)
            except ModelError as error:
                yield Problem(("links", "cap", index, "peer"), f"{error}; or write 'parent', or '*' for every link")


def _fresh_problems(words: list[str]) -> Iterator[Problem]:
    for index, word in enumerate(words):
        if word in {lane.word for lane in set(Lane) - FRESH_FIRST_LANES}:
            yield Problem(("links", "fresh_first", index), f"lane {word!r} is never put off: name event, bulk, blob or a resource")
            continue
        try:
            check_resource(word)
        except ModelError as error:
            yield Problem(("links", "fresh_first", index), f"{error}; or name a lane: event, bulk or blob")


def _bad_address(at: KeyPath, address: str) -> Iterator[Problem]:
    if not address:
        return
    try:
        split_address(address)
    except ValueError as error:
        yield Problem(at, f"{_dotted(at)!r}: {error}; write for example 127.0.0.1:1883")


def _device_problems(file: File) -> Iterator[Problem]:
    devices = file.devices
    if bool(devices.tls_certificate) != bool(devices.tls_key):
        yield Problem(("devices",), "'devices.tls_certificate' and 'devices.tls_key' go together: give both or neither")
    yield from _access_problems(file)
    for index, broker in enumerate(devices.mosquitto):
        if not broker.url.startswith(("mqtt://", "mqtts://")):
            at = ("devices", "mosquitto", index)
            yield Problem(at, f"mosquitto url {broker.url!r} refused: write mqtt://host:port or mqtts://host:port")
    for index, profile in enumerate(devices.profiles):
        place: KeyPath = ("devices", "profiles", index)
        if bool(profile.format) == bool(profile.profile):
            yield Problem(place, "a profile needs either 'format' or 'profile', the name of a profile file")
        elif profile.format and not (profile.topic and profile.resource):
            yield Problem(place, f"a profile with 'format' = {profile.format!r} needs 'topic' and 'resource'")
        yield from _profile_problems(profile.resource, profile.territory, file, place)
    yield from _modbus_problems(file)


def _access_problems(file: File) -> Iterator[Problem]:
    devices = file.devices
    if devices.tls_client_ca and not devices.tls_certificate:
        yield Problem(("devices",), "'devices.tls_client_ca' needs 'devices.tls_certificate' and 'devices.tls_key' beside it")
    if devices.access == "open" and not all(_is_loopback(address) for address in devices.listen):
        yield Problem(("devices",), "'devices.access' = \"open\" is for tests: everybody hears everything; listen on 127.0.0.1 only")
    users = [entry.user for entry in devices.acl]
    for index, entry in enumerate(devices.acl):
        if entry.user in users[:index]:
            yield Problem(("devices", "acl", index), f"user {entry.user!r} has two entries: put its topics, devices and clients into one")
        for pattern in entry.topics:
            if not is_filter(pattern):
                yield Problem(("devices", "acl", index), f"topic {pattern!r} is no topic filter: write for example \"air-quality/json/%u\"")


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


def _modbus_problems(file: File) -> Iterator[Problem]:
    names = [entry.device for entry in file.devices.modbus]
    for index, entry in enumerate(file.devices.modbus):
        at: KeyPath = ("devices", "modbus", index)
        if "/" in entry.device or "+" in entry.device or "#" in entry.device:
            yield Problem((*at, "device"), f"device {entry.device!r} refused: the name is part of a topic and holds no / + #")
        if entry.device in names[:index]:
            yield Problem((*at, "device"), f"device {entry.device!r} is polled twice: give each device its own name")
        if not entry.address:
            yield Problem((*at, "address"), f"device {entry.device!r} has an empty address: write for example 10.0.0.5:502")
        yield from _profile_problems(entry.resource, entry.territory, file, at)


def _sensor_problems(file: File) -> Iterator[Problem]:
    for index, entry in enumerate(file.sensors.limits):
        at = ("sensors", "limits", index)
        if entry.low is not None and entry.high is not None and entry.low + 2 * entry.hysteresis >= entry.high:
            words = f"'low' = {entry.low:g} and 'high' = {entry.high:g} leave no room between them with 'hysteresis' = {entry.hysteresis:g}"
            yield Problem(at, f"limits of {entry.resource} refused: {words}")
    grouped = [(group.resource, member) for group in file.sensors.groups for member in group.members]
    for index, group in enumerate(file.sensors.groups):
        for member in group.members:
            at = ("sensors", "groups", index)
            if not all(member.rpartition("/")[::2]):
                yield Problem(at, f"member {member!r} of group {group.name!r} refused: write device/quantity")
            elif grouped.count((group.resource, member)) > 1:
                yield Problem(at, f"member {member!r} of group {group.name!r} refused: a series is in one group, and once")


def _carriage_problems(file: File) -> Iterator[Problem]:
    peers = [entry.peer for entry in file.carriage]
    folders = [folder for entry in file.carriage for folder in (entry.out, entry.back)]
    for index, entry in enumerate(file.carriage):
        if entry.peer in peers[:index]:
            yield Problem(("carriage", index, "peer"), f"peer {entry.peer!r} has two folder pairs: keep one")
    for folder in sorted({folder for folder in folders if folders.count(folder) > 1}):
        yield Problem(("carriage",), f"folder {folder!r} is used twice: every direction of every [[carriage]] needs its own")


def _profile_problems(resource: str, territory: str, file: File, at: KeyPath) -> Iterator[Problem]:
    try:
        if resource:
            check_resource(resource)
    except ModelError as error:
        yield Problem((*at, "resource"), str(error))
    yield from _place_problems(territory, file, (*at, "territory"))


def _place_problems(territory: str, file: File, at: KeyPath) -> Iterator[Problem]:
    if not territory:
        return
    if not (territory.isascii() and territory.isdigit() and len(territory) in TERRITORY_DIGITS):
        yield Problem(at, f"territory {territory!r} refused: a code has {', '.join(map(str, TERRITORY_DIGITS))} digits")
    elif not territory.startswith(file.node.territory):
        yield Problem(at, f"territory {territory!r} is not inside this node's {file.node.territory!r}: correct one of the two")


def camera_problems(cameras: Sequence[CameraEntry], file: File, *, beside: Sequence[CameraEntry] = ()) -> Iterator[Problem]:
    """What is wrong with cameras of `file`, or listed beside it where the cameras `beside` stand already."""
    ids = [camera.id for camera in beside]
    coded = {camera.code: camera for camera in reversed(beside)}
    for index, camera in enumerate(cameras):
        yield from _camera_problems(camera, ("camera", index))
        yield from _place_problems(camera.territory, file, ("camera", index, "territory"))
        if camera.id in ids:
            yield Problem(("camera", index, "id"), f"camera id {camera.id!r} is used twice: give each camera its own")
        ids.append(camera.id)
        if camera.code:
            yield from _code_problems(camera.code, ("camera", index, "code"))
            if other := code_conflict(camera, coded.setdefault(camera.code, camera)):
                yield Problem(("camera", index, "code"), other)


def code_conflict(camera: CameraEntry, other: CameraEntry) -> str:
    """Why two cameras cannot have their codes; empty where they can.

    A code names one camera. Two entries of one camera, for two algorithms, have one code and one address.
    """
    if camera.code != other.code or not camera.code or shown(camera.source) == shown(other.source):
        return ""
    return (
        f"cameras {other.id!r} and {camera.id!r} have one national code, {camera.code}, and two addresses: "
        "give each camera its own code, or both entries the address of the one camera"
    )


def _platform_problems(file: File) -> Iterator[Problem]:
    platform = file.gb28181
    if not platform.platform:
        return
    yield from _bad_address(("gb28181", "platform"), platform.platform)
    yield from _bad_address(("gb28181", "local"), platform.local)
    yield from _place_problems(platform.territory, file, ("gb28181", "territory"))
    for key, code in (("platform_id", platform.platform_id), ("device_id", platform.device_id)):
        try:
            read_code(code)
        except CodeRefused as error:
            yield Problem(("gb28181", key), f"'gb28181.{key}': {error}")


def _code_problems(code: str, at: KeyPath) -> Iterator[Problem]:
    try:
        camera_code(code)
    except CodeRefused as error:
        yield Problem(at, str(error))


def _camera_problems(camera: CameraEntry, at: KeyPath) -> Iterator[Problem]:
    found = list(_part_problems(camera, at))
    yield from found
    if not found:
        try:
            camera_spec(camera, "")
        except SpecError as error:
            yield Problem(at, str(error))


def _part_problems(camera: CameraEntry, at: KeyPath) -> Iterator[Problem]:
    """Each part of a camera by itself, with its own line."""
    try:
        check_node_id(camera.id)
    except ModelError as error:
        yield Problem((*at, "id"), str(error).replace("node id", "camera id"))
    if not camera.source:
        yield Problem(at, f"camera {camera.id!r} of kind {camera.kind!r} has no source: name its URL, file or device")
    else:
        yield from _word_problems((*at, "source"), f"source of camera {camera.id!r}", lambda: checked_for(camera.kind, camera.source))
    for key, words in (("name", camera.name), ("place", camera.place)):
        yield from _word_problems((*at, key), f"{key} of camera {camera.id!r}", partial(checked_words, words))
    for index, rule in enumerate(camera.rule):
        if not rule.name.strip():
            yield Problem((*at, "rule", index), f"a rule of camera {camera.id!r} has no name: name it after what it is for")
        yield from _word_problems((*at, "rule", index), f"name of rule {rule.name!r}", partial(checked_words, rule.name))
        if rule.kind == "zone" and len(rule.points) < 3:
            yield Problem((*at, "rule", index), f"zone {rule.name!r} has {len(rule.points)} points: a zone needs at least 3")
        elif rule.kind == "line" and len(rule.points) != 2:
            yield Problem((*at, "rule", index), f"line {rule.name!r} has {len(rule.points)} points: a line has 2")
        else:
            yield from _rule_problems(camera, rule, (*at, "rule", index))
    try:
        ground_spec(camera.ground)
    except SpecError as error:
        yield Problem((*at, "ground"), str(error))


def _word_problems(at: KeyPath, what: str, check: Callable[[], object]) -> Iterator[Problem]:
    """What a check of words says; it repeats nothing of them, because an address may hold a password."""
    try:
        check()
    except ValueError as error:
        words = str(error)
        yield Problem(at, f"{what} refused: {'it ' if words.startswith(('is ', 'has ')) else ''}{words}")


def _rule_problems(camera: CameraEntry, rule: RuleEntry, at: KeyPath) -> Iterator[Problem]:
    try:
        kind = rule_spec(rule).kind
    except SpecError as error:
        yield Problem(at, str(error))
        return
    if kind is RuleKind.SPEED and camera.ground == GroundEntry():
        yield Problem(at, f"rule {rule.name!r} of kind speed needs the ground plane: give `ground` of camera {camera.id!r}")
