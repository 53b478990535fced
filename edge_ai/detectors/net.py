"""A loaded model with the buffer that brings pictures to its size: what a family sets up before it decodes. Called by the families."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_ai.detectors.port import InputBuffer, Look
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import InputSpec
from edge_ai.picture import Floats, Pixels


class Net:
    """One model and its input; for one thread. Raises ModelError when the model cannot be loaded or takes no picture."""

    def __init__(self, model: Path, usual: Look, said: InputSpec) -> None:
        self.session = ModelSession(model)
        self.input = InputBuffer(self.session.height, self.session.width, usual.changed(said))

    def look(self, pixels: Pixels, outputs: Sequence[str] | None = None) -> list[Floats]:
        """What the model gives for a picture: the outputs by name, or all in the model's order. Raises ModelError."""
        return self.session.run(self.input.fill(pixels), outputs)
