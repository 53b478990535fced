"""The verbs of the local API about the list of cameras, their rules and the camera directory. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.cameras.directory_desk import DirectoryDesk
from node.cameras.directory_query import LIMIT_MAX, Question
from node.cameras.directory_rows import RESOURCE
from node.cameras.host import CameraHost
from node.cameras.national_code import camera_code
from node.cameras.point import TEXT_CHARS_MAX, TIER_MAX
from node.cameras.rule_changing import ChangedKey
from node.cases.verbs import Name, Table
from node.policy.showing import Looking, Showing
from node.store.mart import MartError
from sync.transport.local_api import LocalApiCode, LocalApiError

ENTRIES_MAX = 5_000
"""Points of one call; a longer sheet comes in several."""

RULE_VALUE_CHARS_MAX = 8_000
"""Sixteen polygons to leave out."""

Plain = dict[str, Any]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
State = Literal["online", "offline", "fault", "unknown"]


class NoWords(msgspec.Struct, forbid_unknown_fields=True):
    """A verb without arguments."""


class RuleChange(msgspec.Struct, forbid_unknown_fields=True):
    """One key of a rule of a camera of cameras.toml, with its new value as TOML."""

    camera: Annotated[str, Meta(min_length=1, max_length=64)]
    rule: Annotated[str, Meta(min_length=1, max_length=128)]
    key: ChangedKey
    then: Annotated[str, Meta(min_length=1, max_length=RULE_VALUE_CHARS_MAX)]
    by: Name


class Directory(Looking, forbid_unknown_fields=True, kw_only=True):
    """Points by code, those after a code."""

    territory: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""
    state: State | Literal[""] = ""
    tier: Annotated[int, Meta(ge=0, le=TIER_MAX)] | None = None
    text: Text = ""
    after: Annotated[str, Meta(max_length=20)] = ""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = 100


class Entered(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One point of a sheet; what is left out stays as it is, an empty text clears."""

    code: Annotated[str, Meta(pattern="^[0-9]{20}$")]
    name: Text | msgspec.UnsetType = msgspec.UNSET
    tier: Annotated[int, Meta(ge=0, le=TIER_MAX)] | msgspec.UnsetType = msgspec.UNSET
    state: State | Literal["removed"] | msgspec.UnsetType = msgspec.UNSET
    territory: Annotated[str, Meta(pattern="^[0-9]{2,15}$")] | msgspec.UnsetType = msgspec.UNSET
    owner: Text | msgspec.UnsetType = msgspec.UNSET
    longitude: Annotated[float, Meta(ge=-180, le=180)] | Annotated[str, Meta(max_length=0)] | msgspec.UnsetType = msgspec.UNSET
    latitude: Annotated[float, Meta(ge=-90, le=90)] | Annotated[str, Meta(max_length=0)] | msgspec.UnsetType = msgspec.UNSET
    datum: Literal["CGCS2000", "GCJ-02", ""] | msgspec.UnsetType = msgspec.UNSET
    address: Text | msgspec.UnsetType = msgspec.UNSET
    maker: Text | msgspec.UnsetType = msgspec.UNSET


class DirectoryImport(msgspec.Struct, forbid_unknown_fields=True):
    """Points of a sheet: all of them, or nothing and what is wrong with each; `dry_run` only says what would change."""

    points: Annotated[list[Entered], Meta(min_length=1, max_length=ENTRIES_MAX)]
    source: Text = ""
    by: Text = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class CameraVerbs:
    """Answers the verbs; the desks are asked for when one is called."""

    host: Callable[[], CameraHost]
    directory: Callable[[], DirectoryDesk]
    showing: Callable[[], Showing]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        verbs: Mapping[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "camera_reload": (NoWords, self._reload),
            "rule_change": (RuleChange, self._change_rule),
            "camera_directory": (Directory, self._list),
            "camera_directory_import": (DirectoryImport, self._import),
        }
        return dict(verbs)

    async def _reload(self, _: NoWords) -> Plain:
        return await self.host().reload()

    async def _change_rule(self, asked: RuleChange) -> Plain:
        return await self.host().change_rule(asked.camera, asked.rule, asked.key, asked.then)

    async def _list(self, asked: Directory) -> Plain:
        grade_max = await self.showing().grade_max(RESOURCE, asked)
        wanted = Question(
            territory=asked.territory, state=asked.state, tier=asked.tier, text=asked.text, after=asked.after, limit=asked.limit,
            grade_max=grade_max,
        )  # fmt: skip
        desk = self.directory()
        try:
            counts = await desk.counts(wanted)
            points = await desk.points(wanted) if counts else []
            return {"points": points, "states": counts, "trouble": desk.trouble}
        except MartError as error:
            raise LocalApiError(LocalApiCode.DENIED, str(error)) from None

    async def _import(self, asked: DirectoryImport) -> Plain:
        desk, entries = self.directory(), [msgspec.to_builtins(each) for each in asked.points]
        for entry in entries:
            camera_code(entry["code"])
        work = desk.judge if asked.dry_run else desk.enter
        new, faults, same = await asyncio.to_thread(work, entries)
        problems = [{"index": each.index, "column": each.column, "why": each.why} for each in faults]
        is_taken = not faults and not asked.dry_run
        return {"changed": len(new), "same": same, "problems": problems, "taken": is_taken}
