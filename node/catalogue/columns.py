"""The columns of the two sheets: what departments call them in Chinese and English, and which of them a sheet must have.

Owns the spellings. The first Chinese and the first English name of a column are those that an export writes. Called by `header` and
`exporting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from node.catalogue.cells import header_key


class SheetKind(Enum):
    """What the rows of a sheet are."""

    RESOURCES = "resources"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is understood."""

    key: str
    zh: tuple[str, ...]
    en: tuple[str, ...]

    def name(self, language: str) -> str:
        """What an export calls it."""
        return (self.zh if language == "zh" else self.en)[0]


RESOURCE_COLUMNS = (
    Column("code", ("资源标识", "标识", "英文标识", "资源标识符"), ("code", "resource", "identifier", "resource code")),
    Column("national_code", ("信息资源代码", "资源代码", "政务信息资源代码", "目录代码"), ("national code",)),
    Column("title_zh", ("信息资源名称", "资源名称", "名称", "数据资源名称", "目录名称"), ("title", "name", "title zh", "chinese title")),
    Column("title_en", ("英文名称", "资源英文名称"), ("english title", "title en", "english name")),
    Column("class_code", ("分类代码", "资源分类代码", "类目代码"), ("class code",)),
    Column("class_1", ("类", "类名称", "一级分类"), ("class", "class name")),
    Column("class_2", ("项", "项名称", "二级分类"), ("item", "item name")),
    Column("class_3", ("目", "目名称", "三级分类"), ("sub-item", "sub-item name")),
    Column("class_4", ("细目", "细目名称", "四级分类"), ("detail", "detail name")),
    Column("provider", ("信息资源提供方", "资源提供方", "提供方", "提供单位", "提供部门", "责任部门"), ("provider", "department")),
    Column("provider_code", ("资源提供方代码", "信息资源提供方代码", "提供方代码", "统一社会信用代码"), ("provider code", "credit code")),
    Column("owner", ("责任处室", "责任人", "内设机构", "联系人"), ("owner", "contact")),
    Column("abstract", ("信息资源摘要", "资源摘要", "摘要", "资源描述", "描述"), ("abstract", "description", "summary")),
    Column("format", ("信息资源格式", "资源格式", "格式", "信息资源格式分类"), ("format",)),
    Column("share", ("共享类型", "共享属性"), ("share type", "share")),
    Column("share_condition", ("共享条件",), ("share condition",)),
    Column("share_way", ("共享方式",), ("share way", "share method")),
    Column("is_open", ("开放属性", "是否向社会开放", "是否开放", "开放类型"), ("open", "open attribute", "is open")),
    Column("open_condition", ("开放条件",), ("open condition",)),
    Column("period", ("更新周期", "更新频率"), ("update period", "period", "update frequency")),
    Column("published_on", ("发布日期", "发布时间"), ("publish date", "published", "published on")),
    Column("related", ("关联资源代码", "关联信息资源代码", "关联类目代码"), ("related codes", "related")),
    Column("grade", ("数据分级", "分级", "安全级别", "数据级别", "敏感级别"), ("grade", "sensitivity")),
    Column("national", ("国家分级", "国标级别"), ("national grade",)),
    Column("categories", ("业务类别", "类别", "标签"), ("categories", "category", "tags")),
    Column("lineage", ("来源资源", "派生自"), ("made of", "lineage")),
    Column("mode", ("汇聚方式", "提供方式"), ("mode",)),
    Column("library", ("所属库", "库类", "库类型"), ("library",)),
    Column("lane", ("传输通道", "通道"), ("lane",)),
    Column("purpose", ("常设用途", "用途"), ("purpose",)),
    Column("source_level", ("源头层级",), ("source level",)),
    Column("returns", ("属地返还", "是否返还"), ("returns", "return")),
    Column("retention", ("保存期限", "保存期"), ("retention",)),
)

FIELD_COLUMNS = (
    Column("code", ("资源标识", "所属资源标识", "资源标识符"), ("resource", "code", "resource code")),
    Column("national_code", ("信息资源代码", "资源代码", "所属资源代码", "资源编码", "目录代码"), ("national code",)),
    Column("resource_title", ("信息资源名称", "资源名称", "所属资源名称", "所属资源"), ("resource title", "resource name")),
    Column("title", ("信息项名称", "数据项名称", "中文名称", "信息项", "字段中文名"), ("title", "field title", "chinese name")),
    Column("name", ("字段名", "英文名", "字段英文名", "字段名称", "信息项英文名"), ("field", "field name", "name", "column")),
    Column("type", ("数据类型", "类型", "字段类型"), ("type", "data type")),
    Column("role", ("字段角色", "标识属性"), ("role",)),
    Column("grade", ("数据分级", "分级", "安全级别", "数据级别", "敏感级别"), ("grade", "sensitivity")),
    Column("mask", ("脱敏方式", "脱敏规则"), ("mask",)),
    Column("category", ("业务类别", "类别"), ("category",)),
)

COLUMNS = {SheetKind.RESOURCES: RESOURCE_COLUMNS, SheetKind.FIELDS: FIELD_COLUMNS}
REQUIRED = {
    SheetKind.RESOURCES: (("code", "national_code"), ("title_zh",)),
    SheetKind.FIELDS: (("code", "national_code", "resource_title"), ("title", "name")),
}
"""Of each group a sheet must have one column."""
TELLING = {SheetKind.RESOURCES: ("title_zh", "provider", "share", "period"), SheetKind.FIELDS: ("title", "name", "type")}
"""Columns that only one kind of sheet has: they tell a sheet of fields with grades from a sheet of resources."""
SHEET_NAMES = {
    SheetKind.RESOURCES: {"zh": "信息资源", "en": "resources"},
    SheetKind.FIELDS: {"zh": "信息项", "en": "fields"},
}


def spellings(kind: SheetKind) -> dict[str, str]:
    """Column key by the form in which headers are compared."""
    return {header_key(name): column.key for column in COLUMNS[kind] for name in (*column.zh, *column.en)}
