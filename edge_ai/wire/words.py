"""Words that several kinds of messages between a worker and the node are made of, each with its bound."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_ai.reasons import TOLD_CHARS_MAX

TEXT_CHARS_MAX = 128
Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
EventName = Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,64}$")]
"""An event that may name a file."""
Why = Annotated[str, msgspec.Meta(max_length=TOLD_CHARS_MAX)]
"""Why something is not as it should be: a reason as it travels (edge_ai/reasons.py), or a text."""
