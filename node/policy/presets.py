"""What a newer program ships and the rules of this node lack: brought into the node's own bundle at the first start after an upgrade.

Owns the memory of what was offered before (`presets.json`): something that was brought once and that people withdrew or changed since stays
as they left it. Brings resources, mask profiles and scales, and only those that no bundle in force defines; refuses to touch the ceiling
table, release rules and entries of the negative list, which people decide. What does not fit the rules in force is said and left out, and
tried again at the next start. Called by node/appliance.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from node.audit.desk import AuditDesk
from node.audit.entry import LIST_ITEMS_MAX
from node.audit.errors import AuditRefused
from node.audit.words import AuditKind
from node.files import write_durably
from node.policy.issuing import Issuer, IssueRefused
from policies.bundle import Contents
from policies.errors import PolicyError
from policies.presets import PRESET_LEVELS, city_bundle_contents

FILE_NAME = "presets.json"
BY_ITSELF = "program"
"""Who brings what no person brought."""
SUBJECT = "presets"
FIRST_CODES = (
    "air-quality",
    "camera-events",
    "camera-evidence",
    "device-registry",
    "enterprises",
    "incidents",
    "residents",
    "residents-summary",
    "traffic-flow",
)
FIRST_MASKS = ("address", "day", "decade", "grid-100m", "id-number", "name", "phone", "plate", "resident-token")
FIRST = frozenset({*(f"catalogue/{code}" for code in FIRST_CODES), *(f"masks/{name}" for name in FIRST_MASKS)})
"""What every program has shipped: where nothing is remembered, this was offered, and may have been withdrawn since."""

log = logging.getLogger("yunnao.policy")


@dataclass(frozen=True, slots=True)
class Presets:
    """The presets of one node."""

    issuer: Issuer
    audit: AuditDesk
    folder: Path
    """Where it is remembered what was offered."""

    async def bring(self) -> list[str]:
        """Issue what is new in this program; the names of what was brought. What fails is said, and tried again at the next start."""
        if self.issuer.level not in PRESET_LEVELS:
            return []
        shipped = city_bundle_contents(self.issuer.level)
        offered = self._offered()
        new = self._lacking(shipped, frozenset(names_in(shipped)) - offered)
        if new and not await self._issue(shipped, new):
            return []
        if not offered >= set(names_in(shipped)):
            self._remember(offered | set(names_in(shipped)))
        return new

    def _lacking(self, shipped: Contents, unoffered: frozenset[str]) -> list[str]:
        """What was never offered and no issuer defines: an entry of another issuer is the stricter or the higher one already."""
        rules, held = self.issuer.policy.ruleset, self.issuer.policy.held(self.issuer.node)
        own = frozenset(names_in(held.contents)) if held else frozenset()
        known = {f"catalogue/{code}" for code in rules.resources} | {f"masks/{name}" for name in rules.masks} | own
        return sorted(unoffered - known)

    async def _issue(self, shipped: Contents, new: list[str]) -> bool:
        seq = 0
        try:
            bundle = self.issuer.next_bundle(lambda held: with_presets(held, shipped, frozenset(new)))
            seq = await self.audit.note(
                AuditKind.POLICY, SUBJECT, by=BY_ITSELF, detail={"epoch": bundle.epoch, "brought": new[:LIST_ITEMS_MAX]}
            )
            await self.issuer.issue_aside(bundle)
        except (PolicyError, IssueRefused, AuditRefused) as error:
            if seq:
                self.audit.add(AuditKind.POLICY, SUBJECT, by=BY_ITSELF, detail={"refused": seq})
            log.warning("what this program newly ships (%s) is not issued: %s", ", ".join(new), error)
            return False
        log.info("epoch %d of %s brings what this program newly ships: %s", bundle.epoch, bundle.issuer, ", ".join(new))
        return True

    def _offered(self) -> frozenset[str]:
        """What was offered before; a file that is missing or cannot be read counts as that of a node from before there was one."""
        try:
            read = json.loads((self.folder / FILE_NAME).read_text("utf-8"))
        except (FileNotFoundError, UnicodeDecodeError, ValueError):
            return FIRST
        names = read.get("offered") if isinstance(read, dict) else None
        return FIRST | {name for name in names if isinstance(name, str)} if isinstance(names, list) else FIRST

    def _remember(self, offered: Iterable[str]) -> None:
        try:
            write_durably(self.folder / FILE_NAME, json.dumps({"offered": sorted(offered)}, indent=1).encode() + b"\n")
        except OSError as error:
            log.warning("what this program ships is not noted in %s: %s; what is withdrawn meanwhile may come again", FILE_NAME, error)


def names_in(contents: Contents) -> list[str]:
    """The parts that a program may bring, by name."""
    codes = [f"catalogue/{resource.code}" for resource in contents.catalogue]
    return codes + [f"masks/{name}" for name, _ in contents.masks] + [f"scales/{scale.resource}" for scale in contents.scales]


def with_presets(held: Contents, shipped: Contents, new: frozenset[str]) -> Contents:
    """What is held with the `new` parts of what is shipped; nothing that is held changes."""
    masks = [(name, mask) for name, mask in shipped.masks if f"masks/{name}" in new]
    return replace(
        held,
        catalogue=(*held.catalogue, *(resource for resource in shipped.catalogue if f"catalogue/{resource.code}" in new)),
        masks=tuple(sorted((*held.masks, *masks), key=lambda named: named[0])),
        scales=(*held.scales, *(scale for scale in shipped.scales if f"scales/{scale.resource}" in new)),
    )
