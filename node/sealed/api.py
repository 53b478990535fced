"""The verb of the local API about sealed envelopes. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from node.cases.verbs import Plain, Table
from node.sealed.desk import SealedDesk


class Sealed(msgspec.Struct, forbid_unknown_fields=True):
    """What was sealed and opened at this node."""


@dataclass(frozen=True, slots=True)
class SealedVerbs:
    """Answers the verb; the desk is asked for when it is called."""

    desk: Callable[[], SealedDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {"sealed": (Sealed, self._sealed)}

    async def _sealed(self, _: Sealed) -> Plain:
        return await asyncio.to_thread(self.desk().listed)
