"""The verbs of the local API about questions on a supplied value. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.verify.book import SHOWN_MAX
from node.verify.letters import Asked
from node.verify.wiring import Verification
from policies.verifying import VALUE_CHARS_MAX

Plain = dict[str, Any]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Value = Annotated[str, Meta(min_length=1, max_length=VALUE_CHARS_MAX)]


class Verify(msgspec.Struct, forbid_unknown_fields=True):
    """Whether `field` of the subject that `key` = `value` names is `expected`, at another node."""

    resource: Name
    at: Annotated[str, Meta(min_length=1, max_length=63)]
    key: Name
    value: Value
    field: Name
    expected: Value
    purpose: Name
    by: Name
    request: Annotated[str, Meta(max_length=64)] = ""


class VerifyLog(msgspec.Struct, forbid_unknown_fields=True):
    """What was asked here, newest first; of one subject when `resource`, `key` and `value` are given."""

    limit: Annotated[int, Meta(ge=1, le=SHOWN_MAX)] = 100
    resource: Annotated[str, Meta(max_length=200)] = ""
    key: Annotated[str, Meta(max_length=200)] = ""
    value: Annotated[str, Meta(max_length=VALUE_CHARS_MAX)] = ""


@dataclass(frozen=True, slots=True)
class VerifyVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    parts: Callable[[], Verification]

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        return {"verify": (Verify, self._verify), "verify_log": (VerifyLog, self._log)}

    async def _verify(self, said: Verify) -> Plain:
        asked = Asked(
            resource=said.resource,
            key=said.key,
            value=said.value,
            field=said.field,
            expected=said.expected,
            purpose=said.purpose,
            by=said.by,
            case_id=said.request,
        )
        answer = await self.parts().asking.ask(asked, provider=said.at)
        return {"answer": answer.word, "at": said.at}

    async def _log(self, said: VerifyLog) -> Plain:
        telling = self.parts().telling
        subject = telling.hashed("\x00".join((said.resource, said.key, said.value))) if said.value else ""
        told = await asyncio.to_thread(telling.book.newest, limit=said.limit, subject=subject)
        return {"told": told, "turned_away": await asyncio.to_thread(telling.book.turned_away)}
