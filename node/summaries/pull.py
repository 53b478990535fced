"""A summary over the tree: ask the children, add the own part, stand in by name for whoever is silent.

Each record is summarised once: by the node nearest its origin that answers. An answer names the origins it covers, so a parent adds
only what nobody below has counted. Distinct counts are under a key of those below whoever pulls (keying.py): what that node counts itself
does not merge with theirs, and neither does what a child of an older program answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from node.store.mart import Mart
from node.store.marts import Marts
from node.summaries.compute import compute_cells, origins_held
from node.summaries.errors import SummaryError
from node.summaries.keying import SketchKey, SketchKeys
from node.summaries.partial import Cells, CellState, merge_cells, pack, stated_errors, unpack
from node.summaries.sketches import read_distinct
from node.summaries.spec import SummarySpec, decode_spec
from node.tree.queries import QueryDesk, QueryError, QueryUnknown
from node.untrusted import UNREADABLE

PULL_VERB = "summary"
"""The question as programs before keyed sketches put it."""
KEYED_VERB = "summary-keyed"
CHILD_TIMEOUT_S = 5.0
"""Time a child gets; each level above waits one step longer, so that a silent grandchild is named by its own parent."""
TIMEOUT_STEP_S = 2.0


class Terms(msgspec.Struct, frozen=True):
    """A question on its way down."""

    spec: SummarySpec
    puller: Annotated[str, Meta(min_length=1, max_length=63)]
    """Who asked first."""
    keeper: Annotated[str, Meta(max_length=63)]
    """The child of the puller from which all below it have the key; empty when there is none."""


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


class SketchLeast(Protocol):
    """Which distinct sketches may go up."""

    def __call__(self, resource: str, grade: int) -> int | None:
        """Distinct ids from which on one may, over rows of which `grade` is the highest; None: never."""


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
        linked: Callable[[], Sequence[str]],
        may_release: Release,
        grade_max: GradeMax,
        sketch_least: SketchLeast,
        keys: SketchKeys,
    ) -> None:
        self._node = node
        self._linked = linked
        self._sketch_least = sketch_least
        self._keys = keys
        self._timeout_s = CHILD_TIMEOUT_S + depth * TIMEOUT_STEP_S
        self._queries = queries
        self._marts = marts
        self._children = children
        self._subtree = subtree
        self._may_release = may_release
        self._grade_max = grade_max
        queries.handlers[PULL_VERB] = self.answer_older_parent
        queries.handlers[KEYED_VERB] = self.answer_parent
        keys.start()

    async def answer_parent(self, body: bytes) -> bytes:
        """The handler of the parent's question; raises SummaryError with the reason for a refusal."""
        terms = _decoded(body)
        return msgspec.msgpack.encode(await self._for_parent(terms))

    async def answer_older_parent(self, body: bytes) -> bytes:
        """As `answer_parent`, for a parent that names nobody: this node keeps the key, so nothing below it is told in the clear."""
        terms = Terms(decode_spec(body), self._keys.parent, self._node)
        answer = await self._for_parent(terms)
        if not all(cell.distinct for cell in answer.cells):
            why = "some distinct counts may not be told, and your program takes none without; update it"
            raise SummaryError(f"summary of {terms.spec.resource} refused: {why}")
        return msgspec.msgpack.encode(answer)

    async def _for_parent(self, terms: Terms) -> TreeAnswer:
        resource = terms.spec.resource
        refusal = self._may_release(resource)
        if refusal:
            raise SummaryError(f"summary of {resource} refused: {refusal}")
        key = await self._keys.of(terms.puller, terms.keeper, resource)
        answer = await self._gather(terms, key, grade_max=self._grade_max(resource))
        return msgspec.structs.replace(answer, cells=[self._released(resource, cell) for cell in answer.cells])

    def _released(self, resource: str, cell: CellState) -> CellState:
        """The cell, without its sketch of ids where too few are in it for its grade."""
        if not cell.distinct:
            return cell
        least = self._sketch_least(resource, cell.grade)
        is_told = least is not None and read_distinct(cell.distinct).get_estimate() >= least
        return cell if is_told else msgspec.structs.replace(cell, distinct=b"", key=b"")

    async def pull(self, spec: SummarySpec, *, grade_max: int | None = None) -> dict[str, object]:
        """The finished summary for a person of this node, as docs/api.md gives it; of rows graded above `grade_max` nothing."""
        keeper = next(iter(sorted(self._linked())), "")
        answer = await self._gather(Terms(spec, self._node, keeper), self._keys.own(spec.resource), grade_max=grade_max)
        cells = unpack(answer.cells)
        return {
            "columns": [*COLUMNS, *(f"p{quantile * 100:g}" for quantile in spec.quantiles)],
            "rows": _finished(cells, spec),
            "uncounted": sum(cell.distinct is None for cell in cells.values()),
            "contributed": answer.contributed,
            "stood_in": answer.stood_in,
            "missing": [{"node": entry.node, "why": entry.why} for entry in answer.missing],
            "errors": stated_errors(),
        }

    async def _gather(self, terms: Terms, key: SketchKey | None, *, grade_max: int | None) -> TreeAnswer:
        children = list(self._children())
        replies = await asyncio.gather(*(self._ask(child, terms) for child in children))
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
        own, held = await self._own(terms.spec, contributed, key, grade_max)
        merge_cells(cells, own)
        contributed |= held
        stood_in |= dict.fromkeys(sorted(held - {self._node}), self._node)
        missing.extend(self._still_missing(silent, contributed))
        return TreeAnswer(pack(cells), sorted(contributed), stood_in, missing)

    async def _ask(self, child: str, terms: Terms) -> tuple[TreeAnswer, Cells] | str:
        """A child's answer with its cells unpacked, or why it counts as silent: one bad child never spoils the whole."""
        try:
            body = await self._told_by(child, terms)
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

    async def _told_by(self, child: str, terms: Terms) -> bytes:
        """What a child answers; one of an older program is asked as it knows."""
        try:
            return await self._queries.ask(child, KEYED_VERB, msgspec.json.encode(terms), timeout_s=self._timeout_s)
        except QueryUnknown:
            return await self._queries.ask(child, PULL_VERB, msgspec.json.encode(terms.spec), timeout_s=self._timeout_s)

    async def _own(
        self, spec: SummarySpec, contributed: set[str], key: SketchKey | None, grade_max: int | None
    ) -> tuple[Cells, frozenset[str]]:
        """Cells over what is here and nobody below has counted, and the origins in them."""
        held = await self._marts.ask(spec.resource, lambda mart: origins_held(mart, spec.resource))
        uncounted = (held | {self._node}) - contributed

        def counted(mart: Mart) -> Cells:
            return compute_cells(mart, spec, uncounted, key=key, grade_max=grade_max)

        return await self._marts.ask(spec.resource, counted), uncounted

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
            None if cell.distinct is None else round(cell.distinct.sketch.get_estimate()),
            *(cell.values.get_quantile(quantile) for quantile in spec.quantiles),
        ]
        for key, cell in sorted(cells.items(), key=lambda item: item[0])
    ]


def _decoded(body: bytes) -> Terms:
    try:
        terms = msgspec.json.decode(body, type=Terms)
    except UNREADABLE as error:
        raise SummaryError(f"question for a summary refused: {error}") from None
    return msgspec.structs.replace(terms, spec=terms.spec.checked())
