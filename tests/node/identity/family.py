"""A scripted family of nodes for identity tests: a clock that stands, and identities issued without a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.identity.certificates import to_pem
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from sync.model import Instant, Level, Territory

NOW_US = 1_800_000_000_000_000
DAY_US = 86_400_000_000


@dataclass
class StandingClock:
    """A clock that moves only when a test moves it."""

    us: int = NOW_US

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return self.us


PROVINCE = NodeFacts("shandong", Level.PROVINCIAL, Territory("37"))
CITY = NodeFacts("qingdao", Level.MUNICIPAL, Territory("3702"))
DISTRICT = NodeFacts("shinan", Level.DISTRICT, Territory("370202"))
STREET = NodeFacts("badaguan", Level.STREET, Territory("370202006"))
GRID = NodeFacts("grid-1", Level.GRID, Territory("370202006001001"))


def make_node(folder: Path, facts: NodeFacts, *, parent: IdentityFiles | None = None, now_us: int = NOW_US) -> IdentityFiles:
    """A node with keys; certified by `parent` without a network when there is one."""
    files = IdentityFiles(folder / facts.node)
    files.folder.mkdir(parents=True, exist_ok=True)
    files.make(facts, now_us=now_us)
    if parent is not None:
        certificate = parent.authority().issue(files.request(facts), level=facts.level, territory=facts.territory, now_us=now_us)
        chain = to_pem(certificate) + parent.read(parent.certificate("ca"))
        files.install(facts, ca_chain_pem=chain, root_pem=parent.root_pem(), now_us=now_us)
    return files
