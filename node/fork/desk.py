"""What a running node does about forks: tells its lives, remembers those of its peers, and says when it must begin a new incarnation.

A fork is found by the engine, by position and manifest chain. A parent's word is enough to act on it; a child's is not, because a
hostile one could make this node send everything again: it must show a frame that this node's key signed and this journal never sent.
Made by node/assembly.py, called by the links, on the event loop.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from node.clock import Clock
from node.fork.absence import Absence
from node.fork.clones import FORKS_MAX, ForkMemory
from node.fork.errors import AwayTooLong, ForkFound
from node.fork.giveback import ReseedProgress, lane_tops
from node.fork.reseed import end_reseed, is_reseed_wanted
from node.store.journal import SqliteJournal
from node.store.lives import has_sent, newest_returned_manifest
from node.store.renumbered import held_before, steps
from sync.core.messages import Hello
from sync.core.ready import PeerFacts
from sync.model import Direction, Lane, Life, Manifest, RunMap, Stream, parting
from sync.model.renumbering import HeldBefore, Renumbered, known_before
from sync.model.writes import OutKey, OutMark
from sync.ports import Vouch

log = logging.getLogger("yunnao.fork")

CLONE_WORD = "clone_suspected"
"""Key of node/texts/*/state.toml."""


class ForkDesk:
    """One node's forks, and those of its peers as far as it meets them."""

    def __init__(
        self,
        *,
        node: str,
        incarnation: int,
        journal: SqliteJournal,
        vouch: Vouch,
        clock: Clock,
        memory: ForkMemory,
        on_found: Callable[[ForkFound], None],
        on_away: Callable[[AwayTooLong], None] = lambda away: None,
        folder: Path | None = None,
        is_top: bool = False,
    ) -> None:
        """`on_found` and `on_away` end the node's present life; without the latter a link after too long an absence is only refused.

        Without a `folder` no reseed is ever wanted.
        """
        self.absence = Absence(node, journal, clock, is_wanted=lambda: self.is_reseed_wanted, on_away=on_away)
        self._folder = folder
        self._is_top = is_top
        self._node = node
        self._incarnation = incarnation
        self._journal = journal
        self._vouch = vouch
        self._clock = clock
        self._memory = memory
        self._watch = memory.watch
        self._on_found = on_found
        self._steps = journal.look("look at renumberings", steps)
        """None is made while a node runs."""
        self._known_before: dict[str, Mapping[Stream, RunMap]] = {}

    # ---- for the handshake

    def told(self) -> tuple[Life, ...]:
        """The newest lives of this journal."""
        return self._journal.lives.told()

    def known(self, peer: str, incarnation: int) -> tuple[Life, ...]:
        """The lives of `peer` that wrote what is held of it here."""
        return self._journal.lives.known(peer, incarnation)

    def proof(self, peer: str, incarnation: int) -> Manifest | None:
        """What shows a forked parent that it is one."""
        return self._journal.look("read of a manifest", lambda connection: newest_returned_manifest(connection, peer, incarnation))

    def renumbered(self) -> tuple[Renumbered, ...]:
        """Streams that a fork renumbered here: a peer may hold some of their records by the former numbers."""
        return tuple(dict.fromkeys(step.was for step in self._steps))

    def held_before(self, peer: str, hello: Hello) -> tuple[HeldBefore, ...]:
        """What is held here, as it came from `peer` itself, of the streams that it renumbered."""
        if not hello.renumbered:
            return ()

        def look(connection: sqlite3.Connection) -> list[HeldBefore]:
            return held_before(connection, peer, hello.renumbered, lives=hello.lives, known=self.known)

        return tuple(self._journal.look("search for former numbers", look))

    def above_age_us(self) -> int | None:
        """How old what this node knows of those above is; at the top it is never old."""
        return 0 if self._is_top else self.absence.age_us

    def shaken(self, peer: str, hello: Hello) -> None:
        """A handshake with `peer` is done: what it holds by former numbers need not go to it again."""
        self._known_before[peer] = known_before(self._node, hello.held_before, self._steps)

    def known_before(self, peer: str) -> Mapping[Stream, RunMap]:
        """By today's numbers, what `peer` holds of this node's own records by the former ones. For any thread."""
        return self._known_before.get(peer, {})

    # ---- for the links

    def met(self, peer: PeerFacts) -> None:
        """A link with `peer` is up."""
        suspicion = self._watch.met(peer.node, peer.incarnation, self._clock.wall_us())
        if suspicion is not None:
            came_back, before = suspicion.incarnations
            log.warning(
                "clone suspected: %s came back as incarnation %016x after it had been %016x; stop one of the two copies",
                peer.node, came_back, before,
            )  # fmt: skip

    def data_from(self, peer: PeerFacts, hello: Hello) -> None:
        """`peer` sends data, so it takes what this node holds of it for its own."""
        self._journal.lives.learn(peer.node, peer.incarnation, hello.lives)

    def found(self, peer: PeerFacts, hello: Hello) -> None:
        """The engine found that `peer` holds records of another copy of this node."""
        if not peer.is_parent and not self._is_proven(hello):
            log.warning("%s claims to hold records of another copy of this node and shows no proof; its link stays closed", peer.node)
            return
        if not self._memory.may_resolve(self._clock.now().us, by_child=not peer.is_parent):
            log.error(
                "%s holds records of another copy of this node again, within an hour; at most %d forks are resolved: its link stays closed",
                peer.node, FORKS_MAX,
            )  # fmt: skip
            return
        marks = self._journal.recover().out_marks
        shared = shared_by_lane(self._journal.lives.own(), hello.known_lives, marks, peer=peer)
        self._on_found(ForkFound(peer.node, is_parent=peer.is_parent, old=self._incarnation, shared=shared))

    def _is_proven(self, hello: Hello) -> bool:
        proof = hello.fork_proof
        if proof is None or proof.issuer != self._node or not self._vouch.check(proof, issuer=self._node):
            return False
        digest = proof.digest
        return not self._journal.look("read of the share ledger", lambda connection: has_sent(connection, digest))

    # ---- reseed

    @property
    def is_reseed_wanted(self) -> bool:
        """True while this node waits for what it had brought to its parent."""
        return self._folder is not None and is_reseed_wanted(self._folder)

    def reseeded(self) -> bool:
        """The parent says that all has come back; False when nothing was waited for."""
        if self._folder is None or not self.is_reseed_wanted:
            return False
        end_reseed(self._folder)
        log.info("reseed done: everything that the parent held of this node is here")
        return True

    def giving_back(self, hello: Hello) -> ReseedProgress:
        """What the child that sent `hello` has still to get."""
        return ReseedProgress.toward(self._journal.look("look at the lanes", lane_tops), hello.positions)

    # ---- for status

    def troubles(self) -> list[str]:
        """Words for status."""
        return [CLONE_WORD] * bool(self._watch.suspicions(self._clock.wall_us())) + self.absence.troubles()

    def clones(self) -> list[dict[str, object]]:
        """The suspicions, for `yunnao status --json`."""
        return [
            {
                "node": entry.node,
                "incarnation": f"{entry.incarnations[0]:016x}",
                "other_incarnation": f"{entry.incarnations[1]:016x}",
                "since_us": entry.since_us,
                "last_us": entry.last_us,
                "turns": entry.turns,
            }
            for entry in self._watch.suspicions(self._clock.wall_us())
        ]


def shared_by_lane(
    own: Sequence[Life], known: Sequence[Life], marks: Mapping[OutKey, OutMark], *, peer: PeerFacts
) -> dict[Lane, int]:
    """The last lsn of each lane that the copies of this node share, from its lives and those the peer met.

    A peer that knows no lives (an older program) leaves the share ledger's word: what it acknowledged before the copies parted.
    """
    upto = parting(own, known)
    if upto is not None:
        return dict.fromkeys(Lane, upto)
    direction = Direction.UP if peer.is_parent else Direction.RETURN
    return {lane: marks.get((peer.node, direction, lane), OutMark()).stored for lane in Lane}
