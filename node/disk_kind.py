"""On what kind of disk a node's data would lie: SQLite's locks do not hold on a network share, so a node refuses to start on one.

Called by appliance.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    }
)  # fmt: skip
"""File systems whose files another machine may change at the same time."""
_OCTAL = re.compile(r"\\([0-7]{3})")


class NetworkDisk(NodeError):
    """The data of a node would lie on a network share."""

    exit_code: ClassVar[int] = EXIT_REFUSED


def refuse_network_disk(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raises NetworkDisk; a system that does not tell its mounts is trusted."""
    try:
        table = mounts.read_text("utf-8", errors="replace")
    except OSError:
        return
    kind = kind_of(folder.resolve(), table)
    if kind in NETWORK:
        raise NetworkDisk(f"{folder} lies on a network share ({kind}), where a database gets damaged: give data_dir on a disk of this box")


def kind_of(path: Path, table: str) -> str:
    """The file system that holds `path`, by the lines of proc_pid_mountinfo(5); empty when none does. Of equals the last is on top."""
    found, depth = "", -1
    for line in table.splitlines():
        mount, _, rest = line.partition(" - ")
        fields, words = mount.split(" "), rest.split(" ")
        if len(fields) < 5 or not words[0]:
            continue
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = words[0], len(point.parts)
    return found
