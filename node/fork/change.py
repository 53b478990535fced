"""The change of a node's incarnation, so that a crash between any two of its steps leaves a node that can finish it.

1. `incarnation.next` says what is meant: old and new incarnation, and which part of the journal other copies share.
2. The journal is renumbered and gets the new incarnation, in one transaction (node/store/rebrand.py).
3. `incarnation` is replaced by the new one.
4. `incarnation.next` is removed.

Every start finishes first what it finds begun. Owns both files. Refuses to go on when file and journal are of neither incarnation: then
parts of two folders were mixed. Called by node/appliance.py, node/assembly.py and `yunnao restore`; no node may run meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.files import sync_folder
from node.fork.errors import ForkChangeError, ForkFound
from node.identity.chance import new_incarnation
from node.identity.files import IdentityFiles, write_file
from node.store.rebrand import Renumbering, read_facts, renumber
from sync.model import Lane

log = logging.getLogger("yunnao.fork")

INTENT_NAME = "incarnation.next"


class Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `incarnation.next` holds, as JSON."""

    node: str
    old: int
    new: int
    shared: Mapping[str, int]
    """By lane: the last lsn that other copies of the journal have too."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of incarnation of the node in a folder."""

    folder: Path
    journal: Path
    intent: Intent

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        """What is left to be done after `begin`, in this order; each may be done again after a crash."""
        return (self._renumber, self._name, self._clear)

    def begin(self) -> None:
        """Say what is meant, durably; from here on every start of the node finishes it."""
        write_file(self.folder / INTENT_NAME, msgspec.json.encode(self.intent))

    def _renumber(self) -> None:
        if not self.journal.exists() or (found := read_facts(self.journal, node=self.intent.node).incarnation) == self.intent.new:
            return
        if found != self.intent.old:
            raise ForkChangeError(
                f"{self.journal} is of incarnation {found:x}, {self.folder / INTENT_NAME} speaks of {self.intent.old:x} and "
                f"{self.intent.new:x}: files of two folders were mixed; put back those that belong together"
            )
        shared = {Lane[name.upper()]: upto for name, upto in self.intent.shared.items()}
        renumber(self.journal, Renumbering(self.intent.node, self.intent.old, self.intent.new, shared))

    def _name(self) -> None:
        IdentityFiles(self.folder).replace_incarnation(self.intent.new)

    def _clear(self) -> None:
        (self.folder / INTENT_NAME).unlink(missing_ok=True)
        sync_folder(self.folder)


def begin_change(folder: Path, journal: Path, *, node: str, old: int, new: int, shared: Mapping[Lane, int]) -> Change:
    """Begin a change of incarnation; `finish_change` does the rest, now or at the next start."""
    change = Change(folder, journal, Intent(node, old, new, {lane.word: upto for lane, upto in sorted(shared.items())}))
    change.begin()
    return change


def finish_change(folder: Path, journal: Path, *, node: str) -> int | None:
    """Finish a change that was begun; the new incarnation, or None when there was none to finish.

    Raises ForkChangeError when the files contradict each other, JournalError when the journal cannot be written.
    """
    intent = _read_intent(folder / INTENT_NAME)
    if intent is None:
        return None
    if intent.node != node:
        raise ForkChangeError(f"{folder / INTENT_NAME} is of node {intent.node}, this is {node}: give this node its own folder")
    named = IdentityFiles(folder).incarnation()
    if named not in (intent.old, intent.new):
        raise ForkChangeError(
            f"{folder} names incarnation {named:x}, {INTENT_NAME} speaks of {intent.old:x} and {intent.new:x}: files of two folders were "
            f"mixed; put back those that belong together"
        )
    for step in Change(folder, journal, intent).steps:
        step()
    log.warning("this node goes on as incarnation %016x", intent.new)
    return intent.new


def _read_intent(path: Path) -> Intent | None:
    try:
        intent = msgspec.json.decode(path.read_bytes(), type=Intent)
        unknown = set(intent.shared) - {lane.word for lane in Lane}
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForkChangeError(f"{path} cannot be read ({error}): put it back from where the folder came from") from error
    except OSError as error:
        raise ForkChangeError(f"{path} cannot be read ({error.strerror}): check its owner and mode") from error
    if unknown:
        raise ForkChangeError(f"{path} speaks of lane {min(unknown)!r}, which this program does not know: install the newer program again")
    return intent


def go_on_after(fork: ForkFound, folder: Path, journal: Path, *, node: str) -> None:
    """Begin a new incarnation for a node whose fork was found; its next start finishes it. Raises IdentityError when the disk refuses."""
    new = new_incarnation()
    begin_change(folder, journal, node=node, old=fork.old, new=new, shared=fork.shared)
    shared = ", ".join(f"{lane.word} {upto}" for lane, upto in sorted(fork.shared.items()) if upto)
    log.warning("%s; %016x becomes %016x, shared up to: %s", fork, fork.old, new, shared or "nothing")
