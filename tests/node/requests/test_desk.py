"""The desk: what is asked reaches the provider, what is answered comes back, what waits is counted, and what does not fit is refused."""

from __future__ import annotations

import pytest

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.requests.arbiters import WHO, Parties
from node.requests.desk import OVERDUE
from node.requests.kind import Ask
from policies import PolicyError
from sync.model import Level
from tests.node.requests.borough import ARBITER, ASKER, DAY_US, PROVIDER, TREE, WALL_US, Borough, party
from tests.node.requests.test_kind import BASIS

pytestmark = pytest.mark.slow


async def test_a_request_and_its_answer_cross_the_city(borough: Borough) -> None:
    case = await borough.asked(fields=("name", "category"), filter="category = 'x'")
    assert borough.desks[PROVIDER].shown(case.id)["waits_for"] == PROVIDER
    await borough.desks[PROVIDER].grant(case.id, {"fields": ("name", "category"), "conditions": "destroy it"}, by="zhao")
    await borough.town.carry()
    for node in (ASKER, PROVIDER, ARBITER, "shandong"):
        shown = borough.desks[node].shown(case.id)
        assert (shown["state"], shown["standing"], shown["grant"]["conditions"]) == ("granted", "live", "destroy it"), node
    assert borough.desks[PROVIDER].shown(case.id)["shares"] == {"pages": 0, "rows": 0, "newest": []}
    assert borough.desks[ASKER].shown(case.id)["shares"] == {}


async def test_an_appeal_goes_to_the_city_and_its_word_binds_the_provider(borough: Borough) -> None:
    case = await borough.asked()
    await borough.desks[PROVIDER].say(case.id, "refuse", {"why": "law", "basis": BASIS}, by="zhao")
    await borough.town.carry()
    assert borough.desks[ASKER].shown(case.id)["basis"] == BASIS
    await borough.desks[ASKER].say(case.id, "appeal", {"why": "needed"}, by="li")
    await borough.town.carry()
    assert borough.desks[ARBITER].shown(case.id)["waits_for"] == ARBITER
    await borough.desks[ARBITER].say(case.id, "overturn", {"why": "the law says otherwise"}, by="sun")
    await borough.town.carry()
    with pytest.raises(CaseRefused, match="takes no refuse"):
        await borough.desks[PROVIDER].say(case.id, "refuse", {"why": "law", "basis": BASIS}, by="zhao")
    await borough.desks[PROVIDER].grant(case.id, {}, by="zhao")
    await borough.town.carry()
    assert borough.desks[ASKER].shown(case.id)["state"] == "granted"


async def test_missing_data_is_on_the_duty_list_until_it_is_supplied(borough: Borough) -> None:
    case = await borough.asked()
    with pytest.raises(CaseRefused, match="10 working days"):
        await borough.desks[PROVIDER].miss(case.id, supplier="registry", by_us=WALL_US + 40 * DAY_US, why="never had it", by="zhao")
    await borough.desks[PROVIDER].miss(case.id, supplier="registry", by_us=None, why="never had it", by="zhao")
    await borough.town.carry()
    (duty,) = borough.desks[ARBITER].duties(limit=10)
    assert (duty["supplier"], duty["overdue"], duty["provider"]) == ("registry", False, PROVIDER)
    await borough.desks[ARBITER].say(case.id, "supply", {}, by="sun")
    assert borough.desks[ARBITER].duties(limit=10) == []


async def test_what_is_overdue_is_said_at_the_node_that_must_act(borough: Borough) -> None:
    await borough.asked()
    for node in TREE:
        await borough.desks[node].settle()
        assert borough.desks[node].troubles() == []
    borough.town.clock.wall = WALL_US + 20 * DAY_US
    for node in TREE:
        await borough.desks[node].settle()
        assert borough.desks[node].troubles() == [OVERDUE] * (node == PROVIDER)
    assert [one["overdue"] for one in borough.desks[ASKER].listed(states=frozenset(), limit=10)] == [True]


