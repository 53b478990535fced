"""The payload of Sparkplug B as a protobuf message, declared here field by field: what a node reads of it, and nothing else.

Unknown fields are passed over, as protobuf does. Called by reader.py. Source: Sparkplug 3.0.0, section 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "yunnao.sparkplug"
_FIELDS: Mapping[str, tuple[tuple[str, int, int, str], ...]] = {
    "PropertyValue": (("string_value", 8, _TYPES.TYPE_STRING, ""),),
    "PropertySet": (("*keys", 1, _TYPES.TYPE_STRING, ""), ("*values", 2, _TYPES.TYPE_MESSAGE, "PropertyValue")),
    "Metric": (
        ("name", 1, _TYPES.TYPE_STRING, ""),
        ("alias", 2, _TYPES.TYPE_UINT64, ""),
        ("timestamp", 3, _TYPES.TYPE_UINT64, ""),
        ("datatype", 4, _TYPES.TYPE_UINT32, ""),
        ("is_null", 7, _TYPES.TYPE_BOOL, ""),
        ("properties", 9, _TYPES.TYPE_MESSAGE, "PropertySet"),
        ("int_value", 10, _TYPES.TYPE_UINT32, ""),
        ("long_value", 11, _TYPES.TYPE_UINT64, ""),
        ("float_value", 12, _TYPES.TYPE_FLOAT, ""),
        ("double_value", 13, _TYPES.TYPE_DOUBLE, ""),
        ("boolean_value", 14, _TYPES.TYPE_BOOL, ""),
        ("string_value", 15, _TYPES.TYPE_STRING, ""),
    ),
    "Payload": (
        ("timestamp", 1, _TYPES.TYPE_UINT64, ""),
        ("*metrics", 2, _TYPES.TYPE_MESSAGE, "Metric"),
        ("seq", 3, _TYPES.TYPE_UINT64, ""),
    ),
}
"""Name, number, type and message of each field; a star stands before what repeats."""


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="yunnao_sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for name, number, type_, of in fields:
            field = message.field.add(name=name.removeprefix("*"), number=number, type=type_)
            field.label = _TYPES.LABEL_REPEATED if name.startswith("*") else _TYPES.LABEL_OPTIONAL
            if of:
                field.type_name = f".{_PACKAGE}.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload: Any = _payload_class()
"""The message class of a payload."""
