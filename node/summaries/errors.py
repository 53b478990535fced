"""Errors of summaries."""

from __future__ import annotations

from sync.model import SyncError


class SummaryError(SyncError):
    """A summary that cannot be computed, and why."""
