"""Topic filters: which are well formed, and which topics they match (MQTT 3.1.1 and 5, section 4.7)."""

from __future__ import annotations

SHARED_PREFIX = "$share/"


def is_filter(pattern: str) -> bool:
    """True when `pattern` uses its wildcards as section 4.7.1 asks."""
    levels = pattern.split("/")
    if any("#" in level and (level != "#" or index != len(levels) - 1) for index, level in enumerate(levels)):
        return False
    return bool(pattern) and not any("+" in level and level != "+" for level in levels)


def matches(pattern: str, topic: str) -> bool:
    """True when the well-formed `pattern` takes `topic`; a wildcard at its beginning takes no topic that begins with `$`."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    wanted, levels = pattern.split("/"), topic.split("/")
    for index, want in enumerate(wanted):
        if want == "#":
            return True
        if index >= len(levels) or want not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
