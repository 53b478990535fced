"""What several verbs need of a node's folder: its configuration, identity and the store of admissions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.config.config import CONFIG_NAME, NodeConfig, load_config
from node.identity.admissions import Admissions
from node.identity.certificates import CA_LIFE_S
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles


def read_config(folder: Path) -> NodeConfig:
    """The configuration of the node in `folder`; raises ConfigError."""
    return load_config(folder / CONFIG_NAME)


def facts_of_config(config: NodeConfig) -> NodeFacts:
    """Who the configuration says this node is."""
    return NodeFacts(config.node.id, config.level, config.territory)


@contextmanager
def open_admissions(folder: Path, *, ca_life_s: int = CA_LIFE_S) -> Iterator[tuple[IdentityFiles, Admissions]]:
    """The identity and admissions of a certified node, issuing for `ca_life_s` seconds; raises KeyFileError before join."""
    files = IdentityFiles(folder)
    admissions = Admissions(files.database, files.authority(life_s=ca_life_s))
    try:
        yield files, admissions
    finally:
        admissions.close()
