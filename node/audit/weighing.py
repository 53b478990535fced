"""What witnesses say, laid beside a log that was walked: was it cut off, or written anew from some entry on?

Pure. A witness is believed where it shows the node's own signature. A node whose journal was restored or copied goes on under a new
incarnation; what witnesses know of the former one beyond that point is said and cannot be compared. Called by report.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from node.audit.walk import Fault, Walked
from node.audit.witness import Told


@dataclass(slots=True)
class Weighed:
    """What the witnesses' words come to."""

    upto: int = 0
    """The newest entry that a witness confirms."""
    unproven: list[str] = field(default_factory=list)
    """Sentences about what a witness said and cannot show, or cannot be compared."""


def asked_for(told: Iterable[Told]) -> frozenset[int]:
    """The entries whose hashes are compared."""
    return frozenset(entry.seq for entry in told)


def weigh(walked: Walked, peer: str, told: Collection[Told], *, keys: Collection[str]) -> Weighed:
    """Compare; differences go to the findings of `walked`. `keys` are the node's own, hex, as its certificates and its log name them."""
    weighed = Weighed()
    for entry in sorted(told, key=lambda entry: entry.seq):
        if entry.key not in keys or not entry.is_of(walked.node):
            said = f"{peer} says that entry {entry.seq} had hash {entry.hash[:16]}"
            weighed.unproven.append(f"{said}, and shows no signature of {walked.node}")
        elif entry.seq in walked.hashes:
            _compare(walked, peer, entry, weighed)
        elif entry.seq > walked.last:
            _beyond(walked, peer, entry, weighed)
    return weighed


def _compare(walked: Walked, peer: str, entry: Told, weighed: Weighed) -> None:
    if walked.hashes[entry.seq].hex() == entry.hash:
        weighed.upto = max(weighed.upto, entry.seq)
    elif parted := _parted(walked, entry):
        weighed.unproven.append(parted)
    else:
        what = f"{peer} was told entry {entry.seq} with hash {entry.hash[:16]}, here it has {walked.hashes[entry.seq].hex()[:16]}"
        walked.found(Fault.WITNESS, entry.seq, f"{what}: this entry or one before it was written anew")


def _beyond(walked: Walked, peer: str, entry: Told, weighed: Weighed) -> None:
    if parted := _parted(walked, entry):
        weighed.unproven.append(parted)
        return
    gone = f"entry {entry.seq} is" if entry.seq == walked.last + 1 else f"entries {walked.last + 1} to {entry.seq} are"
    walked.found(Fault.TRUNCATED, walked.last + 1, f"the log was cut off: {peer} was told entry {entry.seq}, {gone} gone")


def _parted(walked: Walked, entry: Told) -> str:
    """Why an entry of a former incarnation may be another here; empty when it may not."""
    incarnation = int(entry.incarnation, 16)
    if incarnation == walked.incarnation:
        return ""
    places = [seq for seq, _ in walked.starts]
    ours = [seq for seq, known in walked.starts if known == incarnation]
    following = min((seq for seq in places if ours and seq > ours[-1]), default=0)
    if following and entry.seq < following:
        return ""
    where = f"this log left it at entry {following - 1}" if following else "this log has nothing of it"
    return f"entry {entry.seq} of incarnation {entry.incarnation} is of another copy of the journal: {where}; what lies between is not here"
