"""The words of the audit log: what an entry may be about. Called by everybody who enters or reads something."""

from __future__ import annotations

from enum import StrEnum


class AuditKind(StrEnum):
    """What an entry is about; the value is stored in journals and never changes."""

    START = "start"
    """A process of the node began to write: software, incarnation, parent, policy in force."""
    DECISIONS = "decisions"
    """A stamp over rows of the share ledger: what was decided for whom, under which plans, with counts by outcome and reason class."""
    POLICY = "policy"
    """Bundles came into force."""
    CASE = "case"
    """Somebody here said something about a case: an entry of the negative list, a request, whatever else is a case."""
    PAGE = "page"
    """Rows handed out under a grant."""
    SUMMARY = "summary"
    """A summary given to the parent."""
    EXPORT = "export"
    """Data written into files that leave the node."""
    QUERY = "query"
    """An operator's question to the data of this node."""
    ANSWER = "answer"
    """A yes or no given on a supplied value."""
    BREAK_GLASS = "break-glass"
    """An emergency release, or the end of one."""
    RECALL = "recall"
    """A step of a recall: ordered, heard, carried out, receipted."""
    RECLASS = "reclass"
    """Records were graded up or down."""
    QUALITY = "quality"
    """A ticket or a correction."""
    OPERATOR = "operator"
    """Anything else that an operator changed."""
    WITNESS = "witness"
    """A neighbour told the head of its own log."""
    CHECKPOINT = "checkpoint"
    """Entries past their time were let go; signed."""
