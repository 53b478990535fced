"""Plays one side of the recorded conversations to a live node of today's program, which does its own part as the script says.

What the live node says is not compared byte by byte, since a later program may pack and word things otherwise; what it holds in the end is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sync.model import Direction, Lane
from sync.wire import yunnao_pb2 as pb
from tests.contracts.conversation.ends import End, folder_of, lives_of, open_end
from tests.contracts.conversation.people import BEGAN_US, CHILD, PARENT, Person, settle
from tests.contracts.conversation.record import PAUSE_US
from tests.contracts.conversation.script import ACTS, CONVERSATIONS, WAIT_S, before
from tests.contracts.conversation.tape import RECORDED, Done, read_tape
from tests.node.identity.family import StandingClock

Change = Callable[[bytes], Sequence[bytes]]
"""A recorded message as the peer says it: as it is, or as another version would."""


def as_it_was(data: bytes) -> Sequence[bytes]:
    """The peer is of the recorded version."""
    return [data]


@contextmanager
def played(root: Path, person: Person, *, change: Change = as_it_was, names: Sequence[str] = tuple(CONVERSATIONS)) -> Iterator[End]:
    """The live node after the conversations, with its last link as they left it."""
    clock, lives = StandingClock(BEGAN_US), lives_of(person)
    other = CHILD if person is PARENT else PARENT
    folder = folder_of(root, person)
    config = settle(folder, person, RECORDED / "identity")
    end: End | None = None
    for name in names:
        if end is not None:
            end.close()
        if person is CHILD:
            before(name, folder)
        end = open_end(config, person, other, clock, lives=lives)
        _play(end, name, change)
        clock.us += PAUSE_US
    assert end is not None, "no conversation was recorded"
    try:
        yield end
    finally:
        end.close()


def _play(end: End, name: str, change: Change) -> None:
    for step in read_tape(name):
        if isinstance(step, Done):
            if step.node == end.person.name:
                ACTS[step.act](end)
            elif step.act == "waits":
                end.later(WAIT_S)
        elif step.node != end.person.name:
            for message in change(_with_own_chains(end, step.data)):
                end.hear(message)


def _with_own_chains(end: End, data: bytes) -> bytes:
    """The peer holds what the live node sent it, which another version of the libraries may compress to other bytes: other hashes."""
    envelope = pb.Envelope.FromString(data)
    if envelope.WhichOneof("body") != "hello":
        return data
    for position in envelope.hello.positions:
        held = end.parts.journal.ledger_chain(end.peer.name, Direction(position.direction), Lane(position.lane), position.upto)
        position.chain = held or position.chain
    return envelope.SerializeToString(deterministic=True)
