"""What a configuration makes of profile files."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from node.config.config import ConfigError, NodeConfig, load_config
from node.ingest.profiles import Format, TimeUnit
from node.ingest.site_profiles import SiteProfiles
from tests.node.ingest.parts import ListSink, StillClock

NODE = '[node]\nid = "s1"\nlevel = "street"\nterritory = "370202001"\n\n'
METER = (
    'source = "manual"\nformat = "modbus"\nperiod_s = 30\n[[quantity]]\n'
    'name = "flow"\nunit = "L/s"\nstore = "m3/h"\naddress = 4\ntype = "float32"\n'
)


def config(folder: Path, devices: str) -> NodeConfig:
    """A configuration with a site's own profile of a meter."""
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "meter.toml").write_text(METER, "utf-8")
    (folder / "node.toml").write_text(NODE + '[devices]\nprofile_folder = "profiles"\n' + devices, "utf-8")
    return load_config(folder / "node.toml")


def refusal(folder: Path, devices: str) -> str:
    """What is said of a configuration that cannot be."""
    with pytest.raises(ConfigError) as refused:
        SiteProfiles(config(folder, devices))
    return str(refused.value)


def test_a_profile_file_brings_its_topic_and_the_entry_its_resource(tmp_path: Path) -> None:
    site = SiteProfiles(config(tmp_path, '[[devices.profiles]]\nprofile = "tasmota"\nresource = "air-quality"\n'))
    (profile,) = site.profiles
    assert (profile.name, profile.topic_filter, profile.resource, profile.territory) == ("tasmota", "tele/+/+", "air-quality", "370202001")
    assert profile.rules is not None


def test_an_entry_with_a_format_is_what_it_was(tmp_path: Path) -> None:
    entry = '[[devices.profiles]]\ntopic = "hj212/#"\nformat = "hj212"\nresource = "air-quality"\nterritory = "370202001001"\n'
    (profile,) = SiteProfiles(config(tmp_path, entry)).profiles
    assert (profile.name, profile.format, profile.territory, profile.reader) == ("configured-0", Format.HJ212, "370202001001", None)


def test_a_polled_device_has_a_topic_and_a_poller_of_its_own(tmp_path: Path) -> None:
    entry = '[[devices.modbus]]\ndevice = "pump-3"\naddress = "127.0.0.1:5020"\nunit = 7\nprofile = "meter"\nresource = "water-level"\n'
    site = SiteProfiles(config(tmp_path, entry + entry.replace("pump-3", "pump-4")))
    assert [(profile.topic_filter, profile.time_unit) for profile in site.profiles] == [
        ("modbus/pump-3", TimeUnit.MICROSECONDS),
        ("modbus/pump-4", TimeUnit.MICROSECONDS),
    ]
    pollers = site.pollers(ListSink(), StillClock(), Random(1))
    assert [(poller.settings.device, poller.settings.unit, poller.settings.period_s) for poller in pollers] == [
        ("pump-3", 7, 30.0),
        ("pump-4", 7, 30.0),
    ]


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ('[[devices.profiles]]\nprofile = "nosuch"\nresource = "air-quality"\n', "there is no profile 'nosuch': `yunnao profile list`"),
        ('[[devices.profiles]]\nprofile = "tasmota"\n', "names no resource"),
        ('[[devices.profiles]]\nprofile = "meter"\ntopic = "a"\nresource = "b-c"\n', "name it under [[devices.modbus]]"),
        ('[[devices.profiles]]\nresource = "air-quality"\n', "either 'format' or 'profile'"),
        ('[[devices.profiles]]\nprofile = "tasmota"\nformat = "json"\nresource = "a-b"\n', "either 'format' or 'profile'"),
        ('[[devices.profiles]]\nformat = "json"\nresource = "a-b"\n', "needs 'topic' and 'resource'"),
        ('[[devices.modbus]]\ndevice = "a"\naddress = "h:1"\nprofile = "tasmota"\nresource = "a-b"\n', "needs format modbus"),
        ('[[devices.modbus]]\ndevice = "a"\naddress = "h:1"\nprofile = "meter"\n', "has no resource"),
        ('[[devices.modbus]]\ndevice = "a"\naddress = "h"\nprofile = "meter"\nresource = "a-b"\n', "is not host:port"),
        ('[[devices.modbus]]\ndevice = "a/b"\naddress = "h:1"\nprofile = "meter"\nresource = "a-b"\n', "part of a topic"),
        ('[[devices.modbus]]\ndevice = "a"\naddress = "h:1"\nprofile = "meter"\nresource = "a-b"\n' * 2, "polled twice"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, devices: str, words: str) -> None:
    assert words in refusal(tmp_path, devices)


def test_a_wrong_file_of_the_site_is_told_with_its_own_name(tmp_path: Path) -> None:
    entry = '[[devices.modbus]]\ndevice = "a"\naddress = "h:1"\nprofile = "meter"\nresource = "a-b"\n'
    made = config(tmp_path, entry)
    (tmp_path / "profiles" / "meter.toml").write_text(METER.replace("L/s", "l per s"), "utf-8")
    with pytest.raises(ConfigError, match=r"meter\.toml:6: 'unit'"):
        SiteProfiles(made)
