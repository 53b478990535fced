"""Catalogues as departments keep them, made with the library itself: titles above headers of two lines, merged cells."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from openpyxl import Workbook

from policies.catalogue import Resource
from policies.presets import city_bundle_contents
from sync.model import Level

CATALOGUE = city_bundle_contents(Level.PROVINCIAL).catalogue
ENTRIES: dict[str, Resource] = {resource.code: resource for resource in CATALOGUE}
MASKS = frozenset(name for name, _ in city_bundle_contents(Level.PROVINCIAL).masks)

RESOURCE_ROWS: list[list[object]] = [
    ["市公安局政务信息资源目录（2026年）"],
    [],
    ["信息资源代码", "信息资源名称 *", "信息资源分类", None, None, None, "提供方", "提供方代码", "摘要", "共享类型（必填）", "共享条件",
     "更新周期", "发布日期", "是否向社会开放", "备注"],
    [None, None, "类", "项", "目", "细目"],
    ["3070010001/000012", "　常住人口　基本信息", "部门", "公安", "人口", "常住", "市公安局", "９１３５０１００Ｍ０００１００Ｙ４３",
     "常住人口\n的基本信息", "有条件共享", "凭授权", "每日", "2026年5月1日", "否", "见附件"],
    ["3070010002/000001", "车辆登记", "部门", "公安", "车辆", None, "市公安局", "91350100M000100Y43", "机动车", "不予共享", "-", "不定期",
     "2026/5/1", "不予开放", None],
]  # fmt: skip
FIELD_ROWS: list[list[object]] = [
    ["信息项"],
    ["所属资源名称", "信息项名称", "字段名", "数据类型", "数据分级", "脱敏方式"],
    ["常住人口 基本信息", "姓名", "XM", "字符型", "L3", "name"],
    [None, "公民身份号码", "GMSFHM", "C..18", "三级", "id-number"],
    [None, "出生日期", "CSRQ", "日期型", None, None],
    ["车辆登记", "号牌号码", None, "varchar(10)", "2", None],
]


def write_book(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    """A workbook with these sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def department_book(path: Path) -> Path:
    """The catalogue of an invented department, its title and group headers merged."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "信息资源"
    for row in RESOURCE_ROWS:
        sheet.append(list(row))
    sheet.merge_cells("A1:O1")
    sheet.merge_cells("C3:F3")
    fields = book.create_sheet("信息项")
    for row in FIELD_ROWS:
        fields.append(list(row))
    fields.merge_cells("A3:A5")
    book.create_sheet("填报说明").append(["请按照指南填写"])
    book.save(path)
    return path


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None) -> Path:
    """The archive with each part as `change` makes it (None: left out), and more parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            data = change(member.filename, old.read(member))
            if data is not None:
                new.writestr(member.filename, data)
        for name, data in (extra or {}).items():
            new.writestr(name, data)
    path.write_bytes(buffer.getvalue())
    return path
