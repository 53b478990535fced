"""What ships for cameras is free of the GPL and of what was learned from other people's pictures; judged by the installed files.

The metadata of packages is judged in test_licences.py; that cv2 is never given an address in tests/edge_ai/sources/test_decoder.py.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import mmap
import re
import tomllib
from pathlib import Path

import onnx
import pytest

from tests.house.test_licences import locked
from tests.house.tree import ROOT, imported_names, python_files

BUNDLED = {
    "libavcodec": "LGPL 2.1 or later, said in the file", "libavformat": "the same", "libavutil": "the same",
    "libswresample": "the same", "libswscale": "the same",
    "libvpx": "BSD-3-Clause", "libaom": "BSD-2-Clause with a patent licence", "libavif": "BSD-2-Clause",
    "libdrm": "MIT", "libpng16": "libpng licence",
    "libopenblasp": "BSD-3-Clause", "libscipy_openblas64_": "BSD-3-Clause",
    "libgfortran": "GPL 3 with the GCC Runtime Library Exception, so whatever is linked to it keeps its own licence",
    "libquadmath": "LGPL 2.1 or later",
    "libcrypto": "OpenSSL licence; dead weight: cv2 opens no network", "libssl": "the same",
    "libzmq": "MPL 2.0", "libsodium": "ISC",
}  # fmt: skip
"""Every library that a wheel of requirements.lock carries along, with its licence: one that is not here is looked up before it ships."""
ENCODERS = (b"x264_encoder_open", b"x265_encoder_open", b"--enable-gpl")
"""What is in a file that holds x264 or x265, calls them, or was built to. The name x264 alone is also in decoders that know its streams."""
FOREIGN = {
    "av": "its wheel needs x264 and x265", "ultralytics": "AGPL", "trackers": "pulls in opencv-python, requests and av",
    "supervision": "73 MiB for what edge_ai/zones.py does", "norfair": "numpy below 2",
    "opencv-python": "never beside opencv-python-headless", "opencv-contrib-python": "the same", "imageio-ffmpeg": "a GPL ffmpeg inside",
}  # fmt: skip
"""Packages that are not used, and why."""
WEIGHTS = {".onnx", ".pt", ".pth", ".safetensors", ".tflite", ".npz", ".engine", ".caffemodel", ".pb"}
OWN_CLASSES = {"person", "vehicle", "two-wheeler", "fire", "smoke", "neither", "other", "nothing"}
WEIGHTS_BYTES_MAX = 3 << 20
TRACKER_LINES_MAX, ZONES_LINES_MAX = 300, 120


def carried(name: str) -> list[Path]:
    """Shared libraries of an installed distribution."""
    files = importlib.metadata.distribution(name).files or []
    return [Path(str(entry.locate())) for entry in files if re.search(r"\.so(\.[\d.]+\w*)?$", entry.name)]


def holds(file: Path, words: bytes) -> bool:
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(words) >= 0


def test_every_library_that_a_wheel_carries_along_is_known_with_its_licence() -> None:
    files = [file for requirement in locked("requirements.lock") for file in carried(requirement.name)]
    along = {file.name for file in files if file.parent.name.endswith(".libs")}
    assert len(along) > 10
    assert sorted(name for name in along if re.split(r"[-.]", name)[0] not in BUNDLED) == []
    assert [name for name in along if re.search("x26[45]|de265|kvazaar|postproc", name)] == []


def test_what_decodes_neither_holds_nor_calls_x264_and_x265() -> None:
    files = [file for file in carried("opencv-python-headless") if re.match("cv2|libav(codec|format|util)|libsw", file.name)]
    assert {re.split(r"[-.]", file.name)[0] for file in files} >= {"cv2", "libavcodec", "libavformat"}
    assert [(file.name, words) for file in files for words in ENCODERS if holds(file, words)] == []
    [codec] = [file for file in files if file.name.startswith("libavcodec")]
    assert holds(codec, b"LGPL version 2.1 or later")


def test_the_marks_of_the_encoders_would_be_seen(tmp_path: Path) -> None:
    for words in ENCODERS:
        (tmp_path / "library.so").write_bytes(bytes(5_000) + words + b"\0")
        assert holds(tmp_path / "library.so", words)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_packages_that_are_not_used_are_in_no_lock(lock: str) -> None:
    assert {requirement.name.lower() for requirement in locked(lock)} & FOREIGN.keys() == set()


def test_packages_that_are_not_used_are_imported_nowhere() -> None:
    modules = "|".join(name.replace("-", "_") for name in FOREIGN if not name.startswith("opencv"))
    using = re.compile(rf"^\s*(?:import|from) (?:{modules})\b", re.MULTILINE)
    entries = [entry for room in ("edge_ai", "node", "simulations", "training") for entry in python_files(room)]
    assert using.search("import os\nfrom av.codec import Codec\n")
    assert [entry.name for entry in entries if using.search(entry.read_text("utf-8"))] == []


def test_tracker_and_zones_are_our_own_and_small() -> None:
    tracking = list((ROOT / "edge_ai" / "tracking").glob("*.py"))
    assert sum(len(file.read_text("utf-8").splitlines()) for file in tracking) <= TRACKER_LINES_MAX
    assert any("lap" in imported_names(file) for file in tracking)
    assert len((ROOT / "edge_ai" / "zones.py").read_text("utf-8").splitlines()) <= ZONES_LINES_MAX
    assert "from shapely import" in (ROOT / "tests" / "edge_ai" / "test_zones.py").read_text("utf-8")


def weights() -> list[Path]:
    folders = (folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    return [file for folder in folders for file in folder.rglob("*") if file.suffix in WEIGHTS and file.is_file()]


def test_all_weights_that_ship_were_learned_from_rendered_scenes_and_are_named_by_their_hash() -> None:
    shipped = weights()
    assert {file.parent.parent for file in shipped} == {ROOT / "edge_ai" / "algorithms"}
    for file in shipped:
        manifest = tomllib.loads((file.parent / "manifest.toml").read_text("utf-8"))
        assert manifest["evidence_grade"] == "rendered-only", file
        assert isinstance(manifest["seed"], int), file
        assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest(), file
        assert manifest["licence"] == "Apache-2.0", file
        assert set(manifest["classes"]) <= OWN_CLASSES, f"{file} knows classes of a foreign data set"
        assert file.stat().st_size <= WEIGHTS_BYTES_MAX, file


def test_no_model_that_ships_tells_of_the_machine_that_made_it() -> None:
    """Exporters write the paths of their machine into every node."""
    for file in weights():
        graph = onnx.load(file).graph
        told = [node.name for node in graph.node if node.metadata_props or node.doc_string]
        told += [value.name for value in graph.value_info if value.metadata_props or value.doc_string]
        assert (file.name, told) == (file.name, [])


def test_the_patents_of_video_coding_are_named() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert re.search(r"H\.264 and H\.265 .*patents", notice)
