"""The notary of a world believes what it signed, and checks everything else."""

from dataclasses import replace
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.identity.vouch import KeyDirectory, ManifestVouch
from simulations.notary import Notary, Signed
from sync.model import Manifest

DIGEST = bytes(range(32))


def pair() -> tuple[Notary, Notary, Ed25519PrivateKey, KeyDirectory]:
    rng, directory, signed = Random(1), KeyDirectory(), Signed()
    keys = [Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)) for _ in range(2)]
    for node, key in zip(("a", "b"), keys, strict=True):
        directory.learn_key(node, key.public_key().public_bytes_raw())
    one, other = (Notary(node, key, directory, signed) for node, key in zip(("a", "b"), keys, strict=True))
    return one, other, keys[0], directory


def test_what_one_node_signed_holds_for_another() -> None:
    one, other, _, _ = pair()
    assert other.check(one.sign(DIGEST, ()), issuer="a")


def test_a_signature_under_another_name_does_not_hold() -> None:
    one, other, _, _ = pair()
    manifest = one.sign(DIGEST, ())
    assert not other.check(manifest, issuer="b")
    assert not other.check(replace(manifest, issuer="b"), issuer="b")


def test_a_changed_header_or_signature_does_not_hold() -> None:
    one, other, _, _ = pair()
    manifest = one.sign(DIGEST, ())
    assert not other.check(replace(manifest, header_sha256=bytes(32)), issuer="a")
    assert not other.check(replace(manifest, signature=bytes(64)), issuer="a")


def test_a_true_signature_made_elsewhere_is_proven_by_its_key() -> None:
    _, other, key, directory = pair()
    manifest: Manifest = ManifestVouch("a", key, directory).sign(DIGEST, ())
    assert other.check(manifest, issuer="a")
