"""What the words of a sheet mean: share types, grades, periods, field types, roles, in the spellings that departments use.

Each table is (what an export writes in Chinese, what in English, further spellings). Called by `importing` (`read`) and `exporting`
(`write`). Refuses a word that is not known with those that are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from node.catalogue.cells import folded, header_key
from policies.words import Mode, National, Role, Share
from sync.model import Lane, Level

DAY_S = 86_400
MONTH_S = 31 * DAY_S
"""A month is taken at its longest, so that no promise counts as broken early."""
IRREGULAR = "irregular"
_AMOUNT = re.compile(r"(?:每隔?)?(\d{1,9})(秒|s|分钟|分|m|min|小时|h|天|日|d)")
_UNITS_S = {"秒": 1, "s": 1, "分钟": 60, "分": 60, "m": 60, "min": 60, "小时": 3_600, "h": 3_600, "天": DAY_S, "日": DAY_S, "d": DAY_S}
_LENGTH = re.compile(r"[\d.,\s]*(?:\(.*\))?$")
SECONDS_MAX = 100 * 366 * DAY_S


@dataclass(frozen=True, slots=True)
class Words:
    """The spellings of a closed set: value -> (Chinese, English, further ones)."""

    table: Mapping[str, tuple[str, ...]]

    def read(self, typed: str) -> str:
        """The value that a word means; raises ValueError with the words that would do."""
        wanted = header_key(typed)
        for value, spellings in self.table.items():
            if wanted in {header_key(word) for word in (value, *spellings)}:
                return value
        known = ", ".join(f"{zh} ({en})" for zh, en, *_ in self.table.values())
        raise ValueError(f"is not one of {known}")

    def write(self, value: str, language: str) -> str:
        """The word for a value."""
        zh, en, *_ = self.table[value]
        return zh if language == "zh" else en


SHARES = Words(
    {
        Share.UNCONDITIONAL.value: ("无条件共享", "unconditional", "无条件", "普遍共享"),
        Share.CONDITIONAL.value: ("有条件共享", "conditional", "有条件", "条件共享"),
        Share.NONE.value: ("不予共享", "none", "不共享", "不予"),
    }
)
FLAGS = Words(
    {
        "yes": ("是", "yes", "true", "1", "开放", "无条件开放", "有条件开放", "y", "√", "返还"),
        "no": ("否", "no", "false", "0", "不开放", "不予开放", "n", "×", "不返还"),
    }
)
GRADES = Words(
    {
        "0": ("未分级", "ungraded", "待定"),
        "1": ("L1", "l1", "一级", "1级", "第一级", "不敏感"),
        "2": ("L2", "l2", "二级", "2级", "第二级", "低敏感"),
        "3": ("L3", "l3", "三级", "3级", "第三级", "较敏感"),
        "4": ("L4", "l4", "四级", "4级", "第四级", "敏感"),
    }
)
NATIONALS = Words(
    {
        National.GENERAL.value: ("一般", "general", "一般数据"),
        National.IMPORTANT.value: ("重要", "important", "重要数据"),
        National.CORE.value: ("核心", "core", "核心数据"),
    }
)
MODES = Words(
    {
        Mode.REPLICATE.value: ("物理汇聚", "replicate", "汇聚"),
        Mode.IN_PLACE.value: ("逻辑汇聚", "in-place", "接口", "服务"),
        Mode.SUMMARY.value: ("仅汇总", "summary", "统计"),
    }
)
LIBRARIES = Words(
    {
        "base": ("基础库", "base", "基础信息资源", "基础类"),
        "topic": ("主题库", "topic", "主题信息资源", "主题类"),
        "special": ("专题库", "special", "部门信息资源", "部门类"),
    }
)
ROLES = Words(
    {
        Role.DIRECT_ID.value: ("直接标识", "direct-id", "直接标识符"),
        Role.QUASI_ID.value: ("准标识", "quasi-id", "间接标识", "准标识符"),
        Role.SENSITIVE.value: ("敏感属性", "sensitive"),
        Role.PLAIN.value: ("普通", "plain", "一般", "非敏感"),
    }
)
TYPES = Words(
    {
        "string": ("字符型", "string", "字符串型", "字符串", "文本", "文本型", "c", "char", "varchar", "nvarchar", "text"),
        "float64": ("数值型", "float64", "n", "数字", "number", "numeric", "decimal", "double", "float", "浮点型", "货币型"),
        "int64": ("整型", "int64", "整数型", "整数", "bigint", "int", "integer"),
        "int32": ("整型32", "int32"),
        "int8": ("整型8", "int8", "tinyint"),
        "timestamp": ("日期时间型", "timestamp", "日期型", "日期", "时间", "时间型", "d", "t", "date", "datetime", "time"),
        "bool": ("布尔型", "bool", "boolean", "逻辑型", "l"),
        "binary": ("二进制", "binary", "blob", "图像", "附件"),
    }
)
LANES = Words({lane.word: (lane.word, lane.word) for lane in Lane})
LEVELS = Words(
    {
        Level.GRID.word: ("网格", "grid"),
        Level.STREET.word: ("街道", "street", "镇街"),
        Level.DISTRICT.word: ("区县", "district", "区", "县"),
        Level.MUNICIPAL.word: ("市级", "municipal", "市"),
        Level.PROVINCIAL.word: ("省级", "provincial", "省"),
    }
)
PERIODS = Words(
    {
        "0": ("实时", "real time", "实时更新", "as it happens"),
        "3600": ("每小时", "hourly"),
        str(DAY_S): ("每日", "daily", "每天", "日", "天"),
        str(7 * DAY_S): ("每周", "weekly", "周"),
        str(MONTH_S): ("每月", "monthly", "月"),
        str(92 * DAY_S): ("每季度", "quarterly", "季度", "每季", "季"),
        str(184 * DAY_S): ("每半年", "half-yearly", "半年"),
        str(366 * DAY_S): ("每年", "yearly", "年", "年度", "annually"),
        IRREGULAR: ("不定期", "irregular", "不定期更新", "其他", "as needed"),
    }
)


def read_period(typed: str) -> tuple[int, bool]:
    """Seconds of an update period and whether it is irregular; raises ValueError."""
    seconds = _amount_s(typed)
    if seconds is not None:
        return seconds, False
    value = PERIODS.read(typed)
    return (0, True) if value == IRREGULAR else (int(value), False)


def write_period(seconds: int, *, is_irregular: bool, language: str) -> str:
    """The word for an update period."""
    value = IRREGULAR if is_irregular and not seconds else str(seconds)
    return PERIODS.write(value, language) if value in PERIODS.table else write_seconds(seconds, language)


def read_seconds(typed: str) -> int:
    """Seconds of a length of time such as `30天`, `24h` or `每年`; raises ValueError."""
    seconds = _amount_s(typed)
    if seconds is None:
        try:
            return int(PERIODS.read(typed))
        except ValueError:
            raise ValueError("is no length of time: write 30天, 24h, 每年 or a number of seconds (600s)") from None
    return seconds


def write_seconds(seconds: int, language: str) -> str:
    """A length of time in days where it is whole days, else in seconds."""
    if seconds and seconds % DAY_S == 0:
        return f"{seconds // DAY_S}{'天' if language == 'zh' else 'd'}"
    return f"{seconds}{'秒' if language == 'zh' else 's'}"


def read_type(typed: str) -> str:
    """The catalogue's type word for a department's, its length left out (`varchar(32)`, `C..40`); raises ValueError."""
    try:
        return TYPES.read(typed)
    except ValueError:
        return TYPES.read(_LENGTH.sub("", folded(typed)))


def _amount_s(typed: str) -> int | None:
    match = _AMOUNT.fullmatch(folded(typed).replace(" ", ""))
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS_S[match[2]]
    if seconds > SECONDS_MAX:
        raise ValueError("is longer than a hundred years")
    return seconds
