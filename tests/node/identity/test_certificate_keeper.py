"""Certificates and signed time over months, with a clock that a test moves and a parent on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.clock import FlooredClock
from node.identity.admissions import Admissions
from node.identity.certificate_keeper import CertificateKeeper, Terms, known_floor_us
from node.identity.certificates import CA_LIFE_S, LEAF_LIFE_S, to_pem
from node.identity.errors import ForeignCa, JoinUnreachable
from node.identity.files import IdentityFiles
from node.identity.join_files import decide_request, take_answer, write_answer, write_request
from node.identity.keys import new_manifest_key
from sync.model import MICROSECONDS, ClockQuality
from tests.node.identity.family import CITY, DAY_US, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node
from tests.node.identity.join_parent import Parent, serving_city


@dataclass
class Kept:
    """A child of the city and what its keeper reported."""

    files: IdentityFiles
    machine: StandingClock
    clock: FlooredClock
    admissions: Admissions
    keeper: CertificateKeeper
    renewals: list[int] = field(default_factory=list)
    qualities: list[ClockQuality] = field(default_factory=list)


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[Parent]:
    async with serving_city(tmp_path) as parent:
        yield parent


@pytest.fixture
async def child(city: Parent, tmp_path: Path) -> AsyncIterator[Kept]:
    files = make_node(tmp_path, DISTRICT)
    await city.join(files, DISTRICT, city.token())
    kept = keep(files, join_address=city.address)
    yield kept
    kept.admissions.close()


def keep(files: IdentityFiles, *, join_address: str, machine_us: int = NOW_US) -> Kept:
    machine, renewals, qualities = StandingClock(machine_us), list[int](), list[ClockQuality]()
    admissions = Admissions(files.database, files.authority())
    clock = FlooredClock(machine, known_floor_us(files, admissions))
    keeper = CertificateKeeper(
        files,
        Terms(DISTRICT, LEAF_LIFE_S, CA_LIFE_S, join_address),
        admissions=admissions,
        clock=clock,
        on_renewed=lambda: renewals.append(machine.us),
        on_clock=qualities.append,
    )
    return Kept(files, machine, clock, admissions, keeper, renewals, qualities)


def test_after_ninety_days_without_a_parent_the_leaf_is_renewed_and_holds(child: Kept) -> None:
    child.machine.us = NOW_US + 91 * DAY_US
    assert child.keeper.renew_leaf()
    assert child.files.own(now_us=child.machine.us).node == "shinan"
    assert not child.keeper.renew_leaf()


async def test_a_certificate_that_was_brought_by_file_is_taken_up(city: Parent, child: Kept, tmp_path: Path) -> None:
    city.clock.us = child.machine.us = NOW_US + 2 * DAY_US
    child.keeper.certifier = lambda: None
    write_request(tmp_path / "request", files=child.files, facts=DISTRICT, token="")
    decided = decide_request(tmp_path / "request", admissions=city.admissions, own_path=("shandong", "qingdao"), now_us=city.clock.us)
    write_answer(tmp_path / "answer", decided, files=city.files)
    take_answer(tmp_path / "answer", files=child.files, facts=DISTRICT, now_us=city.clock.us)
    assert child.renewals == []
    await child.keeper.look()
    await child.keeper.look()
    assert child.renewals == [child.machine.us]


def test_below_a_ca_that_ended_long_ago_no_leaf_is_issued_and_the_node_goes_on(child: Kept) -> None:
    child.machine.us = NOW_US + 800 * DAY_US
    assert not child.keeper.renew_leaf()
    assert child.keeper.troubles == ["certificate_expiring"]


async def test_a_ca_that_ended_long_ago_is_renewed_by_the_parent(city: Parent, child: Kept, tmp_path: Path) -> None:
    late_us = NOW_US + 800 * DAY_US
    city.clock.us = child.machine.us = late_us
    province = IdentityFiles(tmp_path / "shandong")
    assert province.renew_top(PROVINCE, now_us=late_us)
    certificate = province.authority().issue(city.files.request(CITY), level=CITY.level, territory=CITY.territory, now_us=late_us)
    chain = to_pem(certificate) + province.read(province.certificate("ca"))
    city.files.install(CITY, ca_chain_pem=chain, root_pem=province.root_pem(), now_us=late_us)
    city.admissions.issue_with(city.files.authority())
    await child.keeper.look()
    assert child.files.own(now_us=late_us + 60 * DAY_US).node == "shinan"


async def test_an_ended_ca_is_renewed_by_the_parent_and_the_link_is_told(city: Parent, child: Kept) -> None:
    late_us = NOW_US + 725 * DAY_US
    city.clock.us = child.machine.us = late_us
    await child.keeper.look()
    assert child.renewals == [late_us]
    assert child.files.own(now_us=late_us + 4 * DAY_US).node == "shinan"
    assert child.keeper.troubles == ["certificate_expiring"]


async def test_a_refused_time_does_not_keep_the_ca_from_being_renewed(city: Parent, child: Kept) -> None:
    city.server._manifest_key = new_manifest_key()
    late_us = NOW_US + 725 * DAY_US
    city.clock.us = child.machine.us = late_us
    with pytest.raises(ForeignCa, match="not signed by"):
        await child.keeper.look()
    assert child.files.own(now_us=late_us + 4 * DAY_US).node == "shinan"


async def test_a_wrong_clock_is_measured_shown_and_stamped_on_records(city: Parent, child: Kept) -> None:
    child.machine.us = NOW_US + 3 * DAY_US
    await child.keeper.look()
    assert child.qualities[0].offset_us == pytest.approx(3 * DAY_US, abs=MICROSECONDS)
    assert child.keeper.troubles == ["clock_off"]


async def test_a_clock_of_1970_starts_from_the_ca_and_follows_the_signed_time(city: Parent, child: Kept) -> None:
    lost = keep(child.files, join_address=city.address, machine_us=3_600 * MICROSECONDS)
    assert lost.clock.wall_us() == pytest.approx(NOW_US, abs=MICROSECONDS)
    city.clock.us = NOW_US + 5 * DAY_US
    await lost.keeper.look()
    assert lost.clock.wall_us() == NOW_US + 5 * DAY_US
    assert lost.admissions.newest_signed_time_us() == NOW_US + 5 * DAY_US
    lost.admissions.close()


async def test_a_parent_that_does_not_answer_is_asked_again_and_the_leaf_is_renewed_all_the_same(city: Parent, child: Kept) -> None:
    await city.server.stop()
    child.machine.us = NOW_US + 50 * DAY_US
    with pytest.raises(JoinUnreachable):
        await child.keeper.look()
    assert child.renewals == [child.machine.us]


async def test_the_top_node_renews_its_own_ca_while_the_root_key_is_there(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    admissions, machine = Admissions(files.database, files.authority()), StandingClock(NOW_US + 400 * DAY_US)
    terms = Terms(PROVINCE, LEAF_LIFE_S, CA_LIFE_S, "")
    keeper = CertificateKeeper(
        files, terms, admissions=admissions, clock=FlooredClock(machine), on_renewed=lambda: None, on_clock=lambda quality: None
    )
    await keeper.look()
    assert files.own(now_us=NOW_US + 480 * DAY_US).node == "shandong"
    files.key("root").unlink()
    machine.us = NOW_US + 1_000 * DAY_US
    await keeper.look()
    assert "certificate_expiring" in keeper.troubles
    admissions.close()
