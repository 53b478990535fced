"""Sheets of devices, in and out: what departments call the columns, and each cell as a value or as a problem with its place and way out.

Reads files and knows no node: what only the node can say (territories inside its own, profiles, room) it says itself. Refuses a sheet with
passwords: they are made by `yunnao password`. Called by the verb `device`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from node.catalogue.cells import folded, half_width, header_key
from node.catalogue.columns import Column
from node.catalogue.csv_sheet import write_csv
from node.catalogue.errors import SheetRefused
from node.catalogue.lines import Read, SheetForm, degrees_reader, read_lines, read_territory, text_reader
from node.catalogue.words import read_seconds
from node.ingest.fields import NAME_CHARS_MAX, is_plain

DEVICES_MAX = 20_000
"""Devices of one import."""
TEXT_CHARS_MAX = 200
PERIOD_S_MAX = 366 * 86_400
EARLIEST, LATEST = date(1980, 1, 1), date(2100, 1, 1)

COLUMNS = (
    Column("device", ("设备编号", "设备标识", "设备编码", "设备ID", "编号", "MN号"), ("device", "device id", "id", "device code")),
    Column("kind", ("设备类型", "类型", "设备种类"), ("kind", "type", "device type")),
    Column("profile", ("接入模板", "物模型", "模板"), ("profile",)),
    Column("territory", ("区划代码", "网格编码", "所属网格", "所属区划"), ("territory", "territory code", "grid")),
    Column("owner", ("责任单位", "权属单位", "责任人", "管理单位"), ("owner", "responsible")),
    Column("user", ("接入用户", "用户名", "账号"), ("user", "username", "login")),
    Column("certificate", ("证书主体", "证书名称", "证书CN"), ("certificate", "certificate subject", "common name")),
    Column("longitude", ("经度",), ("longitude", "lon", "lng")),
    Column("latitude", ("纬度",), ("latitude", "lat")),
    Column("address", ("安装地址", "地址", "安装位置", "位置"), ("address", "place")),
    Column("installed", ("安装日期", "安装时间", "启用日期"), ("installed", "install date")),
    Column("period_s", ("上报周期", "采集周期", "上报间隔"), ("period", "expected period", "interval")),
)
SHOWN_COLUMNS = (
    Column("state", ("状态",), ("state",)),
    Column("last_seen", ("最近上报",), ("last seen",)),
    Column("battery", ("电量",), ("battery",)),
)
"""What an export adds; an import leaves them alone."""
SHEET_NAMES = {"zh": "设备", "en": "devices"}
_NO_SECRETS = "passwords are not kept in sheets: take the column out, and make each with `yunnao password USER`"
_SECRETS = {header_key(word): _NO_SECRETS for word in ("密码", "口令", "password", "secret", "密钥")}
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[ T].*)?")

def _device(cell: str) -> str:
    name = half_width(cell)
    if not is_plain(name) or any(char in "/+#" for char in name):
        raise ValueError(f"is no device: at most {NAME_CHARS_MAX} characters that are seen, none of them / + # < > [ ]")
    return name


def _day(cell: str) -> str:
    found = _DAY.fullmatch(half_width(cell))
    try:
        day = date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= LATEST:
        raise ValueError("is no day: write 2026-03-31")
    return day.isoformat()


def _seconds(cell: str) -> float:
    typed = folded(cell)
    seconds = float(typed) if re.fullmatch(r"\d{1,9}(?:\.\d{1,3})?", typed) else float(read_seconds(typed))
    if not 0 < seconds <= PERIOD_S_MAX:
        raise ValueError(f"is no period from a moment to {PERIOD_S_MAX // 86_400} days: write 60, 5分钟 or 1h")
    return seconds


_TEXT = text_reader(TEXT_CHARS_MAX)
_FORM = SheetForm(
    columns=COLUMNS,
    readers={
        "device": _device, "kind": _TEXT, "profile": _TEXT, "territory": read_territory, "owner": _TEXT, "user": _TEXT,
        "certificate": _TEXT, "longitude": degrees_reader(180), "latitude": degrees_reader(90), "address": _TEXT, "installed": _day,
        "period_s": _seconds,
    },
    key="device",
    lines_max=DEVICES_MAX,
    shown=SHOWN_COLUMNS,
    kept=frozenset({"device", "territory"}),
    cleared={"period_s": 0.0},
    together=frozenset({"longitude", "latitude"}),
    refused=_SECRETS,
)  # fmt: skip


def read_devices(paths: Sequence[Path]) -> Read:
    """The devices in XLSX and CSV files. Raises SheetRefused for what is not read at all."""
    return read_lines(paths, _FORM)


# ---- out


def write_devices(path: Path, devices: Iterable[Mapping[str, object]], *, language: str, encoding: str) -> None:
    """Devices, as the API shows them, into an XLSX or CSV file that `read_devices` reads back. Raises OSError, SheetRefused."""
    rows = _rows(devices, language)
    if path.suffix.lower() == ".xlsx":
        from node.catalogue.xlsx import write_xlsx

        write_xlsx(path, {SHEET_NAMES[language]: rows})
    elif path.suffix.lower() == ".csv":
        write_csv(path, rows, encoding=encoding)
    else:
        raise SheetRefused(f"{path.name} refused: name a file that ends in .xlsx or .csv")


def _rows(devices: Iterable[Mapping[str, object]], language: str) -> Iterator[list[str]]:
    columns = (*COLUMNS, *SHOWN_COLUMNS)
    yield [column.name(language) for column in columns]
    for device in devices:
        yield [_written(column.key, device.get(column.key)) for column in columns]


def _written(key: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if key == "period_s":
        return f"{value:g}s" if isinstance(value, int | float) and value else ""
    return repr(value) if isinstance(value, float) and key in ("longitude", "latitude") else str(value)
