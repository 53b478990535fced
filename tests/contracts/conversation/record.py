"""Records the conversations of a format that is not released yet; never run for a released one.

    python -m tests.contracts.conversation.record

The bytes are stable: keys, clock and numbers are fixed, and the certificates are made once and stay. `record` is also what the test that
nothing depends on chance calls.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from sync.wire import yunnao_pb2 as pb
from tests.contracts.conversation.ends import End, folder_of, lives_of, open_end
from tests.contracts.conversation.people import BEGAN_US, CHILD, PARENT, certify, settle
from tests.contracts.conversation.script import ACTS, CONVERSATIONS, Acts, before
from tests.contracts.conversation.tape import RECORDED, Done, Said, Step, write_tape
from tests.node.identity.family import StandingClock

PAUSE_US = 3_600_000_000
"""Between two conversations."""


def main() -> None:
    """Write every conversation, the certificates when there are none, and the message format itself."""
    with tempfile.TemporaryDirectory() as scratch:
        if not (RECORDED / "identity").exists():
            (RECORDED / "identity").mkdir(parents=True)
            for name, pem in certify(Path(scratch) / "certificates").items():
                (RECORDED / "identity" / name).write_bytes(pem)
        for name, steps in record(Path(scratch)).items():
            write_tape(RECORDED / f"{name}.tape", steps)
    (RECORDED / "messages.binpb").write_bytes(descriptor())


def descriptor() -> bytes:
    """The message format of this program: a serialized FileDescriptorProto without its options."""
    found = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(found)
    found.ClearField("options")
    return found.SerializeToString(deterministic=True)


def record(scratch: Path) -> dict[str, list[Step]]:
    """All conversations of two nodes of today's program that live below `scratch`."""
    clock, numbers = StandingClock(BEGAN_US), {person.name: lives_of(person) for person in (PARENT, CHILD)}
    configs = {person.name: settle(folder_of(scratch, person), person, RECORDED / "identity") for person in (PARENT, CHILD)}
    found: dict[str, list[Step]] = {}
    for name, acts in CONVERSATIONS.items():
        before(name, folder_of(scratch, CHILD))
        pairs = ((PARENT, CHILD), (CHILD, PARENT))
        ends = {one.name: open_end(configs[one.name], one, other, clock, lives=numbers[one.name]) for one, other in pairs}
        try:
            found[name] = _talk(ends, acts)
        finally:
            for end in ends.values():
                end.close()
        clock.us += PAUSE_US
    return found


def _talk(ends: dict[str, End], acts: Acts) -> list[Step]:
    steps: list[Step] = []
    for node, act in acts:
        steps.append(Done(node, act))
        ACTS[act](ends[node])
        while waiting := [end for end in ends.values() if end.out]:
            end = waiting[0]
            urgent, data = end.out.pop(0)
            steps.append(Said(end.person.name, urgent, data))
            ends[end.peer.name].hear(data)
    for end in ends.values():
        assert not (end.broken and "being stopped" not in end.broken[0]), f"{end.person.name}: {end.broken}"
    return steps


if __name__ == "__main__":
    main()
