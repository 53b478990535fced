"""Errors of the audit log.

NodeError
+-- AuditRefused  an entry cannot be written, so what it records must not happen
+-- AuditUnread   the log cannot be read as asked
"""

from __future__ import annotations

from node.errors import NodeError


class AuditRefused(NodeError):
    """An entry that is not in the log: whoever wanted it must not act."""


class AuditUnread(NodeError):
    """A question about the log that has no answer; the text says why."""
