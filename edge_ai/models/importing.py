"""From a third-party file to a package: read, normalised, tested against its own golden pictures, measured, and put on a card.

Nothing of the file is looked at in this process; all of it happens in throw-away ones (apart.py). Refuses a file whose normalised form
sees something else than the file as it came, and pictures in which the model sees nothing: they would prove nothing. Signing and keeping
are the caller's. Called by the `model` verb.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from edge_ai.errors import ModelError
from edge_ai.models.apart import Limits, run_apart
from edge_ai.models.facts import GoldenFacts, GraphFacts, Seen
from edge_ai.models.golden import decode_expected, differences, encode_expected
from edge_ai.models.manifest import MANIFEST_BYTES_MAX, Manifest, decode_manifest, encode_manifest
from edge_ai.models.package import (
    EXPECTED,
    FILE_BYTES_MAX,
    LICENCE,
    MANIFEST,
    MODEL,
    Card,
    card_of,
    read_bounded,
)
from edge_ai.models.picture_bounds import check_picture
from edge_ai.models.picture_notes import without_notes

PICTURES_MAX = 16
PICTURE_BYTES_MAX = 4 * 1024 * 1024
LICENCE_BYTES_MAX = 256 * 1024
DIFFERENCES_SHOWN = 3
_KINDS = {b"\xff\xd8\xff": "jpg", b"\x89PN": "png"}

Say = Callable[[str], None]
"""Told the step that begins: normalise, golden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What is to become a package."""

    source: Path
    manifest: Manifest
    """As the person gave it; what is measured is added."""
    licence: bytes
    pictures: Sequence[Path]
    size: tuple[int, int] | None = None
    """Height and width, for a model that leaves them open."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A package that is not signed yet."""

    card: Card
    files: Mapping[str, bytes]
    manifest: Manifest
    graph: GraphFacts
    golden: GoldenFacts
    as_found: str
    """Why the file as it came could not be compared with its normalised form; empty when it was, and sees the same."""


def prepare(order: ImportOrder, say: Say = lambda step: None) -> Prepared:
    """The package of a model file; raises AlgorithmError with the reason. Blocking, seconds."""
    pictures = _pictures(order.pictures)
    source = read_bounded(order.source, FILE_BYTES_MAX)
    with TemporaryDirectory(prefix="yunnao-import-") as work:
        folder = Path(work)
        _came(folder, order).parent.mkdir()
        _came(folder, order).write_bytes(source)
        say("normalise")
        graph = _normalise(folder, order)
        say("golden")
        (folder / MANIFEST).write_bytes(encode_manifest(order.manifest))
        as_found, golden = _compared(folder, pictures, order)
        model = read_bounded(folder / MODEL, FILE_BYTES_MAX)
    manifest = _measured(order.manifest, source, model, graph, golden)
    files = {
        MANIFEST: encode_manifest(manifest),
        MODEL: model,
        LICENCE: order.licence,
        EXPECTED: encode_expected(golden.pictures),
        **{f"golden/{name}": data for name, data in pictures.items()},
    }
    decode_manifest(files[MANIFEST], manifest.id)
    return Prepared(card_of(manifest.id, manifest.version, files), files, manifest, graph, golden, as_found)


def run_again(folder: Path, *, limits: Limits = Limits()) -> tuple[GoldenFacts, list[str]]:  # noqa: B008 - a frozen value
    """The golden run of a package on this machine, and what differs from what was recorded; raises AlgorithmError. Blocking, seconds."""
    raw = read_bounded(folder / MANIFEST, MANIFEST_BYTES_MAX)
    manifest = decode_manifest(raw, folder.parent.name)
    expected = decode_expected(read_bounded(folder / EXPECTED, PICTURE_BYTES_MAX))
    absent = sorted(name for name in expected if "/" in name or not (folder / "golden" / name).is_file())
    if absent or not expected:
        raise ModelError(f"package {manifest.id} {manifest.version} refused: golden picture {absent[:1] or 'none'} is not there")
    found = _golden(folder / MANIFEST, folder / MODEL, {name: folder / "golden" / name for name in expected}, limits)
    return found, differences(expected, found.pictures, score_min=manifest.score_min)


def _pictures(paths: Sequence[Path]) -> dict[str, bytes]:
    if not 1 <= len(paths) <= PICTURES_MAX:
        raise ModelError(f"{len(paths)} golden pictures: give 1 to {PICTURES_MAX} that show what the model knows")
    found = {}
    for index, path in enumerate(paths, start=1):
        data = read_bounded(path, PICTURE_BYTES_MAX)
        kind = _KINDS.get(data[:3])
        if kind is None:
            raise ModelError(f"golden picture {path.name} refused: it is neither JPEG nor PNG")
        check_picture(path.name, data)
        found[f"{index:02}.{kind}"] = without_notes(path.name, data)
    return found


def _came(folder: Path, order: ImportOrder) -> Path:
    """Where the file lies as it came, under its own name: refusals repeat it."""
    return folder / "came" / order.source.name


def _normalise(folder: Path, order: ImportOrder) -> GraphFacts:
    request = {"source": str(_came(folder, order)), "target": str(folder / MODEL), "size": order.size}
    return msgspec.json.decode(run_apart("normalise", request, limits=order.limits), type=GraphFacts)


def _compared(folder: Path, pictures: Mapping[str, bytes], order: ImportOrder) -> tuple[str, GoldenFacts]:
    paths = {name: folder / name for name in pictures}
    for name, path in paths.items():
        path.write_bytes(pictures[name])
    golden = _golden(folder / MANIFEST, folder / MODEL, paths, order.limits)
    if not any(golden.pictures.values()):
        raise ModelError(
            f"model refused: it sees nothing of score {order.manifest.score_min:g} in {len(paths)} golden pictures; "
            f"give pictures of what it knows, check --family, --rgb, --mean and --divisor, or lower --score-min"
        )
    try:
        before = _golden(folder / MANIFEST, _came(folder, order), paths, order.limits)
    except ModelError as error:
        return str(error), golden
    if words := differences(before.pictures, golden.pictures, score_min=order.manifest.score_min):
        shown = "; ".join(words[:DIFFERENCES_SHOWN])
        raise ModelError(f"model refused: normalised it sees something else than as it came ({shown}); export it again with fixed shapes")
    return "", golden


def _golden(manifest: Path, model: Path, pictures: Mapping[str, Path], limits: Limits) -> GoldenFacts:
    request = {"manifest": str(manifest), "model": str(model), "pictures": {name: str(path) for name, path in pictures.items()}}
    return msgspec.json.decode(run_apart("golden", request, limits=limits), type=GoldenFacts)


def _measured(manifest: Manifest, source: bytes, model: bytes, graph: GraphFacts, golden: GoldenFacts) -> Manifest:
    measured = {
        "golden-run-ms": golden.run_ms,
        "golden-whole-ms": golden.whole_ms,
        "golden-memory-mib": golden.memory_mib,
        "weights-taken-out-of-inputs": float(graph.weights_taken_out),
    }
    return replace(
        manifest,
        sha256=hashlib.sha256(model).hexdigest(),
        source_sha256=hashlib.sha256(source).hexdigest(),
        opset=graph.opset,
        measured={**manifest.measured, **measured},
    )


def seen_in_words(seen: Sequence[Seen]) -> str:
    """`bus 0.96, person 0.88`: what was seen in one picture, surest first."""
    return ", ".join(f"{box.label} {box.score:.2f}" for box in sorted(seen, key=lambda box: -box.score)) or "-"
