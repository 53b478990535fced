"""P8: the accounting equation on every hop, from the product's own books; the other checkers count without them."""

from __future__ import annotations

from collections.abc import Iterable

from node.store.flows import StreamFlow
from simulations.checkers.values import Promise, Violation
from sync.model import Direction


def check_accounts(node: str, lines: Iterable[StreamFlow], peer: str, direction: Direction, *, is_quiet: bool) -> list[Violation]:
    """The equations of one hop (journal.flow); once it `is_quiet`, nothing is pending, and nothing is ever lost."""
    found: list[Violation] = []
    for line in lines:
        where = f"{line.stream.origin}/{line.stream.resource} {direction.word} to {peer}"
        if not line.holds:
            found.append(Violation(Promise.ACCOUNTED, node, f"{where} does not add up: {line}"))
        if is_quiet and line.pending:
            found.append(Violation(Promise.ACCOUNTED, node, f"{where} leaves {line.pending} of {line.produced} pending"))
        if line.lost:
            found.append(Violation(Promise.ACCOUNTED, node, f"{where} lost {line.lost} of {line.produced}"))
    return found
