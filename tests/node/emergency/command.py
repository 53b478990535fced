"""Emergencies over the six nodes of tests/node/requests/borough.py: opened by a node above the provider and signed by two persons.

Called by test_fetch.py and by the tests of live views.
"""

from __future__ import annotations

from typing import Any

from node.emergency.desk import EmergencyDesk
from node.emergency.kind import EMERGENCY, HOUR_US
from node.requests.desk import RequestDesk
from node.requests.kind import Ask
from tests.node.requests.borough import PROVIDER, TERMS, Borough, party
from tests.policies.city import city

ABOVE = {PROVIDER: frozenset({"shibei", "qingdao", "shandong"})}


def know_emergencies(borough: Borough) -> None:
    """From now on every node has them, and the provider knows who is above it."""
    borough.town.resources = [*borough.town.resources, city().resources["emergencies"]]
    for node, office in borough.town.offices.items():
        office.desk.register.kinds = {**office.desk.register.kinds, EMERGENCY.name: EMERGENCY}
        office.desk.resource = {one.code: one for one in borough.town.resources}.get
        borough.giving[node].others, borough.giving[node].above = EMERGENCY, ABOVE.get(node, frozenset())
        object.__setattr__(borough.taking[node], "others", EMERGENCY)


def desk_of(borough: Borough, node: str) -> EmergencyDesk:
    """A node's emergencies."""
    forms = borough.desks[node]
    inner = RequestDesk(forms.cases, EMERGENCY, TERMS, forms.rules, forms.shares, forms.clock)
    return EmergencyDesk(forms.cases, inner, forms.clock)


async def opened(borough: Borough, asker: str = "qingdao", **change: Any) -> str:
    """An emergency of three hours that two persons of the asker signed, carried to everybody."""
    said: dict[str, Any] = {"resource": "residents", "fields": ("name", "category"), "purpose": "emergency", "why": "fire"}
    ask = Ask(until_us=borough.town.clock.wall + 3 * HOUR_US, **(said | change))
    case = await desk_of(borough, asker).open(ask, by="li", provider=party(PROVIDER), authority=party("shandong"))
    await borough.town.carry()
    await desk_of(borough, asker).approve(case.id, by="wang")
    await borough.town.carry()
    return case.id
