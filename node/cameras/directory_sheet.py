"""Sheets of the camera directory: one row a point, as departments keep them. Reads files and knows no node.

Called by `yunnao camera directory --import`.
"""

from __future__ import annotations

from node.cameras.errors import CodeRefused
from node.cameras.national_code import camera_code
from node.cameras.point import TEXT_CHARS_MAX, TIER_MAX, Datum, PointState
from node.catalogue.cells import folded, half_width
from node.catalogue.columns import Column
from node.catalogue.lines import SheetForm, degrees_reader, read_territory, text_reader

LINES_MAX = 300_000

COLUMNS = (
    Column("code", ("国标编码", "国标ID", "设备国标编码", "设备编码", "GB28181编码", "点位编码"), ("code", "national code", "gb code")),
    Column("name", ("点位名称", "名称", "设备名称", "摄像机名称"), ("name", "title")),
    Column("tier", ("点位类别", "点位类型", "类别", "几类点"), ("tier", "class")),
    Column("state", ("设备状态", "状态", "在线状态"), ("state", "status")),
    Column("territory", ("区划代码", "网格编码", "所属网格", "所属区划", "行政区划"), ("territory", "territory code", "grid")),
    Column("owner", ("所属部门", "责任单位", "权属单位", "管理单位", "建设单位"), ("owner", "department")),
    Column("longitude", ("经度",), ("longitude", "lon", "lng")),
    Column("latitude", ("纬度",), ("latitude", "lat")),
    Column("datum", ("坐标系", "坐标系统"), ("datum", "coordinate system")),
    Column("address", ("安装地址", "地址", "安装位置", "位置"), ("address", "place")),
    Column("maker", ("厂商", "设备厂商", "生产厂商", "品牌"), ("maker", "vendor")),
)

_TIERS = {"1": 1, "2": 2, "3": 3, "一类": 1, "二类": 2, "三类": 3, "一类点": 1, "二类点": 2, "三类点": 3, "一类视频监控点": 1,
          "二类视频监控点": 2, "三类视频监控点": 3}  # fmt: skip
_STATES = {
    "在线": PointState.ONLINE, "正常": PointState.ONLINE, "on": PointState.ONLINE, "离线": PointState.OFFLINE, "off": PointState.OFFLINE,
    "故障": PointState.FAULT, "未知": PointState.UNKNOWN, "拆除": PointState.REMOVED, "已拆除": PointState.REMOVED,
    **{state.value: state for state in PointState},
}  # fmt: skip
_DATUMS = {"gcj-02": Datum.GCJ02, "gcj02": Datum.GCJ02, "火星坐标": Datum.GCJ02, "cgcs2000": Datum.CGCS2000, "国家2000": Datum.CGCS2000,
           "2000": Datum.CGCS2000}  # fmt: skip


def _code(cell: str) -> str:
    try:
        return camera_code(half_width(cell))
    except CodeRefused as error:
        raise ValueError(str(error)) from None


def _tier(cell: str) -> float:
    found = _TIERS.get(folded(cell))
    if found is None:
        raise ValueError(f"is no class of points: 1 to {TIER_MAX}, or 一类, 二类, 三类")
    return float(found)


def _state(cell: str) -> str:
    found = _STATES.get(folded(cell))
    if found is None:
        raise ValueError("is no state: 在线 (online), 离线 (offline), 故障 (fault), 未知 (unknown), 拆除 (removed)")
    return found.value


def _datum(cell: str) -> str:
    found = _DATUMS.get(folded(cell))
    if found is None:
        raise ValueError("is no coordinate system that is kept here: CGCS2000 or GCJ-02; convert others first")
    return found.value


_TEXT = text_reader(TEXT_CHARS_MAX)
DIRECTORY_FORM = SheetForm(
    columns=COLUMNS,
    readers={
        "code": _code, "name": _TEXT, "tier": _tier, "state": _state, "territory": read_territory, "owner": _TEXT,
        "longitude": degrees_reader(180), "latitude": degrees_reader(90), "datum": _datum, "address": _TEXT, "maker": _TEXT,
    },
    key="code",
    lines_max=LINES_MAX,
    kept=frozenset({"code", "territory", "tier", "state"}),
)  # fmt: skip
