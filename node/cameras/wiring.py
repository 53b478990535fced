"""The camera directory put together from the parts of a node. Called by node/appliance.py."""

from __future__ import annotations

from functools import partial

from node.assembly import Parts
from node.cameras.directory import DirectoryFile
from node.cameras.directory_desk import DirectoryDesk
from node.cameras.errors import DirectoryDamaged
from node.cameras.host import CameraHost
from node.store.side_file import open_or_begin_anew

FILE_NAME = "directory.db"
LOSS = "the cameras entered here must be entered again; what levels above know of them stays"


def directory_of(parts: Parts, cameras: CameraHost) -> DirectoryDesk:
    """The desk; raises CameraError when its file cannot be opened now."""
    make = partial(DirectoryFile, incarnation=parts.me.incarnation)
    return DirectoryDesk(
        file=open_or_begin_anew(parts.config.data_dir / FILE_NAME, make, damaged=DirectoryDamaged, loss=LOSS),
        inbox=parts.inbox,
        journal=parts.journal,
        marts=parts.marts,
        clock=parts.clock,
        territory=parts.me.territory,
        own=cameras.codes,
        seen=cameras.cameras,
        has_children=lambda: bool(parts.directory.children()),
    )
