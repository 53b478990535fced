"""The desk of packages put together from the parts of a node. Called by node/appliance.py."""

from __future__ import annotations

from node.algorithms.desk import AlgorithmDesk
from node.algorithms.shelf import Shelf
from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.requests.wiring import Requests


def algorithms_of(parts: Parts, cases: CaseDesk, requests: Requests) -> AlgorithmDesk:
    """The desk; it answers the tree from now on."""
    shelf = Shelf(parts.config, parts.clock)
    parent = parts.parent.node if parts.parent is not None else ""
    return AlgorithmDesk(cases, shelf, requests.taking.routes, requests.parties, parent)
