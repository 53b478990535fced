"""Rules of the engine, broken: what is new, what is next, what a mark means, what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulations.planted.harness import Planting
from sync.core import books as books_module
from sync.core.books import Accounted, Books
from sync.core.desk import Desk
from sync.core.engine import Engine
from sync.core.inbox import Arrival, Inbox
from sync.core.lanes import LINGER_S
from sync.core.outbox import Outbox
from sync.core.receiving import Receiving
from sync.core.refusals import Refusals
from sync.core.sending import Sending
from sync.core.window import Window
from sync.model import Lane
from sync.model.writes import AppendLedger

SLOW_S = 5.0
"""How long a broken lane lets alarms wait."""


def nothing_is_a_duplicate(planting: Planting) -> None:
    """A record is applied as often as it arrives."""

    def blind(account: Any) -> Any:
        def everything(books: Books, header: Any, **how: bool) -> Accounted:
            if account(books, header, **how).duplicates:
                planting.hit()
            return Accounted(header.runs, ())

        return everything

    planting.swap(Books, "account", blind)
    planting.swap(Inbox, "arrival", lambda arrival: lambda inbox, frame: Arrival.NEXT)


def high_water_not_checked(planting: Planting) -> None:
    """A frame below the position is stored again."""

    def careless(arrival: Any) -> Any:
        def again(inbox: Inbox, frame: Any) -> Arrival:
            found: Arrival = arrival(inbox, frame)
            if found is not Arrival.OLD:
                return found
            planting.hit()
            return Arrival.NEXT

        return again

    planting.swap(Inbox, "arrival", careless)


def gap_accepted(planting: Planting) -> None:
    """A frame that skips what was lost counts as the next one."""

    def careless(arrival: Any) -> Any:
        def next_one(inbox: Inbox, frame: Any) -> Arrival:
            found: Arrival = arrival(inbox, frame)
            if found is Arrival.GAP:
                planting.hit()
                inbox.lanes[frame.lane].expected_after = frame.span.upto
                return Arrival.NEXT
            return found

        return next_one

    planting.swap(Inbox, "arrival", careless)


def half_known_run_taken_whole(planting: Planting) -> None:
    """A run of which a part is known already is not cut."""

    def uncut(cut: Any) -> Any:
        def whole(run: Any, moved: Any) -> Any:
            planting.hit()
            return [(run, True)]

        return whole

    planting.swap(books_module, "_cut", uncut)


def chain_not_extended(planting: Planting) -> None:
    """The position is kept without the manifests that led to it."""

    def still(stored: Any) -> Any:
        def unchained(inbox: Inbox, frame: Any) -> Any:
            chain = inbox.lanes[frame.lane].chain
            position = stored(inbox, frame)
            planting.hit()
            inbox.lanes[frame.lane].chain = chain
            return None if position is None else replace(position, chain=chain)

        return unchained

    planting.swap(Inbox, "stored", still)


def position_after_the_first_part(planting: Planting) -> None:
    """Each part of a span is stored as it comes, and the first of them counts as all."""

    def early(stored: Any) -> Any:
        def at_once(inbox: Inbox, frame: Any) -> Any:
            if not frame.is_last:
                planting.hit()
            return stored(inbox, replace(frame, part=frame.parts - 1))

        return at_once

    def one_by_one(first_span: Any) -> Any:
        return lambda receiving, line: [entry for entry in [*line][:1] if entry.outcome is not None]

    planting.swap(Inbox, "stored", early)
    planting.swap(Receiving, "_first_span", one_by_one)


def journal_skipped(planting: Planting) -> None:
    """The sender's cursor jumps to the end of the lane."""

    def hasty(gated: Any) -> Any:
        def jump(outbox: Outbox, lane: Lane, outcome: Any, *, top: int, now: Any) -> Any:
            answer = gated(outbox, lane, outcome, top=top, now=now)
            if outbox.lanes[lane].cursor < top:
                planting.hit()
            outbox.lanes[lane].cursor = top
            return answer

        return jump

    planting.swap(Outbox, "gated", hasty)


