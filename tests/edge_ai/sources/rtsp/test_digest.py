"""Answers to challenges; the examples of the standards."""

from __future__ import annotations

import hashlib
import re
from random import Random

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.address import Credentials
from edge_ai.sources.rtsp.digest import Login, read_challenge

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe"'
)


class Fixed(Random):
    """Gives the standard's cnonce as bits."""

    def getrandbits(self, k: int, /) -> int:
        return 0x0A4F113B


def response(header: str) -> str:
    found = re.search(r'response="([0-9a-f]+)"', header)
    assert found
    return found[1]


@pytest.mark.parametrize(("algorithm", "name"), [("MD5", "md5"), ("SHA-256", "sha256")])
def test_digest_with_qop_is_the_formula_of_rfc_7616(algorithm: str, name: str) -> None:
    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    header = Login(MUFASA, read_challenge([RFC7616.format(algorithm)]), Fixed()).header("GET", "/dir/index.html")
    secret = hashed("Mufasa:http-auth@example.org:Circle of Life")
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    assert response(header) == hashed(f"{secret}:{nonce}:00000001:000000000a4f113b:auth:{hashed('GET:/dir/index.html')}")
    assert 'opaque="FQhe"' in header
    assert "Circle" not in header


def test_digest_without_qop_is_that_of_rfc_2069() -> None:
    challenge = read_challenge(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"'])
    header = Login(MUFASA, challenge, Random(1)).header("GET", "/dir/index.html")
    # RFC 2617 E: the value of section 3.5 without qop, as its errata gives it for the password "CircleOfLife".
    known = Login(Credentials("Mufasa", "CircleOfLife"), challenge, Random(1)).header("GET", "/dir/index.html")
    assert response(known) == "1949323746fe6a43ef61f9606e7febea"
    assert response(header) != response(known)


def test_the_count_goes_up_with_each_request() -> None:
    login = Login(MUFASA, read_challenge([RFC7616.format("MD5")]), Random(1))
    assert [("nc=0000000" + str(number)) in login.header("PLAY", "/") for number in (1, 2)] == [True, True]


def test_the_strongest_offer_is_taken() -> None:
    offers = ['Basic realm="x"', RFC7616.format("MD5"), RFC7616.format("SHA-256"), RFC7616.format("SHA-512-256")]
    assert read_challenge(offers).algorithm == "SHA-256"
    assert read_challenge(offers[:2]).algorithm == "MD5"
    assert Login(MUFASA, read_challenge(offers[:1]), Random(1)).header("PLAY", "/") == "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"


@pytest.mark.parametrize("headers", [[], [""], ["Negotiate abc"], ['Digest realm="x"'], ['Digest realm="x", nonce="n", qop="auth-int"']])
def test_a_login_of_an_unknown_kind_is_refused(headers: list[str]) -> None:
    with pytest.raises(SourceError, match="allow Digest"):
        read_challenge(headers)
