"""Sheets of devices, in and out: what departments call the columns, and each cell as a value or as a problem with its place and way out.

Reads files and knows no node: what only the node can say (territories inside its own, profiles, room) it says itself. Refuses a sheet with
passwords: they are made by `yunnao password`. Called by the verb `device`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from node.catalogue.cells import folded, half_width, header_key
from node.catalogue.columns import Column
from node.catalogue.csv_sheet import write_csv
from node.catalogue.errors import Problem, SheetRefused
from node.catalogue.importing import read_files
from node.catalogue.reading import CLEAR, FORMULA
from node.catalogue.sheets import HEADER_ROWS_MAX, Row, Sheet
from node.catalogue.words import read_seconds
from node.ingest.fields import NAME_CHARS_MAX, is_plain

DEVICES_MAX = 20_000
"""Devices of one import."""
TEXT_CHARS_MAX = 200
PROBLEMS_MAX = 1_000
"""Problems that are collected before reading ends."""
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
_SECRETS = frozenset(header_key(word) for word in ("密码", "口令", "password", "secret", "密钥"))
_KNOWN = {header_key(name): column.key for column in COLUMNS for name in (*column.zh, *column.en)}
_SHOWN = frozenset(header_key(name) for column in SHOWN_COLUMNS for name in (*column.zh, *column.en))
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[ T].*)?")

Cell = str | float
Values = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Line:
    """One device of a sheet."""

    sheet: str
    row: int
    values: Values
    """By column key what the row sets; an empty text or 0 clears."""


@dataclass(frozen=True, slots=True)
class Read:
    """What files say."""

    lines: tuple[Line, ...]
    """Rows without a problem, each device once."""
    problems: tuple[Problem, ...]
    ignored: tuple[tuple[str, str], ...]
    """(sheet, header) of columns that are not understood."""
    skipped: tuple[str, ...]
    """Sheets without a header that is understood."""
    headers: Mapping[str, str]
    """By column key what the sheet calls it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    places: Mapping[str, int]
    headers: Mapping[str, str]
    ignored: tuple[str, ...]
    data: tuple[Row, ...]


def read_devices(paths: Sequence[Path]) -> Read:
    """The devices in XLSX and CSV files. Raises SheetRefused for what is not read at all."""
    lines: dict[str, Line] = {}
    problems: list[Problem] = []
    ignored: list[tuple[str, str]] = []
    skipped: list[str] = []
    headers: dict[str, str] = {}
    for sheet in read_files(paths):
        layout = _layout(sheet)
        if layout is None:
            skipped.append(sheet.name)
            continue
        headers |= layout.headers
        ignored += [(sheet.name, head) for head in layout.ignored]
        _read_rows(sheet.name, layout, lines, problems)
    if not headers:
        raise SheetRefused(
            f"nothing imported: no sheet of {', '.join(skipped) or 'these files'} has a header that is understood; "
            "one column must be 设备编号 (device)"
        )
    if not lines and not problems:
        raise SheetRefused(f"nothing imported: no row below the header of {', '.join(path.name for path in paths)} has a value")
    return Read(tuple(lines.values()), tuple(problems), tuple(ignored), tuple(skipped), headers)


def _layout(sheet: Sheet) -> _Layout | None:
    """By the row among the first ones that names most columns; one of them must be the device."""
    best: _Layout | None = None
    for index, row in enumerate(sheet.rows[:HEADER_ROWS_MAX]):
        heads = [(place, cell) for place, cell in enumerate(row.cells) if cell]
        places: dict[str, int] = {}
        for place, head in heads:
            key = _KNOWN.get(header_key(head))
            if key is not None and key not in places:
                places[key] = place
        if "device" not in places or (best is not None and len(best.places) >= len(places)):
            continue
        secret = next((head for _, head in heads if header_key(head) in _SECRETS), None)
        if secret is not None:
            raise SheetRefused(
                f"{sheet.name} refused: it has a column {secret!r}; passwords are not kept in sheets: take the column out, "
                "and make each with `yunnao password USER`"
            )
        unread = tuple(head for place, head in heads if place not in places.values() and header_key(head) not in _SHOWN)
        best = _Layout(places, {key: row.cells[place] for key, place in places.items()}, unread, sheet.rows[index + 1 :])
    return best


def _read_rows(name: str, layout: _Layout, lines: dict[str, Line], problems: list[Problem]) -> None:
    for row in layout.data:
        if len(problems) >= PROBLEMS_MAX:
            return
        before = len(problems)
        values = _read_row(name, layout, row, problems)
        device = str(values.get("device", ""))
        if len(problems) > before:
            continue
        head = layout.headers["device"]
        if not device:
            problems.append(Problem(name, row.number, head, "", "is empty: every row names its device"))
        elif device in lines:
            first = lines[device]
            problems.append(Problem(name, row.number, head, device, f"stands in {first.sheet} row {first.row} already: keep one of them"))
        elif len(lines) >= DEVICES_MAX:
            problems.append(Problem(name, row.number, "", "", f"more than {DEVICES_MAX} devices: split the file"))
            return
        else:
            lines[device] = Line(name, row.number, values)


def _read_row(name: str, layout: _Layout, row: Row, problems: list[Problem]) -> Values:
    values: Values = {}
    for key, place in layout.places.items():
        cell = row.at(place)
        if not cell:
            continue
        try:
            if cell.startswith(FORMULA):
                raise ValueError("is a formula: paste it as a value")
            values[key] = _cleared(key) if cell == CLEAR else _READERS[key](cell)
        except ValueError as error:
            problems.append(Problem(name, row.number, layout.headers[key], cell, str(error)))
    given = {key: cell for key in ("longitude", "latitude") if key in layout.places and (cell := row.at(layout.places[key]))}
    alone = [(key, cell) for key, cell in given.items() if len(given) == 1 and key in values]
    for key, cell in alone:
        problems.append(Problem(name, row.number, layout.headers[key], cell, "stands alone: give both degrees or neither"))
    return values


def _cleared(key: str) -> Cell:
    if key in ("device", "territory"):
        raise ValueError("cannot be cleared: every device has one")
    return 0.0 if key == "period_s" else ""


def _device(cell: str) -> str:
    name = half_width(cell)
    if not is_plain(name) or any(char in "/+#" for char in name):
        raise ValueError(f"is no device: at most {NAME_CHARS_MAX} characters that are seen, none of them / + # < > [ ]")
    return name


def _text(cell: str) -> str:
    if len(cell) > TEXT_CHARS_MAX:
        raise ValueError(f"has {len(cell)} characters, at most {TEXT_CHARS_MAX}")
    return cell


def _code(cell: str) -> str:
    code = half_width(cell)
    if not (code.isascii() and code.isdigit()):
        raise ValueError("is no territory code: digits, such as 370202001001001")
    return code


def _degrees(bound: float) -> Callable[[str], float]:
    def read(cell: str) -> float:
        try:
            number = float(half_width(cell).rstrip("°"))
        except ValueError:
            raise ValueError("are no decimal degrees, such as 120.3826") from None
        if not -bound <= number <= bound:
            raise ValueError(f"lies outside -{bound:g} to {bound:g} degrees")
        return number

    return read


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


_READERS: Mapping[str, Callable[[str], Cell]] = {
    "device": _device,
    "kind": _text,
    "profile": _text,
    "territory": _code,
    "owner": _text,
    "user": _text,
    "certificate": _text,
    "longitude": _degrees(180),
    "latitude": _degrees(90),
    "address": _text,
    "installed": _day,
    "period_s": _seconds,
}


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
