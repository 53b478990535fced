"""One process per node folder: <dir>/run.lock is held for as long as the node runs.

Refuses a second `yunnao run` before it opens the journal, and verbs that mend a stopped node. Called by node/appliance.py, and by those
verbs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError
from node.file_lock import LockHeld, file_lock

LOCK_NAME = "run.lock"


class AlreadyRunning(NodeError):
    """Another process runs the node of this folder."""

    exit_code: ClassVar[int] = EXIT_REFUSED


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; raises AlreadyRunning with the other's process id, LockFailed when that cannot be."""
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(folder / LOCK_NAME))
        except LockHeld as error:
            raise AlreadyRunning(
                f"the node in {folder} is running already, as process {error.holder}: stop that one first, or choose another --dir"
            ) from None
        yield
