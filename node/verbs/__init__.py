"""The node's own verbs, one module each; the table names modules so that only the one in use is imported."""

from __future__ import annotations

NAMES = (
    "init", "restore", "reseed", "token", "join", "admit", "attach", "password", "device", "profile", "run",
    "status", "summary", "audit", "policy", "feed", "put", "doctor", "bundle", "journal", "trace",
    "quarantine", "catalogue", "classify", "entry", "request", "verify", "regrade", "emergency", "review", "quality", "sql", "recall",
    "return", "territory", "alarm", "incident", "camera", "model", "evidence", "rule", "bench",
)  # fmt: skip
_ELSEWHERE = {"return": "returns"}
"""Verbs whose module cannot have their name, because it is a word of Python."""
BUILT_IN = {name: f"node.verbs.{_ELSEWHERE.get(name, name)}" for name in NAMES}
"""Module of each verb by name, in the order the overview shows them; each module has a `VERB`."""
