"""Rules of the shell and the journal, broken: what is durable before what is said, and what one transaction holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.store import journal as journal_module
from node.store import write_set
from node.store.journal import SqliteJournal
from simulations.host import Host
from simulations.planted.harness import Planting
from sync.core.books import Books
from sync.core.ready import Ready, Stored
from sync.model import JournalFull
from sync.model.writes import SetInPosition


def ack_before_commit(planting: Planting) -> None:
    """Records are acknowledged before they are durable."""

    def eager(commit: Any) -> Any:
        def turn(host: Host, ready: Ready) -> Any:
            for event in ready.events:
                if isinstance(event, Stored):
                    planting.hit()
                    host.around.stored(host.id, event.ticket)
            return commit(host, ready)

        return turn

    planting.swap(Host, "_commit", eager)


def sends_before_commit(planting: Planting) -> None:
    """Messages leave before the turn is durable."""

    def eager(commit: Any) -> Any:
        def turn(host: Host, ready: Ready) -> Any:
            if host.crash_at is not None:
                for send in ready.sends:
                    link = host.sessions.links.get(send.peer)
                    if link is not None and link.is_up:
                        planting.hit()
                        host.sessions.say(link, send.message, urgent=send.urgent)
            return commit(host, ready)

        return turn

    planting.swap(Host, "_commit", eager)


def position_without_its_batch(planting: Planting) -> None:
    """A power cut may keep a position and lose the batch that it passed."""

    def torn(commit: Any) -> Any:
        def turn(host: Host, ready: Ready) -> Any:
            positions = [write for write in ready.writes if isinstance(write, SetInPosition)]
            if host.crash_at is None or not positions:
                return commit(host, ready)
            planting.hit()
            host.journal.commit(positions)
            host.crash()
            host.around.down(host.id)
            return False

        return turn

    planting.swap(Host, "_commit", torn)


def full_disk_swallowed(planting: Planting) -> None:
    """A commit that found no room counts as made."""

    def swallowing(commit: Any) -> Any:
        def quiet(journal: SqliteJournal, writes: Any) -> None:
            try:
                commit(journal, writes)
            except JournalFull:
                planting.hit()

        return quiet

    planting.swap(SqliteJournal, "commit", swallowing)


def foreign_disk_accepted(planting: Planting) -> None:
    """A node starts from whatever disk it finds."""

    def blind(check: Any) -> Any:
        def accept(*args: Any, **facts: Any) -> None:
            planting.hit()

        return accept

    planting.swap(journal_module, "_check_owner", blind)


def numbers_used_again(planting: Planting) -> None:
    """After a restart a node numbers its own records from the beginning."""

    def forgetful(recover: Any) -> Any:
        def without_own(journal: SqliteJournal) -> Any:
            found = recover(journal)
            streams = {stream: run_map for stream, run_map in found.streams.items() if stream.origin != journal.node}
            if len(streams) < len(found.streams):
                planting.hit()
            return replace(found, streams=streams)

        return without_own

    planting.swap(SqliteJournal, "recover", forgetful)


def books_not_written(planting: Planting) -> None:
    """What became of each number is not made durable."""

    def lazy(take: Any) -> Any:
        def nothing(books: Books) -> Any:
            if take(books):
                planting.hit()
            return []

        return nothing

    planting.swap(Books, "take_dirty", lazy)


def duplicates_shown(planting: Planting) -> None:
    """Readers see the records of a duplicate again."""

    def plain(rows: Any) -> Any:
        def unmarked(stored: Any) -> Any:
            if stored.duplicates:
                planting.hit()
            return rows(replace(stored, duplicates=()))

        return unmarked

    planting.swap(write_set, "run_rows", plain)
