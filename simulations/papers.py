"""Real keys and certificates for the nodes of a world whose papers are read by others: questions and pages of requests.

Drawn once per tree and process, because they are chance of the real kind: nothing that is traced may depend on their bytes. Called by
rooms.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from node.identity.certificates import to_pem
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from simulations.clock import EPOCH_US
from simulations.topology import NodePlan
from sync.model import Territory

_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
"""Kept until the process ends."""


def identities_of(plans: Sequence[NodePlan]) -> Mapping[str, IdentityFiles]:
    """The identity of each node, certified by its planned parent; parents come before children."""
    return _identities(tuple(plans))


@cache
def _identities(plans: tuple[NodePlan, ...]) -> Mapping[str, IdentityFiles]:
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="yunnao-papers-"))
    made: dict[str, IdentityFiles] = {}
    for plan in plans:
        made[plan.id] = _identity(Path(_FOLDERS[-1].name) / plan.id, plan, made.get(plan.parent))
    return made


def _identity(folder: Path, plan: NodePlan, parent: IdentityFiles | None) -> IdentityFiles:
    facts, files = NodeFacts(plan.id, plan.level, Territory(plan.territory)), IdentityFiles(folder)
    folder.mkdir()
    files.make(facts, now_us=EPOCH_US)
    if parent is not None:
        certificate = parent.authority().issue(files.request(facts), level=facts.level, territory=facts.territory, now_us=EPOCH_US)
        chain = to_pem(certificate) + parent.read(parent.certificate("ca"))
        files.install(facts, ca_chain_pem=chain, root_pem=parent.root_pem(), now_us=EPOCH_US)
    return files
