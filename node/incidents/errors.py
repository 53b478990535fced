"""Errors of the node's incidents.

IncidentFault           an incident or the book of them that cannot be used
+-- IncidentUnknown     nothing here goes by that name
+-- IncidentRefused     an incident in its state does not take the step
+-- IncidentBookDamaged the book is no database any more
"""

from __future__ import annotations

from node.errors import EXIT_REFUSED, NodeError


class IncidentFault(NodeError):
    """An incident or the book of them that cannot be used; the text says why and the way out."""

    exit_code = EXIT_REFUSED


class IncidentUnknown(IncidentFault):
    """Nothing here goes by that name."""


class IncidentRefused(IncidentFault):
    """An incident in its state does not take the step."""


class IncidentBookDamaged(IncidentFault):
    """The file is no database any more."""
