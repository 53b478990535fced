"""The rules that ship: catalogue, ceiling table, mask profiles, release rules, and a demonstration entry of the negative list.

Owns the TOML files beside it and reads them as package data. Signing them is the caller's: a node signs its preset bundle when it is
initialised.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from policies.bundle import Bundle, Contents
from policies.errors import BundleError
from sync.model import Level

PRESET_EPOCH = 1
PRESET_LEVELS = (Level.PROVINCIAL, Level.MUNICIPAL)
"""Levels whose nodes have something to rule out of the box."""


@cache
def city_bundle_contents(level: Level) -> Contents:
    """What a node of `level` issues at epoch 1: the province catalogue and tables, the city its negative list; BundleError for others."""
    if level not in PRESET_LEVELS:
        raise BundleError(f"no preset bundle for level {level.word}: presets are for provincial and municipal")
    merged: dict[str, object] = {}
    folder = resources.files(__package__) / level.word
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            for key, value in tomllib.loads(entry.read_text("utf-8")).items():
                known = merged.get(key)
                merged[key] = [*known, *value] if isinstance(known, list) else value
    return Contents.of(merged, f"preset {level.word}")


def preset_bundle(level: Level, *, issuer: str, not_before_us: int, not_after_us: int) -> Bundle:
    """The preset bundle of `issuer`, ready to be signed."""
    return Bundle(issuer, level, PRESET_EPOCH, not_before_us, not_after_us, city_bundle_contents(level))
