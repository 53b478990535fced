"""A node's data on a network share is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.appliance import run_node
from node.config.config import load_config
from node.disk_kind import NETWORK, NetworkDisk, kind_of, refuse_network_disk
from tests.node.cameras.folder import made

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/city\\040data rw - nfs4 box:/data rw
31 30 8:2 / /srv/city\\040data/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /srv/top rw - cifs //box/x rw
33 22 8:3 / /srv/top rw - ext4 /dev/sdc1 rw
not a line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/yunnao", "ext4"), ("/srv/city data/node", "nfs4"), ("/srv/city data/local/node", "xfs"), ("/srv/city datax", "ext4"),
        ("/srv/top/a", "ext4"),
    ],
)  # fmt: skip
def test_the_nearest_mount_tells_the_kind(path: str, kind: str) -> None:
    assert kind_of(Path(path), TABLE) == kind


@pytest.mark.parametrize("kind", sorted(NETWORK))
def test_a_folder_on_a_share_is_refused_with_the_way_out(kind: str, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"22 1 0:40 / / rw - {kind} box:/data rw\n", "utf-8")
    with pytest.raises(NetworkDisk, match="disk of this box"):
        refuse_network_disk(tmp_path / "data", table)


def test_a_system_that_tells_no_mounts_and_a_local_disk_are_trusted(tmp_path: Path) -> None:
    refuse_network_disk(tmp_path, tmp_path / "none")
    (tmp_path / "mountinfo").write_text(TABLE, "utf-8")
    refuse_network_disk(tmp_path, tmp_path / "mountinfo")


def test_a_node_does_not_start_on_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = made(tmp_path)
    table = tmp_path / "mountinfo"
    table.write_text("22 1 0:40 / / rw - nfs4 box:/data rw\n", "utf-8")
    monkeypatch.setattr(refuse_network_disk, "__defaults__", (table,))
    with pytest.raises(NetworkDisk, match="nfs4"):
        run_node(load_config(config.path))
    assert not (tmp_path / "journal.db").exists()
