"""The verb `sql` of the local API. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.sql.desk import OPEN_CLEARANCE, ROWS_MAX, Query, SqlDesk
from node.sql.statement import TEXT_CHARS_MAX

WHY_CHARS_MAX = 200

Plain = dict[str, Any]


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """One SELECT over what a person of a clearance may see."""

    statement: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    by: Annotated[str, Meta(min_length=1, max_length=200)]
    clearance: Annotated[int, Meta(ge=1, le=4)] = OPEN_CLEARANCE
    why: Annotated[str, Meta(max_length=WHY_CHARS_MAX)] = ""
    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = ROWS_MAX


@dataclass(frozen=True, slots=True)
class SqlVerbs:
    """Answers the verb; the desk is asked for when it is called."""

    desk: Callable[[], SqlDesk]

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        return {"sql": (Ask, self._ask)}

    async def _ask(self, asked: Ask) -> Plain:
        return await self.desk().ask(Query(asked.statement, asked.clearance, asked.by, asked.why, asked.limit))
