"""Rules of hard days, broken: copies of one node, orders that move one, damaged bytes, wrong clocks, small disks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.attachment import handover as handover_module
from node.attachment.desk import AttachmentDesk
from node.attachment.handover import Handover
from node.attachment.orders import OrderBook
from node.engine import pipeline as pipeline_module
from node.engine.pipeline import Pipeline
from node.fork import desk as fork_module
from node.keeping import retention as retention_module
from node.keeping import storage as storage_module
from node.keeping.retention import Look
from node.policy.store import PolicyStore
from node.repair.asking import Answered, Asking
from node.repair.rounds import Outcome as RepairOutcome
from node.store import aside as aside_module
from node.store import queries as queries_module
from simulations.planted.harness import Planting
from sync.core.engine import Engine
from sync.core.outbox import Outbox
from sync.core.repairing import Repairing
from sync.model import ForkError, JournalCorrupt, Lane
from sync.model.writes import OutMark
from sync.ports import Outcome, Released

EVERYTHING = (1 << 62) - 1
"""An lsn that no journal of a simulation reaches."""


def fork_not_seen(planting: Planting) -> None:
    """A peer that holds another history of this node gets what follows after its position."""

    def blind(resume: Any) -> Any:
        def go_on(outbox: Outbox, lane: Lane, position: Any, mark: Any, own_chain: Any, *, top: int, now: Any) -> None:
            try:
                resume(outbox, lane, position, mark, own_chain, top=top, now=now)
            except ForkError:
                planting.hit()
                upto = min(position.upto, top)
                state = outbox.lanes[lane]
                state.wire, state.chain, state.cursor, state.mark = position.upto, position.chain, upto, OutMark(upto, 0, position.upto)
                state.waiting_since = now if upto < top else None

        return go_on

    planting.swap(Outbox, "resume", blind)


def numbers_of_a_copy_kept(planting: Planting) -> None:
    """What two copies of a node wrote apart keeps its numbers."""

    def all_shared(shared: Any) -> Any:
        def everything(*args: Any, **facts: Any) -> Any:
            planting.hit()
            return dict.fromkeys(Lane, EVERYTHING)

        return everything

    planting.swap(fork_module, "shared_by_lane", all_shared)


def known_before_sent_again(planting: Planting) -> None:
    """What a neighbour has by numbers from before a fork goes to it again by those of today."""

    def forgetful(without_known: Any) -> Any:
        def everything(found: Any, known: Any, *, node: str) -> Any:
            if known:
                planting.hit()
            return found

        return everything

    planting.swap(pipeline_module, "without_known", forgetful)


def handed_over_unseen(planting: Planting) -> None:
    """A node that was moved spares its new parent everything, whatever the old one has."""

    def careless(spare: Any) -> Any:
        def all_of_it(handover: Handover, job: Any, found: Any) -> Any:
            if job.peer.former:
                planting.hit()
            return spare(handover, replace(job, accounts_upto=EVERYTHING) if job.peer.former else job, found)

        return all_of_it

    planting.swap(Handover, "spare", careless)
    planting.swap(handover_module, "_got_whole", lambda whole: lambda stored, had: True)


def order_not_obeyed(planting: Planting) -> None:
    """A node that was moved stays where it is."""

    def stubborn(take: Any) -> Any:
        def keep(desk: AttachmentDesk, raw: bytes) -> Any:
            moved, desk.on_moved = desk.on_moved, lambda order: planting.hit()
            try:
                return take(desk, raw)
            finally:
                desk.on_moved = moved

        return keep

    planting.swap(AttachmentDesk, "take", stubborn)


def older_order_taken(planting: Planting) -> None:
    """Of two orders for a node the one that came last is in force."""

    def any_age(take: Any) -> Any:
        def last(book: OrderBook, raw: bytes) -> Any:
            known = book.of(book.read(raw).node)
            if known is not None and known.serial > book.read(raw).serial:
                planting.hit()
                del book._orders[known.node]  # noqa: SLF001
            return take(book, raw)

        return last

    planting.swap(OrderBook, "take", any_age)


def damaged_frame_stored(planting: Planting) -> None:
    """A frame is stored without being held against its hash and its manifest."""

    def trusting(damage: Any) -> Any:
        def whole(pipe: Pipeline, peer: str, batch: Any) -> str:
            if damage(pipe, peer, batch):
                planting.hit()
            return ""

        return whole

    planting.swap(Pipeline, "_damage", trusting)


def rot_not_noticed(planting: Planting) -> None:
    """A stored payload is read without being held against its hash."""

    def trusting(read: Any) -> Any:
        def unchecked(row: Any, runs: Any) -> Any:
            try:
                return read(row, runs)
            except JournalCorrupt:
                planting.hit()
                return aside_module._with_hash(read((*row[:18], aside_module._NO_PAYLOAD_SHA256, *row[19:-1], b""), runs), row[18])  # noqa: SLF001

        return unchecked

    planting.swap(queries_module, "stored_batch", trusting)


def damage_not_repaired(planting: Planting) -> None:
    """Nobody is asked for the bytes of a damaged batch."""

    def lazy(ask: Any) -> Any:
        async def nobody(asking: Asking, stored: Any, peers: Any, said: Any) -> Answered:
            planting.hit()
            return Answered(RepairOutcome.NOBODY)

        return nobody

    planting.swap(Asking, "ask_around", lazy)


def passed_over_kept_back(planting: Planting) -> None:
    """A batch that is whole again goes to nobody who got past it meanwhile."""

    def silent(was_passed_over: Any) -> Any:
        def nobody(repairing: Repairing, stored: Any, passed: Any) -> bool:
            if was_passed_over(repairing, stored, passed):
                planting.hit()
            return False

        return nobody

    planting.swap(Repairing, "_was_passed_over", silent)


def old_acknowledgement_taken(planting: Planting) -> None:
    """An acknowledgement counts whenever it comes."""

    def forgetful(acked: Any) -> Any:
        def any_age(outbox: Outbox, ack: Any, now: Any) -> Any:
            state = outbox.lanes[ack.lane]
            if ack.stored < state.heard.stored or ack.secured < state.heard.secured:
                planting.hit()
            state.heard = OutMark()
            return acked(outbox, ack, now)

        return any_age

    planting.swap(Outbox, "acked", forgetful)


def dates_not_watched(planting: Planting) -> None:
    """What was held because a clock was wrong is not decided again when it is right."""

    def idle(look: Any) -> Any:
        def quiet(store: PolicyStore) -> None:
            told, store.on_dates = store.on_dates, lambda reasons: planting.hit()
            try:
                look(store)
            finally:
                store.on_dates = told

        return quiet

    planting.swap(PolicyStore, "look_at_dates", idle)


def highest_lane_shed_first(planting: Planting) -> None:
    """For want of room the most urgent goes first."""

    def upside_down(order: Any) -> Any:
        def highest(batches: Any) -> Any:
            planting.hit()
            return sorted(batches, key=lambda batch: (batch.lane, batch.lsn))

        return highest

    planting.swap(retention_module, "_lowest_first", upside_down)


def newest_shed_first(planting: Planting) -> None:
    """For want of room the newest of a lane goes first."""

    def backward(order: Any) -> Any:
        def newest(batches: Any) -> Any:
            planting.hit()
            return sorted(batches, key=lambda batch: (-batch.lane, -batch.lsn))

        return newest

    planting.swap(retention_module, "_lowest_first", backward)


def freed_before_delivered(planting: Planting) -> None:
    """Whatever is here counts as delivered when room is needed."""

    def hasty(freeable: Any) -> Any:
        def top(engine: Engine, lane: Lane, *, parent: str, children: Any) -> int:
            planting.hit()
            return engine.lane_tops.get(lane, 0)

        return top

    planting.swap(Engine, "freeable_upto", hasty)


def refused_counts_as_delivered(planting: Planting) -> None:
    """What a peer refused for a time is let go like what it has."""

    def forgetful(is_delivered: Any) -> Any:
        def by_mark(look: Look, batch: Any) -> bool:
            if batch.lsn in look.refused:
                planting.hit()
            return bool(batch.lsn <= look.delivered.get(batch.lane, 0))

        return by_mark

    planting.swap(Look, "is_delivered", forgetful)


def doors_never_close(planting: Planting) -> None:
    """A full journal takes more."""

    def open_door(closed: Any) -> Any:
        def none(look: Any, used_bytes: int) -> Any:
            if closed(look, used_bytes):
                planting.hit()
            return frozenset()

        return none

    planting.swap(retention_module, "closed_doors", open_door)
    planting.swap(storage_module, "closed_doors", open_door)


def shed_in_silence(planting: Planting) -> None:
    """The next hop hears nothing of what was let go before it came there."""

    def silent(account: Any) -> Any:
        def nothing(stored: Any, plan_hash: bytes, *, decider: str) -> Released:
            planting.hit()
            return Released(Outcome.ELSEWHERE, (), None, plan_hash)

        return nothing

    planting.swap(pipeline_module, "account_of_freed", silent)