def own_mark_trusted(planting: Planting) -> None:
    """A link goes on from the sender's own mark, whatever the receiver says it has."""

    def proud(resume: Any) -> Any:
        def from_mark(outbox: Outbox, lane: Lane, position: Any, mark: Any, own_chain: Any, *, top: int, now: Any) -> None:
            resume(outbox, lane, position, mark, own_chain, top=top, now=now)
            state = outbox.lanes[lane]
            if mark.wire > state.wire:
                planting.hit()
                state.wire, state.cursor, state.mark = mark.wire, mark.stored, mark

        return from_mark

    planting.swap(Outbox, "resume", proud)


def ledger_not_written(planting: Planting) -> None:
    """What leaves is not entered into the share ledger."""

    def unkept(ready: Any) -> Any:
        def without(engine: Engine, now: Any) -> Any:
            out = ready(engine, now)
            kept = tuple(write for write in out.writes if not isinstance(write, AppendLedger) or write.entry.part)
            if len(kept) < len(out.writes):
                planting.hit()
            return replace(out, writes=kept)

        return without

    planting.swap(Engine, "ready", unkept)


def refusal_forgotten(planting: Planting) -> None:
    """A sender does not note that its frame was refused, and the receiver does not say it again."""

    def deaf(refused: Any) -> Any:
        def ignore(sending: Sending, link: Any, message: Any) -> None:
            planting.hit()

        return ignore

    planting.swap(Sending, "refused", deaf)
    planting.swap(Refusals, "made_toward", lambda made: lambda refusals, peer, incarnation: [])


def release_without_requeue(planting: Planting) -> None:
    """A new policy does not decide again what was held back."""

    def idle(changed: Any) -> Any:
        def quiet(engine: Engine, version: Any, now: Any) -> None:
            before = {peer: link.requeue_due for peer, link in engine._desk.links.items()}  # noqa: SLF001
            changed(engine, version, now)
            for peer, link in engine._desk.links.items():  # noqa: SLF001
                planting.hit()
                link.requeue_due = before[peer]

        return quiet

    planting.swap(Engine, "policy_changed", idle)


def requeued_as_new(planting: Planting) -> None:
    """What is put back into the journal counts as live there a second time."""

    def double(requeued: Any) -> Any:
        def live(sending: Sending, link: Any, outcome: Any, now: Any) -> None:
            append = sending._desk.append  # noqa: SLF001

            def unmarked(batch: Any, source: str, duplicates: Any, at: Any) -> Any:
                planting.hit()
                return append(batch, source, (), at)

            sending._desk.append = unmarked  # type: ignore[method-assign,assignment]  # noqa: SLF001
            try:
                requeued(sending, link, outcome, now)
            finally:
                del sending._desk.append  # noqa: SLF001

        return live

    planting.swap(Sending, "requeued", double)


def alarms_behind_the_backlog(planting: Planting) -> None:
    """Alarms go on the connection of everything else, and everything else is sent at once."""

    def shared(tell: Any) -> Any:
        def like_bulk(desk: Desk, peer: str, messages: Any, lane: Lane) -> None:
            if lane is Lane.ALARM:
                planting.hit()
            tell(desk, peer, messages, Lane.BULK)

        return like_bulk

    planting.swap(Desk, "tell", shared)
    planting.swap(Window, "has_room", lambda room: lambda window, **facts: True)


def alarms_linger(planting: Planting) -> None:
    """Alarms wait for company."""

    def slow(due: Any) -> Any:
        def waits(outbox: Outbox, lane: Lane, *rest: Any) -> Any:
            if lane is Lane.ALARM:
                planting.hit()
            return due(outbox, lane, *rest)

        return waits

    before = LINGER_S[Lane.ALARM]
    planting.swap(Outbox, "_is_due", slow)
    planting.note(lambda: LINGER_S.__setitem__(Lane.ALARM, before))
    LINGER_S[Lane.ALARM] = SLOW_S
