"""`yunnao restore`: makes a restored folder a new life of its node, before its first start.

For a folder from a backup, a replaced disk, or a journal that was moved away: the node gets a new incarnation, so that nothing it writes
from here on can be taken for what the lost disk wrote. Refuses while the node runs. A restored node that was started without it finds the
fork by itself (docs/recovery.md); this spares it.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.audit.left import left
from node.clock import SystemClock
from node.errors import EXIT_OK, EXIT_REFUSED, NodeError
from node.fork.absence import AWAY_DAYS_MAX, AWAY_US_MAX, heard_at
from node.fork.change import begin_change, finish_change
from node.identity.chance import new_incarnation
from node.identity.errors import KeyFileError
from node.identity.files import IdentityFiles
from node.run_lock import run_lock
from node.store.failures import guarded
from node.store.file import open_writer
from node.store.rebrand import JournalFacts, read_facts
from node.store.schema import DEFAULT_TUNING
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line
from sync.model import Lane, Level


class BackupTooOld(NodeError):
    """A journal that may hold what everybody else has erased."""

    exit_code = EXIT_REFUSED


@dataclass(frozen=True, slots=True)
class NewLife:
    """What became of a folder."""

    former: int
    incarnation: int
    end: int
    """Newest lsn of the journal; 0 when it is empty or gone."""

    @property
    def plain(self) -> dict[str, object]:
        """For --json."""
        return {"former_incarnation": f"{self.former:016x}", "incarnation": f"{self.incarnation:016x}", "journal_end": self.end}


def begin_new_life(folder: Path, journal: Path, *, node: str) -> NewLife:
    """Give the node in `folder`, which must not run, a new incarnation; all of its journal counts as shared with other copies."""
    finish_change(folder, journal, node=node)
    files = IdentityFiles(folder)
    found = read_facts(journal, node=node) if journal.exists() else JournalFacts(_named(files), 0)
    # The journal's word counts: an identity from another backup than the journal is brought into step with it.
    files.replace_incarnation(found.incarnation)
    new = new_incarnation()
    begin_change(folder, journal, node=node, old=found.incarnation, new=new, shared=dict.fromkeys(Lane, found.end))
    finish_change(folder, journal, node=node)
    return NewLife(found.incarnation, new, found.end)


def refuse_too_old(journal: Path, *, now_us: int) -> None:
    """Raise BackupTooOld for a journal from before everything that may have been recalled since."""
    if not journal.exists():
        return
    with guarded(journal, "look at the age of the journal"), closing(open_writer(journal, DEFAULT_TUNING)) as connection:
        heard_us = heard_at(connection)
    if heard_us is not None and now_us - heard_us > AWAY_US_MAX:
        days = (now_us - heard_us) // 86_400_000_000
        raise BackupTooOld(
            f"{journal.name} refused: its node heard from above {days} days ago, and what was recalled since may be in a backup of more "
            f"than {AWAY_DAYS_MAX}; `yunnao reseed` keeps what the node made itself and has the rest from its parent"
        )


def _named(files: IdentityFiles) -> int:
    """The incarnation that the folder names; 0 when it names none, which nothing depends on without a journal."""
    try:
        return files.incarnation()
    except KeyFileError:
        return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Change the incarnation and say what became of what."""
    config = read_config(args.dir)
    from node.engine.engine_room import journal_path

    with run_lock(config.folder), left(config.data_dir, "restore", config.node.id, at_us=SystemClock().wall_us()):
        if config.level is not Level.PROVINCIAL:
            refuse_too_old(journal_path(config), now_us=SystemClock().wall_us())
        life = begin_new_life(config.folder, journal_path(config), node=config.node.id)
    if args.json:
        print_json({"node": config.node.id} | life.plain)
        return EXIT_OK
    former, new = f"{life.former:016x}", f"{life.incarnation:016x}"
    print_line(text("recovery.restored", args.language, node=config.node.id, old=former, new=new, end=life.end))
    return EXIT_OK


VERB = Verb("restore", "cli.help_restore", add_arguments, run)
