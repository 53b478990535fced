"""Sheets of cameras to watch: what integrators call the columns, and a row as a camera of the list.

Reads files and knows no node. A password may stand in the sheet, because every camera has its own and there is no other list of them; it is
never shown, and goes where the others are kept. Called by `yunnao camera import`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from node.cameras.credentials import CHARS_MAX, Credentials, split_credentials
from node.cameras.errors import CameraRefused, CodeRefused
from node.cameras.list_file import CAMERAS_MAX
from node.cameras.national_code import camera_code
from node.cameras.source import checked_source, checked_words, kind_of
from node.cameras.templates import CHANNEL_MAX, RTSP_PORT, Stream, checked_host, template_of
from node.catalogue.cells import folded, half_width
from node.catalogue.columns import Column
from node.catalogue.lines import Cell, SheetForm, Values, read_territory
from node.config.model import CameraEntry
from sync.model import ModelError, check_node_id

ALGORITHM = "motion-object"
"""What a camera runs where nobody says otherwise: needs no weights (EDGE_AI, what ships)."""
TEXT_CHARS_MAX = 200
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

COLUMNS = (
    Column("id", ("摄像机编号", "编号", "摄像机标识", "设备编号", "通道编号"), ("camera", "id", "camera id")),
    Column("name", ("名称", "点位名称", "摄像机名称", "安装点名称"), ("name", "title")),
    Column("vendor", ("厂商", "品牌", "厂家", "生产厂商"), ("vendor", "brand", "maker")),
    Column("host", ("IP地址", "IP", "地址IP", "设备IP", "IPv4"), ("host", "ip", "ip address")),
    Column("port", ("RTSP端口", "端口", "取流端口"), ("port", "rtsp port")),
    Column("channel", ("通道号", "通道"), ("channel",)),
    Column("stream", ("码流", "码流类型"), ("stream",)),
    Column("source", ("取流地址", "RTSP地址", "视频流地址", "URL"), ("url", "address", "source", "rtsp url")),
    Column("user", ("用户名", "登录用户", "账号"), ("user", "username", "login")),
    Column("password", ("密码", "口令"), ("password",)),
    Column("algorithm", ("算法", "分析算法"), ("algorithm",)),
    Column("territory", ("区划代码", "网格编码", "所属网格", "所属区划"), ("territory", "territory code", "grid")),
    Column("place", ("安装地址", "安装位置", "位置", "地址"), ("place", "location")),
    Column("code", ("国标编码", "国标ID", "GB28181编码", "设备国标编码"), ("national code", "gb code", "code")),
)


_OF_HOST = ("vendor", "port", "channel", "stream")
"""What makes an address together with a host."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A row as a camera."""

    entry: CameraEntry
    credentials: Credentials | None
    """None: as they are."""


def entered(values: Values, before: CameraEntry | None) -> Entered:
    """The camera that a row makes of the one that is there, or anew. Raises CameraRefused naming the way out."""
    given: Mapping[str, Any] = values
    facts: dict[str, Any] = {name: given[name] for name in ("name", "algorithm", "territory", "place", "code") if name in given}
    source, login = _source(values)
    if source:
        facts["source"] = source
    if "algorithm" in facts and not facts["algorithm"]:
        facts["algorithm"] = ALGORITHM
    if not source and (alone := [name for name in _OF_HOST if name in given]) and before is not None:
        raise CameraRefused(f"camera {given['id']!r}: {' and '.join(alone)} refused, they say nothing without a host: give it, too")
    if before is not None:
        return Entered(msgspec.structs.replace(before, **facts), _login(values, login))
    if not source:
        raise CameraRefused(f"camera {given['id']!r} has no address: give its URL, or vendor and host")
    return Entered(CameraEntry(id=given["id"], kind=kind_of(source), **{"algorithm": ALGORITHM, **facts}), _login(values, login))


def _source(values: Values) -> tuple[str, Credentials | None]:
    """The address without credentials and those that stood in it; empty when the row names none."""
    given: Mapping[str, Any] = values
    if given.get("source"):
        return split_credentials(given["source"])
    if not given.get("host"):
        return "", None
    template = template_of(str(given.get("vendor", "")))
    stream = Stream(given.get("stream") or Stream.SUB.value)
    port, channel = int(given.get("port") or RTSP_PORT), int(given.get("channel") or 1)
    return template.address(given["host"], port=port, channel=channel, stream=stream), None


def _login(values: Values, found: Credentials | None) -> Credentials | None:
    if "user" not in values and "password" not in values:
        return found
    user = str(values.get("user", found.user if found else ""))
    return Credentials(user, str(values.get("password", found.password if found else "")))


# ---- cells


def _id(cell: str) -> str:
    if _DATE.fullmatch(half_width(cell)):
        raise ValueError("is a date, which a spreadsheet program makes of 5-1 and the like: format the column as text and enter it again")
    try:
        return check_node_id(half_width(cell))
    except ModelError as error:
        raise ValueError(str(error).replace("node id", "camera id")) from None


def _text(cell: str) -> str:
    if len(cell) > TEXT_CHARS_MAX:
        raise ValueError(f"has {len(cell)} characters, at most {TEXT_CHARS_MAX}")
    return checked_words(cell)


def _vendor(cell: str) -> str:
    return _of_camera(lambda: template_of(cell).vendor)


def _host(cell: str) -> str:
    return _of_camera(lambda: checked_host(half_width(cell)))


def _of_camera(read: Any) -> str:
    try:
        return str(read())
    except CameraRefused as error:
        raise ValueError(str(error)) from None


def _number(cell: str, most: int) -> float:
    typed = half_width(cell)
    if not (typed.isascii() and typed.isdigit() and 1 <= int(typed) <= most):
        raise ValueError(f"is no whole number from 1 to {most}")
    return float(typed)


def _stream(cell: str) -> str:
    typed = folded(cell)
    for stream, words in ((Stream.MAIN, ("main", "主码流", "主", "0")), (Stream.SUB, ("sub", "子码流", "辅码流", "子", "辅", "1"))):
        if typed in words:
            return stream.value
    raise ValueError("is no stream: main (主码流) or sub (子码流)")


def _secret(cell: str) -> str:
    if len(cell) > CHARS_MAX:
        raise ValueError(f"is longer than {CHARS_MAX} characters")
    # One with a line's end would be refused with the whole list, where nobody sees which row it was.
    return checked_words(cell)


def _code(cell: str) -> str:
    if "e+" in cell.lower():
        raise ValueError("was shortened by the spreadsheet program: format the column as text and enter the 20 digits again")
    try:
        return camera_code(half_width(cell))
    except CodeRefused as error:
        raise ValueError(str(error)) from None


def _port(cell: str) -> Cell:
    return _number(cell, 65_535)


def _channel(cell: str) -> Cell:
    return _number(cell, CHANNEL_MAX)


LIST_FORM = SheetForm(
    columns=COLUMNS,
    readers={
        "id": _id, "name": _text, "vendor": _vendor, "host": _host, "port": _port, "channel": _channel, "stream": _stream,
        "source": checked_source, "user": _secret, "password": _secret, "algorithm": _text, "territory": read_territory, "place": _text,
        "code": _code,
    },
    key="id",
    lines_max=CAMERAS_MAX,
    too_many="a node watches no more cameras, enter the others at other nodes",
    secret=frozenset({"password", "source"}),
    exact=frozenset({"password"}),
    kept=frozenset({"id", "source"}),
)  # fmt: skip
