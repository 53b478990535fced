"""What a node may let go of: how far every hop that could still ask for a batch has it, and what becomes of a child that stays silent.

Owns: the rule that gates freeing, and the marker that stands for a silent child's queue. Refuses to guess who is silent: that needs a wall
clock and is the shell's. Called by the engine and by whoever keeps the journal's quotas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sync.core.desk import Desk
from sync.core.ready import Moved
from sync.model import EMPTY_CHAIN, Direction, Lane, LedgerEntry, Span, State
from sync.model.writes import AppendLedger, FreeBatches, OutKey, OutMark, SetOutMark

FREED_STATES = frozenset({State.RETENTION, State.SHED})
"""Why a payload may be let go."""


def freeable_upto(marks: Mapping[OutKey, OutMark], lane: Lane, *, top: int, parent: str, children: Iterable[str]) -> int:
    """The highest lsn of `lane` that no hop needs any more: secured above, and stored by every child.

    `parent` is the present one, empty at the top; marks of former parents hold nothing back. `children` are those attached here, without
    the ones that an order moved away; one that never came holds everything back until it is detached.
    """
    above = marks.get((parent, Direction.UP, lane), OutMark()).secured if parent else top
    below = (marks.get((child, Direction.RETURN, lane), OutMark()).secured for child in children)
    return min((above, *below))


class Freeing:
    """Lets payloads and queues go."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def free(self, lsns: Sequence[int], state: State) -> None:
        """Let the payloads of `lsns` go; a hop that has not got them gets their account in `state`."""
        assert state in FREED_STATES, f"a payload is not let go as {state.name}"
        if lsns:
            self._desk.write(FreeBatches(tuple(lsns), state))

    def detach(self, peer: str) -> None:
        """Close the return queue of a silent child: a marker in the share ledger stands for it, and it holds nothing back any more.

        Again and again for as long as the child is silent: each marker ends where the journal ends. `PeerFacts.reseed` undoes it.
        """
        assert peer not in self._desk.links, f"{peer} has a link: it is not silent"
        for lane in Lane:
            key, top = (peer, Direction.RETURN, lane), self._desk.tops[lane]
            mark = self._desk.out_marks.get(key, OutMark())
            if mark.stored >= top:
                continue
            closed = OutMark(top, top, mark.wire)
            self._desk.out_marks[key] = closed
            self._desk.write(AppendLedger(self._marker(peer, lane, Span(mark.stored, top))), SetOutMark(*key, closed))
            self._desk.turn.events.append(Moved(*key, closed.stored, closed.secured))

    def _marker(self, peer: str, lane: Lane, span: Span) -> LedgerEntry:
        # Which of the stretch would have been addressed to the child is a question that no gate was asked, so it names no runs.
        return LedgerEntry(
            peer=peer,
            direction=Direction.RETURN,
            lane=lane,
            span=span,
            part=0,
            parts=0,
            resource="",
            runs=(),
            plan_hash=b"",
            policy_version=self._desk.version.digest,
            payload_sha256=b"",
            manifest_digest=b"",
            chain=EMPTY_CHAIN,
            closed=True,
        )
