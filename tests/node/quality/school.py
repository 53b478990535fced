"""An invented resource with every kind of rule, and rows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from policies.catalogue import Field, Resource
from policies.quality import QualityRules
from sync.model import Lane
from tests.policies.city import rows_of

NOW_US = 1_790_000_000_000_000
PLAIN = Resource(
    "pupils",
    "学生",
    "Pupils",
    Lane.STATE,
    (Field("number", "string"), Field("name", "string"), Field("age", "int32"), Field("card", "string"), Field("school", "string")),
    grade=2,
    specimen=(
        ("event_time", NOW_US),
        ("territory", "370202001"),
        ("grade", 2),
        ("number", "p1"),
        ("name", "周某"),
        ("age", 9),
        ("card", "370203182002290011"),
        ("school", "north"),
    ),
)
SCHOOLS = replace(PLAIN, code="schools", fields=(Field("school", "string"),), specimen=(*PLAIN.specimen[:3], ("school", "north")))


def pupils(*rules: dict[str, Any], key: Sequence[str] = (), source: str = "") -> Resource:
    """The resource with rules."""
    return replace(PLAIN, quality=QualityRules.of({"rules": list(rules), "key": list(key), "source": source}, "quality"))


def rows(*values: dict[str, Any]) -> pa.RecordBatch:
    """Rows of pupils, what is left out as in the specimen."""
    return rows_of(PLAIN, values)


AGES = {"id": "ages", "check": "range", "fields": ["age"], "range": {"low": 6, "high": 20}}
"""A rule that most tests use."""