async def test_the_rate_of_satisfaction_counts_rated_grants(borough: Borough) -> None:
    assert borough.desks[ASKER].counts()["rate"] is None
    for satisfied in (True, True, True, False):
        case = await borough.granted()
        await borough.desks[ASKER].say(case.id, "rate", {"rating": {"satisfied": satisfied}}, by="li")
    await borough.asked()
    await borough.town.carry()
    counts = borough.desks[PROVIDER].counts()
    assert (counts["satisfied"], counts["rated"], counts["rate"]) == (3, 4, 0.75)
    assert (counts["states"]["granted"], counts["states"]["asked"], counts["states"]["refused"]) == (4, 1, 0)


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        ({"resource": "dragons"}, CaseRefused, "not in the catalogue"),
        ({"fields": ("scales",)}, CaseRefused, "has no field 'scales'"),
        ({"filter": "phone = '1'"}, PolicyError, "reads phone"),
        ({"filter": "category = 1"}, PolicyError, "cannot be compared"),
        ({"filter": "drop table residents"}, PolicyError, "refused"),
        ({"purpose": "curiosity"}, CaseRefused, "is not one of"),
        ({"until_us": 5}, CaseRefused, "in the past"),
        ({"fields": ()}, CaseRefused, "fields"),
        ({"why": "x" * 2_001}, CaseRefused, "why"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_refused_while_its_author_is_there(
    borough: Borough, change: dict[str, object], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        await borough.asked(**change)
    assert borough.desks[ASKER].listed(states=frozenset(), limit=10) == []


async def test_a_grant_that_would_give_nothing_or_more_is_refused(borough: Borough) -> None:
    case = await borough.asked(filter="category = 'x'")
    desk = borough.desks[PROVIDER]
    for changes, error, why in (
        ({"fields": ("category", "phone")}, CaseRefused, "phone was not asked for"),
        ({"fields": ("name",)}, PolicyError, "reads category, which is not given"),
        ({"filter": "birth_year < 'x'"}, PolicyError, "cannot be compared"),
        ({"valid_to_us": WALL_US + 61 * DAY_US}, CaseRefused, "later than was asked for"),
    ):
        with pytest.raises(error, match=why):
            await desk.grant(case.id, changes, by="zhao")
    assert desk.shown(case.id)["state"] == "asked"


async def test_nobody_answers_for_the_provider(borough: Borough) -> None:
    case = await borough.asked()
    for node in (ASKER, ARBITER, "shandong"):
        with pytest.raises(CaseRefused, match="said by the provider"):
            await borough.desks[node].grant(case.id, {}, by="zhao")


# ---- parties


def parties_of(borough: Borough, node: str) -> Parties:
    level = TREE[node][0]
    return Parties(party(node), level, lambda: borough.routes[node].directory, borough.routes[node], borough.files[node].root_pem)


@pytest.mark.parametrize(
    ("asker", "provider", "arbiter"),
    [
        ("badaguan", "liaoyuan", "qingdao"),
        ("badaguan", "shinan", "qingdao"),
        ("badaguan", "qingdao", "shandong"),
        ("badaguan", "shandong", "shandong"),
        ("qingdao", "badaguan", "shandong"),
        ("shandong", "badaguan", "shandong"),
    ],
)
async def test_the_arbiter_is_the_data_authority_above_both(borough: Borough, asker: str, provider: str, arbiter: str) -> None:
    assert parties_of(borough, asker).arbiter(party(provider)) == party(arbiter)


async def test_a_territory_outside_the_province_is_refused(borough: Borough) -> None:
    with pytest.raises(CaseRefused, match="stranger of 4403 is not below shandong"):
        parties_of(borough, ASKER).arbiter(Party("stranger", "4403"))


async def test_a_provider_in_another_branch_is_found_by_its_id(borough: Borough) -> None:
    async def who(_: bytes) -> bytes:
        return borough.files[PROVIDER].tls().chain_pem

    borough.routes[PROVIDER].answering[WHO] = who
    parties = parties_of(borough, ASKER)
    assert await parties.provider(PROVIDER, "") == party(PROVIDER)
    assert await parties.provider("shinan", "") == party("shinan")
    assert await parties.provider("nobody", "3703") == Party("nobody", "3703")
    borough.routes["shibei"].answering[WHO] = who
    for node, why in (("nobody", "no node nobody is known"), (ASKER, "is this node"), ("shibei", "what answered for shibei is liaoyuan")):
        with pytest.raises(CaseRefused, match=why):
            await parties.provider(node, "")


async def test_a_node_that_knows_nobody_above_cannot_ask_yet(borough: Borough) -> None:
    from node.tree.directory import Directory

    parties = Parties(party(ASKER), Level.STREET, lambda: Directory(ASKER), borough.routes[ASKER], borough.files[ASKER].root_pem)
    with pytest.raises(CaseRefused, match="no node above is known"):
        parties.arbiter(party(PROVIDER))


async def test_a_request_too_long_for_a_fact_is_refused(borough: Borough) -> None:
    ask = Ask(resource="residents", fields=("name",), purpose="statistics", why="统" * 1_999, until_us=WALL_US + DAY_US, filter="")
    found = await borough.desks[ASKER].ask(ask, by="li", provider=party(PROVIDER), arbiter=party(ARBITER))
    assert found.state == "asked"
