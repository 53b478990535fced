"""The node.toml that init writes: every section explained, the optional ones commented out. Called by the init verb and the demo."""

from __future__ import annotations

from pathlib import Path

from node.config.config import parse_config, quote
from node.config.errors import ConfigError, Problem
from sync.model import Level, Territory

DEVICES_LISTEN = ("127.0.0.1:1883",)
"""Where a new node's sensor door listens."""

_HEAD = """\
# One node of the city's tree. Every key is explained in docs/config.md; an unknown one is refused.

[node]
id = {id}
level = {level}  # grid, street, district, municipal or provincial
territory = {territory}  # statistical code of 2, 4, 6, 9, 12 or 15 digits
coding_system = {system}
edition = {edition}
name = {name}
language = {language}
"""

_LINKS = """
[links]
listen = {listen}  # where children open their links
join_listen = {join_listen}  # where nodes without a certificate ask to join
# announce = "10.1.2.3:7440"  # what children are told, when it is not `listen`
"""

_PARENT = """
[parent]  # written by `yunnao join`
address = {parent_address}
join_address = {parent_join_address}
"""

_TAIL = """
[devices]
listen = {devices}  # the sensor door, MQTT 3.1.1 and 5
anonymous = {anonymous}
{admission}# tls_certificate = "door.pem"
# tls_key = "door_key.pem"

# [[devices.profiles]]
# topic = "air/+/json"
# resource = "air-quality"
# format = "json"

# [[camera]]
# id = "gate-1"
# name = "North gate"
# kind = "rtsp"
# source = "rtsp://10.1.2.9/stream1"
# algorithm = "yolox-nano"
# model = "models/yolox_nano.onnx"

[store]
dir = "."
"""


def render_config(
    *,
    node: str,
    level: Level,
    territory: Territory,
    name: str = "",
    language: str = "zh",
    listen: str = "",
    join_listen: str = "",
    parent_address: str = "",
    parent_join_address: str = "",
    devices_listen: tuple[str, ...] = DEVICES_LISTEN,
    anonymous: bool = False,
    password_file: str = "",
    admit_unknown: bool = False,
    extra: str = "",
) -> str:
    """The text of a node.toml; `extra` is TOML appended as it is (cameras, profiles). Level decides which sections there are."""
    head = _HEAD.format(
        id=quote(node),
        level=quote(level.word),
        territory=quote(territory.code),
        system=quote(territory.system),
        edition=quote(territory.edition),
        name=quote(name),
        language=quote(language),
    )
    links = "" if level is Level.GRID else _LINKS.format(listen=quote(listen), join_listen=quote(join_listen))
    above = _PARENT.format(parent_address=quote(parent_address), parent_join_address=quote(parent_join_address))
    parent = "" if level is Level.PROVINCIAL else above
    doors = "[" + ", ".join(quote(address) for address in devices_listen) + "]"
    admission = f"password_file = {quote(password_file)}\n" if password_file else '# password_file = "passwords"\n'
    admission += "admit_unknown = true\n" if admit_unknown else ""
    return head + links + parent + _TAIL.format(devices=doors, anonymous="true" if anonymous else "false", admission=admission) + extra


def write_config(path: Path, text: str) -> None:
    """Write a new node.toml after checking that it loads; raises ConfigError when it does not, or when there is one already."""
    parse_config(text, path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(path, [Problem((), "exists already and is never overwritten: choose another --dir")]) from None
    except OSError as error:
        raise ConfigError(path, [Problem((), f"cannot be written ({error.strerror})")]) from error
