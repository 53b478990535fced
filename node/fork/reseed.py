"""Reseed: a node that lost its journal gets back from its parent what it had brought there.

The node says so in its Hello for as long as `reseed.wanted` lies in its folder. The parent then returns, under the purpose `reseed`, every
batch that came from this child, except those of its present life; what returns is marked and never offered upward. When all of it is
stored below, the parent's heartbeat says so and the file goes. Called by node/fork/desk.py and
`yunnao reseed`. The parent's half is node/fork/giveback.py.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from node.files import sync_folder
from node.fork.absence import is_too_old
from node.identity.files import write_file
from node.store.failures import guarded
from node.store.file import open_writer
from node.store.schema import DEFAULT_TUNING
from sync.model import Direction

WISH_NAME = "reseed.wanted"


def wish_reseed(folder: Path, journal: Path, *, now_us: int) -> None:
    """Want a reseed from the next start on; no node may run, and its clock shows `now_us`. Raises IdentityError or JournalError.

    What was returned before is forgotten first, so that the parent begins at the start of its journal; what is here already is found by
    run map and stored once. After too long an absence (absence.py) children begin there, too: what came from them goes.
    """
    if journal.exists():
        with guarded(journal, "preparation of the reseed"), closing(open_writer(journal, DEFAULT_TUNING)) as connection:
            is_away = is_too_old(connection, now_us)
            connection.execute("DELETE FROM in_position WHERE direction = ? OR ?", (int(Direction.RETURN), is_away))
    write_file(folder / WISH_NAME, b"")


def is_reseed_wanted(folder: Path) -> bool:
    """True while the node in `folder` waits for what it had brought to its parent."""
    return (folder / WISH_NAME).exists()


def end_reseed(folder: Path) -> None:
    """All has come back."""
    (folder / WISH_NAME).unlink(missing_ok=True)
    sync_folder(folder)
