"""The committed generated code is what the .proto file gives."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WIRE = ROOT / "sync" / "wire"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("grpc_tools") is None, reason="grpcio-tools is not installed: the generated code cannot be compared")
def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    """Regenerate with: python -m grpc_tools.protoc -I. --python_out=. --mypy_out=. sync/wire/yunnao.proto."""
    outputs = [f"--python_out={tmp_path}", f"--mypy_out={tmp_path}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs, "sync/wire/yunnao.proto"]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PATH": path})
    for name in ("yunnao_pb2.py", "yunnao_pb2.pyi"):
        assert (tmp_path / "sync" / "wire" / name).read_text("utf-8") == (WIRE / name).read_text("utf-8"), name
