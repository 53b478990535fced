"""The home of onnxruntime: loads a model, checks its tensors, runs it on one thread.

Refuses models whose shapes are not what their family needs, before the first picture. Called by the families in this folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from edge_ai.errors import ModelError
from edge_ai.picture import Floats
from edge_ai.reasons import Reason, reason

MODEL_BYTES_MAX = 256 * 1024 * 1024
"""Bytes of a model file; larger ones are refused unread."""
REASON_CHARS_MAX = 160
"""Of what the runtime says of a failure."""
_TOO_MUCH = re.compile(r"allocate memory for requested buffer of size (\d+)")
_LOAD_FAILURES = (
    failures.EPFail,
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoModel,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
    UnicodeDecodeError,
)
_RUN_FAILURES = (
    failures.EPFail,
    failures.Fail,
    failures.InvalidArgument,
    failures.NotImplemented,
    failures.RuntimeException,
    UnicodeDecodeError,
)

Shape = Sequence[int | str | None]


class ModelSession:
    """One loaded model with one input; `run` is not thread-safe and needs not be."""

    _outputs: dict[str, list[int | str | None]]

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._session = _load(path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(reason("model-inputs", model=self.name, count=len(inputs)))
        self._input = inputs[0].name
        self.height, self.width = self._picture_size(inputs[0].shape, inputs[0].type)
        self._outputs = {output.name: list(output.shape) for output in self._session.get_outputs()}

    def expect(self, outputs: Mapping[str, tuple[int, ...]]) -> None:
        """Raise ModelError unless the model has exactly these outputs and shapes."""
        for name, shape in outputs.items():
            found = self._outputs.get(name)
            if found is None:
                raise ModelError(reason("model-no-output", model=self.name, output=repr(name), found=", ".join(self._outputs)))
            if tuple(found) != shape:
                raise ModelError(reason("model-output-shape", model=self.name, output=repr(name), wanted=list(shape), found=found))

    def expect_only(self, shape: tuple[int, ...]) -> None:
        """Raise ModelError unless the model has one output of this shape, whatever its name."""
        if len(self._outputs) != 1:
            raise ModelError(reason("model-outputs", model=self.name, count=len(self._outputs), wanted=list(shape)))
        self.expect({next(iter(self._outputs)): shape})

    def expect_one_of(self, *shapes: tuple[int, ...]) -> int:
        """Which of `shapes` the only output has; raises ModelError when it has none of them."""
        found = [tuple(shape) for shape in self._outputs.values()]
        if len(found) == 1 and found[0] in shapes:
            return shapes.index(found[0])
        wanted = " or ".join(str(list(shape)) for shape in shapes)
        raise ModelError(reason("model-one-output", model=self.name, wanted=wanted, found=self._outputs))

    def output_ending(self, size: int, *, but: int | None = None) -> str:
        """Name of the output of shape 1 x N x `size`; where size is `but` as well, the first one. Raises ModelError."""
        fitting = [name for name, shape in self._outputs.items() if len(shape) == 3 and shape[0] == 1 and shape[2] == size]
        if len(fitting) == 1 or (fitting and size == 4 and len(fitting) == 2):
            return fitting[0] if but == size else fitting[-1]
        raise ModelError(reason("model-boxes", model=self.name, size=size, found=self._outputs))

    def shape(self, output: str) -> tuple[int, ...]:
        """The shape of an output; raises ModelError when it is not fixed."""
        found = self._outputs[output]
        if not all(isinstance(side, int) for side in found):
            raise ModelError(reason("model-open-shape", model=self.name, output=repr(output), found=found))
        return tuple(int(side or 0) for side in found)

    def run(self, tensor: Floats, outputs: Sequence[str] | None = None) -> list[Floats]:
        """The outputs by name, or all in the model's order."""
        try:
            produced: list[Floats] = self._session.run(outputs, {self._input: tensor})
        except _RUN_FAILURES as error:
            raise ModelError(reason("model-failed", model=self.name, what=_why(error))) from error
        return produced

    def _picture_size(self, shape: Shape, kind: str) -> tuple[int, int]:
        fits = len(shape) == 4 and tuple(shape[:2]) == (1, 3) and all(isinstance(side, int) and 32 <= side <= 2048 for side in shape[2:])
        if not fits or kind != "tensor(float)":
            raise ModelError(reason("model-input-shape", model=self.name, input=repr(self._input), kind=kind, found=list(shape)))
        return int(shape[2] or 0), int(shape[3] or 0)


def _load(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(reason("model-absent", model=path))
    if (size := path.stat().st_size) > MODEL_BYTES_MAX:
        raise ModelError(reason("model-too-large", model=path.name, bytes=size, most=MODEL_BYTES_MAX))
    return open_session(str(path), path.name)


def open_session(model: str | bytes, name: str) -> onnxruntime.InferenceSession:
    """A session on one thread that never spins, of a file or of a model's bytes; raises ModelError."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except _LOAD_FAILURES as error:
        first_line = str(error).splitlines()[0][:REASON_CHARS_MAX]
        raise ModelError(reason("model-does-not-load", model=name, what=first_line)) from error


def _why(error: Exception) -> Reason | str:
    """The reason in what the runtime says, without its own source files."""
    said = str(error).splitlines()[0]
    asked = _TOO_MUCH.search(said)
    if asked is not None:
        return reason("asks-memory", mib=int(asked[1]) >> 20)
    return said.rpartition("Status Message: ")[2][:REASON_CHARS_MAX]
