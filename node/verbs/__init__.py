"""The node's own verbs, one module each; the table names modules so that only the one in use is imported."""

from __future__ import annotations

NAMES = (
    "init", "restore", "reseed", "token", "join", "admit", "attach", "password", "device", "run",
    "status", "summary", "audit", "policy", "feed", "put", "doctor", "bundle", "journal", "trace",
    "quarantine", "catalogue", "classify", "entry", "request",
)  # fmt: skip
BUILT_IN = {name: f"node.verbs.{name}" for name in NAMES}
"""Module of each verb by name, in the order the overview shows them; each module has a `VERB`."""
