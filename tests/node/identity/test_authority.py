"""What a CA issues and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from node.identity.authority import check_request
from node.identity.errors import ChainError, Check
from node.identity.facts import NodeFacts, encode_facts
from node.identity.files import IdentityFiles
from node.identity.keys import new_tls_key
from sync.model import Level, Territory
from tests.node.identity.family import CITY, NOW_US, PROVINCE, make_node


@pytest.fixture
def city(tmp_path: Path) -> IdentityFiles:
    return make_node(tmp_path, CITY, parent=make_node(tmp_path, PROVINCE))


@pytest.mark.parametrize(
    ("level", "territory", "expected"),
    [
        (Level.MUNICIPAL, Territory("3702"), Check.WRONG_LEVEL),
        (Level.PROVINCIAL, Territory("3702"), Check.WRONG_LEVEL),
        (Level.DISTRICT, Territory("370302"), Check.OUTSIDE_TERRITORY),
        (Level.DISTRICT, Territory("37"), Check.OUTSIDE_TERRITORY),
        (Level.DISTRICT, Territory("370202", system="OTHER"), Check.OUTSIDE_TERRITORY),
        (Level.DISTRICT, Territory("370202", edition="2020-01-01"), Check.OUTSIDE_TERRITORY),
    ],
)
def test_authority_refuses_whoever_is_not_its_child(city: IdentityFiles, level: Level, territory: Territory, expected: Check) -> None:
    with pytest.raises(ChainError) as caught:
        city.authority().check(node="someone", level=level, territory=territory)
    assert caught.value.check is expected


def test_authority_refuses_to_grant_other_than_asked(city: IdentityFiles, tmp_path: Path) -> None:
    asked = NodeFacts("shinan", Level.DISTRICT, Territory("370202"))
    csr = make_node(tmp_path, asked).request(asked)
    with pytest.raises(ChainError, match="another level or territory"):
        city.authority().issue(csr, level=Level.STREET, territory=asked.territory, now_us=NOW_US)


def test_request_with_another_kind_of_key_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.add_extension(encode_facts(CITY), critical=False).sign(key, hashes.SHA256())
    with pytest.raises(ChainError, match="P-256"):
        check_request(csr)


def test_request_without_node_facts_is_refused() -> None:
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(new_tls_key(), hashes.SHA256())
    with pytest.raises(ChainError, match="no node facts"):
        check_request(csr)
