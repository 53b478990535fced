"""Joining and renewal by file: the rules of the join service, and files that were altered, repeated, swapped or are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from node.identity.admissions import Admissions, Stage
from node.identity.certificates import CA_LIFE_S
from node.identity.errors import ChainError, ForeignCa, IdentityError, JoinError, JoinRefused, Refusal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.join_files import (
    FILE_BYTES_MAX,
    PIN_NAME,
    AnswerFile,
    RequestFile,
    decide_request,
    take_answer,
    write_answer,
    write_request,
)
from node.identity.renewal import Dates
from sync.model import Level, Territory
from tests.node.identity.family import CITY, DAY_US, DISTRICT, NOW_US, PROVINCE, STREET, make_node


@dataclass(slots=True)
class Desk:
    """A city that decides about requests, and where the files lie."""

    files: IdentityFiles
    admissions: Admissions
    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "request"

    @property
    def answer(self) -> Path:
        return self.folder / "answer"

    def token(self, *, auto_accept: bool = True, code: str = "3702") -> str:
        token, _ = self.admissions.create_token(
            ca_sha256=self.files.ca_sha256(), level=Level.DISTRICT, territory=Territory(code), ttl_s=60, auto_accept=auto_accept,
            now_us=NOW_US,
        )  # fmt: skip
        return str(token)

    def decide(self, *, now_us: int = NOW_US) -> Stage:
        """The parent takes the request and answers when it may."""
        decided = decide_request(self.request, admissions=self.admissions, own_path=self.files.own(now_us=None).path, now_us=now_us)
        if decided.stage is Stage.ACCEPTED:
            write_answer(self.answer, decided, files=self.files)
        return decided.stage

    def join(self, child: IdentityFiles, facts: NodeFacts = DISTRICT, *, now_us: int = NOW_US) -> None:
        """The whole round."""
        write_request(self.request, files=child, facts=facts, token=self.token())
        self.decide()
        take_answer(self.answer, files=child, facts=facts, now_us=now_us)

    def altered(self, path: Path, change: Callable[[bytes], bytes]) -> None:
        path.write_bytes(change(path.read_bytes()))


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Desk]:
    files = make_node(tmp_path, CITY, parent=make_node(tmp_path, PROVINCE))
    admissions = Admissions(files.database, files.authority())
    yield Desk(files, admissions, tmp_path)
    admissions.close()


@pytest.fixture
def child(tmp_path: Path) -> IdentityFiles:
    return make_node(tmp_path, DISTRICT)


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(JoinRefused) as caught:
        call()
    return caught.value.refusal


def test_a_node_without_a_connection_joins_by_two_files(city: Desk, child: IdentityFiles) -> None:
    print_of_key = write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    assert city.decide() is Stage.ACCEPTED
    outcome = take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert (outcome.parent.node, outcome.fingerprint) == ("qingdao", print_of_key)
    assert child.own(now_us=NOW_US).path == ("shandong", "qingdao", "shinan")
    assert child.parent(now_us=NOW_US).node == "qingdao"
    assert not (child.folder / PIN_NAME).exists()
    assert city.admissions.is_admitted("shinan")


def test_the_secret_of_the_token_is_in_no_file(city: Desk, child: IdentityFiles) -> None:
    token = city.token()
    write_request(city.request, files=child, facts=DISTRICT, token=token)
    written = city.request.read_text() + (child.folder / PIN_NAME).read_text()
    assert token.rpartition(".")[2] not in written


def test_a_request_waits_for_the_operator_and_is_answered_when_it_comes_again(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token(auto_accept=False))
    assert city.decide() is Stage.PENDING
    assert not city.answer.exists()
    city.admissions.accept("shinan", now_us=NOW_US)
    assert city.decide() is Stage.ACCEPTED
    take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert child.is_certified


def test_a_request_that_comes_twice_changes_nothing(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    city.decide()
    first = city.answer.read_bytes()
    city.decide(now_us=NOW_US + DAY_US)
    assert city.answer.read_bytes() == first


def test_a_refused_node_and_its_old_request_stay_out(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    city.decide()
    city.admissions.refuse("shinan")
    assert refusal_of(city.decide) is Refusal.BY_OPERATOR


def test_an_expired_token_is_refused(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    assert refusal_of(lambda: city.decide(now_us=NOW_US + DAY_US)) is Refusal.EXPIRED


def test_a_request_for_another_parent_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    other = make_node(tmp_path / "elsewhere", PROVINCE)
    admissions = Admissions(other.database, other.authority())
    try:
        refused = refusal_of(lambda: decide_request(city.request, admissions=admissions, own_path=("shandong",), now_us=NOW_US))
    finally:
        admissions.close()
    assert refused is Refusal.WRONG_TOKEN


def test_a_request_with_another_key_under_the_same_token_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    thief = make_node(tmp_path / "thief", DISTRICT)
    write_request(tmp_path / "other", files=thief, facts=DISTRICT, token="")
    stolen = msgspec.json.decode((tmp_path / "other").read_bytes(), type=RequestFile).csr
    asked = msgspec.json.decode(city.request.read_bytes(), type=RequestFile)
    city.request.write_bytes(msgspec.json.encode(msgspec.structs.replace(asked, csr=stolen)))
    assert refusal_of(city.decide) is Refusal.WRONG_TOKEN


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is not a join request"),
        (b"\xff\xfe", "is not a join request"),
        (b"[" * 100_000, "is not a join request"),
        (b'{"yunnao_request": 1}', "missing required field `csr`"),
        (b'{"yunnao_request": 9, "csr": ""}', "has format 9, this program reads 1"),
        (b" " * (FILE_BYTES_MAX + 1), f"more than {FILE_BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_request_is_refused_by_name(city: Desk, raw: bytes, words: str) -> None:
    city.request.write_bytes(raw)
    with pytest.raises(JoinError, match=words):
        city.decide()


def test_a_request_that_is_no_certificate_request_is_refused(city: Desk) -> None:
    city.request.write_bytes(msgspec.json.encode(RequestFile(1, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n")))
    assert refusal_of(city.decide) is Refusal.BAD_REQUEST


def test_a_missing_file_and_an_unwritable_place_are_named(city: Desk, child: IdentityFiles) -> None:
    with pytest.raises(JoinError, match="cannot be read"):
        city.decide()
    with pytest.raises(IdentityError, match="cannot be written"):
        write_request(city.folder / "no" / "such" / "folder", files=child, facts=DISTRICT, token="")


# ---- answers


def answer_of(city: Desk) -> AnswerFile:
    return msgspec.json.decode(city.answer.read_bytes(), type=AnswerFile)


def test_an_answer_of_a_foreign_ca_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    foreign_top = make_node(tmp_path / "foreign", PROVINCE)
    foreign = make_node(tmp_path / "foreign", CITY, parent=foreign_top)
    admissions = Admissions(foreign.database, foreign.authority())
    other = Desk(foreign, admissions, tmp_path / "foreign")
    write_request(other.request, files=make_node(tmp_path / "foreign", DISTRICT), facts=DISTRICT, token=other.token())
    other.decide()
    admissions.close()
    with pytest.raises(ForeignCa, match="is not of the CA that the token names"):
        take_answer(other.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert not child.is_certified


def test_an_answer_for_another_node_of_the_same_parent_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    other = make_node(tmp_path / "other", STREET)
    write_request(city.request, files=other, facts=STREET, token=city.token())
    city.decide()
    write_request(tmp_path / "mine", files=child, facts=DISTRICT, token=city.token())
    with pytest.raises(ChainError, match="is not for this node's CA key"):
        take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert not child.is_certified


def test_an_altered_certificate_is_refused(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    city.decide()
    answer = answer_of(city)
    middle = len(answer.chain) // 6
    for chain in (answer.chain[:middle] + "AAAAAAAA" + answer.chain[middle + 8 :], ""):
        city.answer.write_bytes(msgspec.json.encode(msgspec.structs.replace(answer, chain=chain)))
        with pytest.raises((ChainError, JoinError)):
            take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert not child.is_certified


def test_an_answer_that_ended_on_its_way_is_refused(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    city.decide()
    with pytest.raises(ChainError, match="expired"):
        take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US + 2 * CA_LIFE_S * 1_000_000)


def test_a_request_is_not_taken_for_an_answer(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token=city.token())
    with pytest.raises(JoinError, match="is not the answer to a join request"):
        take_answer(city.request, files=child, facts=DISTRICT, now_us=NOW_US)


# ---- renewal


def ca_end_us(files: IdentityFiles) -> int:
    return Dates.of(files.own_chain()[1]).end_us


def test_a_certificate_is_renewed_by_file_even_when_it_has_ended(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    short = Admissions(city.files.database, city.files.authority(life_s=86_400))
    Desk(city.files, short, tmp_path).join(child)
    short.close()
    late_us = NOW_US + 30 * DAY_US
    write_request(city.request, files=child, facts=DISTRICT, token="")
    assert city.decide(now_us=late_us) is Stage.ACCEPTED
    take_answer(city.answer, files=child, facts=DISTRICT, now_us=late_us)
    assert child.own(now_us=late_us).node == "shinan"


def test_an_older_answer_does_not_shorten_what_is_here(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    short = Admissions(city.files.database, city.files.authority(life_s=86_400))
    Desk(city.files, short, tmp_path).join(child)
    short.close()
    old = city.answer.read_bytes()
    write_request(city.request, files=child, facts=DISTRICT, token="")
    city.decide()
    take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    end_us = ca_end_us(child)
    city.answer.write_bytes(old)
    with pytest.raises(JoinError, match="older than the certificate that is here"):
        take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
    assert ca_end_us(child) == end_us


def test_a_node_that_never_joined_here_is_not_renewed(city: Desk, child: IdentityFiles) -> None:
    write_request(city.request, files=child, facts=DISTRICT, token="")
    assert refusal_of(city.decide) is Refusal.UNKNOWN_NODE


def test_a_renewal_from_another_node_of_the_parents_name_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    city.join(child)
    jinan = make_node(tmp_path, NodeFacts("jinan", Level.MUNICIPAL, Territory("3702")), parent=IdentityFiles(tmp_path / "shandong"))
    twin = make_node(tmp_path / "twin", NodeFacts("qingdao", Level.DISTRICT, Territory("3702")), parent=jinan)
    write_request(city.request, files=child, facts=DISTRICT, token="")
    city.decide()
    shown = (twin.read(twin.certificate("tls")) + twin.root_pem()).decode()
    city.answer.write_bytes(msgspec.json.encode(msgspec.structs.replace(answer_of(city), parent_chain=shown)))
    with pytest.raises(ForeignCa, match="it is another qingdao"):
        take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)


def test_a_renewal_from_somebody_else_than_the_parent_is_refused(city: Desk, child: IdentityFiles, tmp_path: Path) -> None:
    city.join(child)
    sister = NodeFacts("jinan", Level.MUNICIPAL, Territory("3702"))
    other = make_node(tmp_path, sister, parent=IdentityFiles(tmp_path / "shandong"))
    write_request(city.request, files=child, facts=DISTRICT, token="")
    city.decide()
    answer = answer_of(city)
    shown = (other.read(other.certificate("tls")) + other.root_pem()).decode()
    city.answer.write_bytes(msgspec.json.encode(msgspec.structs.replace(answer, parent_chain=shown)))
    with pytest.raises(ForeignCa, match="it is jinan, not qingdao"):
        take_answer(city.answer, files=child, facts=DISTRICT, now_us=NOW_US)
