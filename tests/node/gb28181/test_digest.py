"""Digest answers, against the example of RFC 2617 section 3.5 and that of RFC 7616 section 3.9.1."""

from __future__ import annotations

import pytest

from node.gb28181.digest import authorization
from node.gb28181.errors import SipError
from node.gb28181.sip import parameters

NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


def proof(challenge: str, *, password: str, cnonce: str, user: str = "Mufasa") -> str:
    answer = authorization(challenge, method="GET", uri="/dir/index.html", user=user, password=password, cnonce=cnonce)
    return parameters(answer)["response"]


def test_the_example_of_the_standard_with_md5() -> None:
    challenge = f'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="{NONCE}", opaque="5ccc"'
    assert proof(challenge, password="Circle Of Life", cnonce="0a4f113b") == "6629fae49393a05397450978507c4ef1"


def test_the_example_of_the_newer_standard_with_sha_256() -> None:
    challenge = 'Digest realm="http-auth@example.org", qop="auth", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
    found = proof(challenge, password="Circle of Life", cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    assert found == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_realm_and_opaque_go_back_as_they_came() -> None:
    challenge = f'Digest realm="3702000000", nonce="{NONCE}", opaque="o"'
    answer = authorization(challenge, method="REGISTER", uri="sip:p", user="u", password="p", cnonce="c")
    given = parameters(answer)
    assert (given["realm"], given["opaque"], given["username"], "qop" in given) == ("3702000000", "o", "u", False)


@pytest.mark.parametrize("challenge", ["Basic realm=x", 'Digest realm="x"', 'Digest nonce="x", algorithm=SM3-X', ""])
def test_a_challenge_that_cannot_be_answered_is_refused(challenge: str) -> None:
    with pytest.raises(SipError, match="challenge"):
        proof(challenge, password="p", cnonce="c")
