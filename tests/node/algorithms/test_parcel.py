"""Packages between nodes: signed by a node of this province, whole, and nothing else in the file."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_ai.errors import AlgorithmError
from edge_ai.models.library import Library
from edge_ai.models.package import CARD, LICENCE, MANIFEST, SIGNATURE, Card, Signature
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.parcel import Parcel, read_parcel, write_parcel
from node.algorithms.seal import PackageSeal
from tests.edge_ai.models.made import package
from tests.node.identity.family import CITY, PROVINCE, make_node


@pytest.fixture
def seals(tmp_path: Path) -> tuple[PackageSeal, PackageSeal]:
    """Of a province and of its city."""
    province = make_node(tmp_path, PROVINCE)
    return PackageSeal(province), PackageSeal(make_node(tmp_path, CITY, parent=province))


def signed(folder: Path, seal: PackageSeal) -> Path:
    """A package in a library."""
    card, files = package()
    Library(folder / "models").add(card, files, seal.sign(card), at_us=1)
    return folder / "models" / "yard" / "1"


def parcel_of(folder: Path, seal: PackageSeal) -> Path:
    path = folder / "yard.package.tar"
    write_parcel(signed(folder, seal), path)
    return path


def test_package_of_a_city_holds_at_its_province(seals: tuple[PackageSeal, PackageSeal], tmp_path: Path) -> None:
    province, city = seals
    parcel = read_parcel(parcel_of(tmp_path, city))
    maker = province.check(parcel.card, parcel.signature)
    assert (maker.node, maker.territory.code) == (CITY.node, "3702")
    assert parcel.files == package()[1]


def test_same_package_is_the_same_bytes(seals: tuple[PackageSeal, PackageSeal], tmp_path: Path) -> None:
    first = parcel_of(tmp_path, seals[0]).read_bytes()
    write_parcel(tmp_path / "models" / "yard" / "1", tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == first
    with pytest.raises(AlgorithmRefused, match=r"again\.tar is there already: name another file"):
        write_parcel(tmp_path / "models" / "yard" / "1", tmp_path / "again.tar")


@pytest.mark.parametrize("name", [MANIFEST, LICENCE])
def test_signature_covers_every_file(name: str, seals: tuple[PackageSeal, PackageSeal], tmp_path: Path) -> None:
    folder = signed(tmp_path, seals[0])
    seals[0].check_folder(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b"#")
    with pytest.raises(AlgorithmError, match=f"yard 1 refused: {name} is not what its card says"):
        seals[0].check_folder(folder)


def test_package_of_another_province_is_refused(seals: tuple[PackageSeal, PackageSeal], tmp_path: Path) -> None:
    card, _ = package()
    strange = PackageSeal(make_node(tmp_path / "elsewhere", PROVINCE)).sign(card)
    with pytest.raises(AlgorithmRefused, match=r"package yard 1 refused: .*does not end at our provincial root"):
        seals[0].check(card, strange)


def changed_key(card: Card, signature: Signature) -> Signature:
    forged = Ed25519PrivateKey.generate().sign(card.signed_bytes).hex()
    return Signature(node=signature.node, signature=forged, chain_pem=signature.chain_pem)


def other_name(card: Card, signature: Signature) -> Signature:
    return Signature(node="somebody", signature=signature.signature, chain_pem=signature.chain_pem)


def no_chain(card: Card, signature: Signature) -> Signature:
    return Signature(node=signature.node, signature=signature.signature, chain_pem="")


@pytest.mark.parametrize(
    ("forge", "words"),
    [(changed_key, "the signature of shandong does not hold"), (other_name, "it names somebody, its chain is of shandong"), (no_chain, "")],
)
def test_forged_signature_is_refused(
    forge: Callable[[Card, Signature], Signature], words: str, seals: tuple[PackageSeal, PackageSeal]
) -> None:
    card, _ = package()
    with pytest.raises(AlgorithmRefused, match=f"package yard 1 refused: .*{words}"):
        seals[0].check(card, forge(card, seals[0].sign(card)))


def repacked(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The parcel with its files changed."""
    with tarfile.open(path) as tar:
        files = {entry.name: (tar.extractfile(entry) or io.BytesIO()).read() for entry in tar}
    change(files)
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files.update({"../outside": b"x"}), r"package\.json cannot be read|is no file of one|refused"),
        (lambda files: files.update({"golden/more.jpg": b"x"}), "its files are not what its card says"),
        (lambda files: files.update({LICENCE: b"other"}), "its files are not what its card says"),
        (lambda files: files.pop(LICENCE), "it lacks LICENSE"),
        (lambda files: files.pop(CARD), r"it lacks package\.json"),
        (lambda files: files.pop(SIGNATURE), r"it lacks signature\.json"),
        (lambda files: files.update({CARD: files[CARD] + b" "}), "is not in canonical form 1"),
        (lambda files: files.update({CARD: b"[" * 100_000}), r"package\.json cannot be read"),
        (lambda files: files.update({CARD: b"x" * 200_000}), r"'package\.json' is no file of one, or too large"),
        (lambda files: files.update({f"golden/{number}.jpg": b"" for number in range(100)}), "is no file of one, or too large"),
    ],
)
def test_file_that_is_no_package_is_refused(
    change: Callable[[dict[str, bytes]], None], words: str, seals: tuple[PackageSeal, PackageSeal], tmp_path: Path
) -> None:
    path = repacked(parcel_of(tmp_path, seals[0]), change)
    with pytest.raises((AlgorithmRefused, AlgorithmError), match=words):
        read_parcel(path)


def test_link_in_a_package_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("model.onnx")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(AlgorithmRefused, match=r"'model\.onnx' is no file of one"):
        read_parcel(path)


def test_damage_anywhere_is_refused(seals: tuple[PackageSeal, PackageSeal], tmp_path: Path) -> None:
    path = parcel_of(tmp_path, seals[0])
    whole = path.read_bytes()
    damaged = 0
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            parcel: Parcel | None = read_parcel(path)
        except (AlgorithmRefused, AlgorithmError):
            parcel = None
        damaged += parcel is None
        assert parcel is None or parcel.files == package()[1]
    assert damaged > 10


@pytest.mark.parametrize("data", [b"", b"x" * 512, b"\0" * 2048])
def test_what_is_no_tar_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(AlgorithmRefused, match=r"a\.tar is no package"):
        read_parcel(tmp_path / "a.tar")
