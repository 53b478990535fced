"""Profile files: the shipped ones hold, a wrong one is told with its line, and what they become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.config.errors import ConfigError
from node.ingest.decode import decode
from node.ingest.profile_files.build import profile_of
from node.ingest.profile_files.load import SHIPPED, profile_paths, read_profile
from node.ingest.profiles import Argument, ArgumentType, Command, Profile
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US, TERRITORY
from tests.node.ingest.test_decode import samples_of

GOOD = """
source = "manual of the well sensor, section 4"
format = "json"
topic = "site/+/up"
device = "topic:1"
time = "ts"
time_unit = "ms"
period_s = 600
battery = "battery"

[[quantity]]
name = "level"
value = "data.level"
unit = "cm"
store = "m"
low = 0
high = 20

[[quantity]]
name = "battery"
value = "bat"
unit = "%"
outside = "refuse"
low = 0
high = 100

[[command]]
name = "valve"

[[command.argument]]
name = "position"
type = "integer"
low = 0
high = 100

[[command.argument]]
name = "speed"
type = "text"
choices = ["slow", "fast"]
required = false
"""


def written(folder: Path, text: str) -> Path:
    """A profile file with `text`."""
    path = folder / "well.toml"
    path.write_text(text, "utf-8")
    return path


def built(path: Path) -> Profile:
    """The profile of a file."""
    file = read_profile(path)
    return profile_of(path.stem, file, topic=file.topic, resource="water-level", territory=TERRITORY)


def refusal(folder: Path, text: str) -> str:
    """What is said of a file that does not hold."""
    with pytest.raises(ConfigError) as refused:
        read_profile(written(folder, text))
    return str(refused.value)


def readings(profile: Profile, topic: str, payload: str | bytes) -> list[Reading]:
    """What a message becomes."""
    return decode(profile, topic, payload.encode() if isinstance(payload, str) else payload, NOW_US)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_holds_and_names_its_source(path: Path) -> None:
    file = read_profile(path)
    assert profile_of(path.stem, file, topic=file.topic or "#", resource="air-quality", territory="37").name == path.stem
    assert len(file.source) > 20


def test_a_profile_carries_period_battery_and_commands(tmp_path: Path) -> None:
    profile = built(written(tmp_path, GOOD))
    assert (profile.name, profile.period_s, profile.battery, profile.device_level) == ("well", 600.0, "battery", 1)
    position = Argument("position", ArgumentType.INTEGER, 0.0, 100.0)
    speed = Argument("speed", ArgumentType.TEXT, choices=("slow", "fast"), required=False)
    assert profile.commands == (Command("valve", (position, speed)),)


def test_a_message_is_mapped_converted_and_judged(tmp_path: Path) -> None:
    profile = built(written(tmp_path, GOOD))
    found = readings(profile, "site/well-7/up", json.dumps({"ts": NOW_US // 1_000, "data": {"level": 312}, "bat": 88}))
    assert [entry[3:] for entry in found] == [("well-7", "level", 3.12, None, "m"), ("well-7", "battery", 88.0, None, "%")]
    (broken, _) = readings(profile, "site/well-7/up", json.dumps({"data": {"level": 9_999}, "bat": 1}))
    assert (broken.value, broken.text) == (None, "outside 0 to 20: 99.99")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('format = "json"', 'format = "jsn"', ":3: 'format' = 'jsn' refused"),
        ("period_s", "perod_s", "did you mean 'period_s'?"),
        ('unit = "cm"', 'unit = "degC"', ":14: 'unit': unit 'degC' refused: 'degC' is no UCUM code known here; write 'Cel'"),
        ('store = "m"', 'store = "s"', ":15: 'store': unit 'cm' does not convert to 's'"),
        ('value = "data.level"', 'value = "data..level"', ":13: 'value': 'data..level' is no JMESPath"),
        ("low = 0\nhigh = 20", "low = 30\nhigh = 20", "it is not below 'high' = 20"),
        ("high = 20", "high = inf", "must be finite"),
        ('battery = "battery"', 'battery = "power"', "'battery' = 'power' refused: no quantity has this name"),
        ('battery = "battery"', 'battery = "level"', "it is not stored in %"),
        ('name = "level"', 'name = "<b>"', "has no < > [ ]"),
        ('name = "level"', 'name = "battery"', "stands here twice"),
        ('name = "valve"', 'name = "a/b"', "part of a topic"),
        ('type = "integer"', 'type = "boolean"', "has 'low' or 'high'"),
        ('device = "topic:1"', 'device = "topic:x"', "write topic: and the number"),
        ('device = "topic:1"\n', "", "'device' is missing"),
        ('topic = "site/+/up"', 'topic = "site/#/up"', "topic filter"),
        ('format = "json"', 'format = "lorawan"', "'decoder' is missing"),
        ('format = "json"', 'format = "modbus"', "has no 'address'"),
        ('source = "manual of the well sensor, section 4"', "", "'source' is missing"),
        ("unit", "unit = = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_told_with_line_key_and_way_out(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in refusal(tmp_path, GOOD.replace(old, new, 1))


def test_a_profile_without_quantities_reads_all_of_a_message(tmp_path: Path) -> None:
    text = 'source = "any"\nformat = "json"\ntopic = "x/+"\ndevice = "topic:1"\ntime = "ts"\n'
    (found,) = readings(built(written(tmp_path, text)), "x/d1", '{"ts": 1700000000, "a": {"b": 5}}')
    assert (found.device, found.quantity, found.event_time_us) == ("d1", "a.b", NOW_US)
    assert "the topic names it" in refusal(tmp_path, text.replace("topic:1", "id"))


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("at = 0\nlength = 2", ""),
        ('type = "bcd"\nat = 0', "has no 'length'"),
        ('type = "uint8"', "has no 'at'"),
        ('type = "uint8"\nat = 0\nbits = [0, 8]', "'bits' = [0, 8] refused"),
        ('type = "int8"\nat = 0\nbits = [0, 3]', "unsigned number"),
        ('type = "uint8"\nat = 0\nscale = 0', "'scale' = 0"),
    ],
)
def test_places_in_bytes_are_checked(tmp_path: Path, quantity: str, words: str) -> None:
    text = f'source = "a manual"\nformat = "lorawan"\ndecoder = "fields"\n[[quantity]]\nname = "a"\n{quantity}\n'
    if words:
        assert words in refusal(tmp_path, text)
    else:
        assert read_profile(written(tmp_path, text)).quantity[0].at == 0


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "none.toml")
    (tmp_path / "well.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_profile(tmp_path / "well.toml")


def test_a_sites_own_file_wins_over_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "tasmota.toml").write_text(GOOD, "utf-8")
    paths = profile_paths(tmp_path)
    assert paths["tasmota"] == tmp_path / "tasmota.toml"
    assert paths["zigbee2mqtt"].parent == SHIPPED
    with pytest.raises(ConfigError, match="is no folder"):
        profile_paths(tmp_path / "none")


def test_units_of_senml_are_understood_and_converted(tmp_path: Path) -> None:
    text = 'source = "RFC 8428"\nformat = "senml"\ntopic = "s"\n[[quantity]]\nname = "rh"\nunit = "%"\nstore = "1"\nlow = 0\nhigh = 1\n'
    (found,) = readings(built(written(tmp_path, text)), "s", '[{"bn":"d1:","n":"rh","u":"%RH","v":55}]')
    assert (found.value, found.unit) == (0.55, "1")


@pytest.mark.slow
def test_the_household_profiles_read_the_collected_messages() -> None:
    """Tasmota and Zigbee2MQTT as published: every message is taken, and known quantities come out with their unit."""
    profiles = {name: built(SHIPPED / f"{name}.toml") for name in ("tasmota", "zigbee2mqtt")}
    units: dict[str, set[str | None]] = {}
    for entry in samples_of(*profiles):
        if entry["expect"] != "valid":
            continue
        for reading in readings(profiles[entry["family"]], "tele/device", entry["payload"]):
            units.setdefault(reading.quantity, set()).add(reading.unit)
    assert {"temperature", "humidity", "pressure", "illuminance", "state", "action"} <= set(units)
    assert (units["temperature"], units["pressure"]) == ({"Cel"}, {"hPa"})


def test_a_tasmota_message_in_fahrenheit_is_stored_in_celsius() -> None:
    payload = '{"Time":"2019-01-14T19:36:51","DHT22":{"Temperature":77,"Humidity":33},"TempUnit":"F"}'
    first, second = readings(built(SHIPPED / "tasmota.toml"), "tele/hall/SENSOR", payload)
    assert first.value == pytest.approx(25.0)
    assert (first.device, first.quantity, first.unit) == ("hall", "temperature", "Cel")
    assert second[3:] == ("hall", "humidity", 33.0, None, "%")
