"""A summary over the tree: ask the children, add the own part, stand in by name for whoever is silent.

Each record is summarised once: by the node nearest its origin that answers. An answer names the origins it covers, so a parent adds
only what nobody below
has counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from node.marts import Marts
from node.queries import QueryDesk, QueryError
from node.summaries.compute import compute_cells, origins_held
from node.summaries.errors import SummaryError
from node.summaries.partial import Cells, CellState, merge_cells, pack, stated_errors, unpack
from node.summaries.spec import SummarySpec, decode_spec
from node.untrusted import UNREADABLE

PULL_VERB = "summary"
CHILD_TIMEOUT_S = 5.0
"""Time a child gets; each level above waits one step longer, so that a silent grandchild is named by its own parent."""
TIMEOUT_STEP_S = 2.0


COLUMNS = ("bucket_us", "territory", "quantity", "count", "mean", "min", "max", "distinct_devices")
"""Columns of a finished summary; one per quantile follows."""


class Missing(msgspec.Struct, frozen=True):
    """A node whose part is not in the answer."""

    node: str
    why: str


class TreeAnswer(msgspec.Struct, frozen=True):
    """Partial states with who is in them."""

    cells: list[CellState]
    contributed: list[str]
    """Origins whose records are in the cells."""
    stood_in: dict[str, str]
    """Origin -> the node that answered for it."""
    missing: list[Missing]


class Release(Protocol):
    """What policy says of giving a resource's summary to the parent."""

    def __call__(self, resource: str) -> str:
        """Empty when cells may go up, else the reason they may not."""


class GradeMax(Protocol):
    """Of which rows a resource's summary may tell the parent."""

    def __call__(self, resource: str) -> int:
        """The highest grade whose rows may go up whole, at any distance."""


class SummaryDesk:
    """Answers pulls from above and asks the children; one per node."""

    def __init__(
        self,
        *,
        node: str,
        depth: int,
        queries: QueryDesk,
        marts: Marts,
        children: Callable[[], Sequence[str]],
        subtree: Callable[[str], frozenset[str]],
        may_release: Release,
        grade_max: GradeMax,
    ) -> None:
        self._node = node
        self._timeout_s = CHILD_TIMEOUT_S + depth * TIMEOUT_STEP_S
        self._queries = queries
        self._marts = marts
        self._children = children
        self._subtree = subtree
        self._may_release = may_release
        self._grade_max = grade_max
        queries.handlers[PULL_VERB] = self.answer_parent

    async def answer_parent(self, body: bytes) -> bytes:
        """The handler of the parent's question; raises SummaryError with the reason for a refusal."""
        spec = decode_spec(body)
        refusal = self._may_release(spec.resource)
        if refusal:
            raise SummaryError(f"summary of {spec.resource} refused: {refusal}")
        return msgspec.msgpack.encode(await self._gather(spec, grade_max=self._grade_max(spec.resource)))

    async def pull(self, spec: SummarySpec) -> dict[str, object]:
        """The finished summary for the operator of this node, as docs/api.md gives it."""
        answer = await self._gather(spec, grade_max=None)
        return {
            "columns": [*COLUMNS, *(f"p{quantile * 100:g}" for quantile in spec.quantiles)],
            "rows": _finished(unpack(answer.cells), spec),
            "contributed": answer.contributed,
            "stood_in": answer.stood_in,
            "missing": [{"node": entry.node, "why": entry.why} for entry in answer.missing],
            "errors": stated_errors(),
        }

    async def _gather(self, spec: SummarySpec, *, grade_max: int | None) -> TreeAnswer:
        children = list(self._children())
        replies = await asyncio.gather(*(self._ask(child, spec) for child in children))
        cells: Cells = {}
        contributed: set[str] = set()
        stood_in: dict[str, str] = {}
        missing: list[Missing] = []
        silent: dict[str, str] = {}
        for child, reply in zip(children, replies, strict=True):
            if isinstance(reply, str):
                silent[child] = reply
                continue
            answer, part = reply
            merge_cells(cells, part)
            contributed |= set(answer.contributed)
            stood_in |= answer.stood_in
            missing.extend(answer.missing)
        await self._add_own(spec, cells, contributed, stood_in, grade_max)
        missing.extend(self._still_missing(silent, contributed))
        return TreeAnswer(pack(cells), sorted(contributed), stood_in, missing)

    async def _ask(self, child: str, spec: SummarySpec) -> tuple[TreeAnswer, Cells] | str:
        """A child's answer with its cells unpacked, or why it counts as silent: one bad child never spoils the whole."""
        try:
            body = await self._queries.ask(child, PULL_VERB, msgspec.json.encode(spec), timeout_s=self._timeout_s)
            answer = msgspec.msgpack.decode(body, type=TreeAnswer)
            if foreign := self._not_below(child) & set(answer.contributed):
                return f"{child} answered for {min(foreign)}, which is not below it"
            return answer, unpack(answer.cells)
        except (QueryError, SummaryError) as error:
            return str(error)
        except UNREADABLE as error:
            return f"{child} answered something else than a summary: {error}"

    def _not_below(self, child: str) -> set[str]:
        """Nodes that `child` cannot speak for: whoever claims them would keep their records out of the sum."""
        others = (self._subtree(other) for other in self._children() if other != child)
        return {self._node}.union(*others)

    async def _add_own(
        self, spec: SummarySpec, cells: Cells, contributed: set[str], stood_in: dict[str, str], grade_max: int | None
    ) -> None:
        held = await self._marts.ask(spec.resource, lambda mart: origins_held(mart, spec.resource))
        uncounted = (held | {self._node}) - contributed
        merge_cells(cells, await self._marts.ask(spec.resource, lambda mart: compute_cells(mart, spec, uncounted, grade_max=grade_max)))
        contributed |= uncounted
        stood_in |= dict.fromkeys(sorted(uncounted - {self._node}), self._node)

    def _still_missing(self, silent: dict[str, str], contributed: set[str]) -> list[Missing]:
        return [
            Missing(node, why if node == child else f"below {child}: {why}")
            for child, why in sorted(silent.items())
            for node in sorted(self._subtree(child) - contributed)
        ]


def _finished(cells: Cells, spec: SummarySpec) -> list[list[object]]:
    return [
        [
            *key,
            cell.count,
            cell.total / cell.count,
            cell.low,
            cell.high,
            round(cell.distinct.get_estimate()),
            *(cell.values.get_quantile(quantile) for quantile in spec.quantiles),
        ]
        for key, cell in sorted(cells.items(), key=lambda item: item[0])
    ]
