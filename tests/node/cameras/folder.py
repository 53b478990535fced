"""A node's folder with cameras, for tests of the list."""

from __future__ import annotations

from pathlib import Path

from node.cameras.credentials import Credentials
from node.cameras.listing import held_list
from node.config.config import CONFIG_NAME, NodeConfig, load_config
from node.config.model import CameraEntry
from node.config.template import render_config
from sync.model import Level, Territory

GATE = '\n[[camera]]\nid = "gate-1"\nkind = "file"\nsource = "a.mp4"\nalgorithm = "motion-object"\n'
CODE = "37020200001320000001"


def made(folder: Path, extra: str = "") -> NodeConfig:
    """The configuration of a street node in a new folder."""
    text = render_config(node="qd-street", level=Level.STREET, territory=Territory("370202001"), extra=extra)
    (folder / CONFIG_NAME).write_text(text, "utf-8")
    return load_config(folder / CONFIG_NAME)


def entered(folder: Path, *cameras: CameraEntry, credentials: Credentials | None = None) -> NodeConfig:
    """The configuration once `cameras` are in the list, each with the same login."""
    with held_list(folder / CONFIG_NAME, "test") as listed:
        for camera in cameras:
            listed.put(camera, credentials)
        listed.save()
    return load_config(folder / CONFIG_NAME)
