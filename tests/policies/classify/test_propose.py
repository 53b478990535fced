"""What is proposed for a field, from its name, its values, and both; and how good the rules are on a labelled set."""

from __future__ import annotations

import csv
import gzip
from itertools import islice
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from policies.classify.propose import Proposal, Sample, is_called, propose, propose_resource
from policies.classify.table import shipped_table
from policies.words import Role
from tests.house.tree import ROOT
from tests.policies.classify.labelled import Labelled, columns, mobile

TABLE = shipped_table()
SHARED = ROOT.parent / "shared" / "data"
COLUMNS_MAX = 24
"""Of one table; further ones are more of the same sensors."""
SENSORS = "la-traffic-sensors.csv"
LOCATIONS = {("la311.csv.gz", "lat"), ("la311.csv.gz", "lon"), (SENSORS, "latitude"), (SENSORS, "longitude")}
"""The only columns of the real tables that say where something is."""


def of(name: str, values: list[str | None], *, title: str = "") -> Proposal | None:
    found = propose([Sample(name, title, pa.array(values, pa.string()))], TABLE)
    return found[0] if found else None


def mobiles(count: int) -> list[str | None]:
    rng = Random(5)
    return [mobile(rng) for _ in range(count)]


def test_values_and_name_together_are_surer_than_either() -> None:
    both, values, name = of("手机", mobiles(50)), of("c4", mobiles(50)), of("手机", [])
    assert both is not None
    assert values is not None
    assert name is not None
    assert {both.rule, values.rule, name.rule} == {"mobile"}
    assert both.confidence > values.confidence > name.confidence
    assert (both.grade, both.role, both.mask, both.category, both.share, both.rows) == (3, Role.DIRECT_ID, "phone", "personal", 1.0, 50)


def test_values_that_say_otherwise_silence_a_name() -> None:
    assert of("手机", ["华为", "小米", "苹果"] * 20) is None
    assert of("手机", ["华为", "小米"]) is not None


def test_a_title_counts_as_a_name() -> None:
    found = of("f7", [], title="户主身份证号码")
    assert found is not None
    assert found.rule == "resident-id"


def test_few_distinct_values_prove_nothing_without_a_name() -> None:
    assert of("c", ["王芳", "李强"] * 100) is None


def test_missing_values_do_not_count_and_the_share_is_of_rows() -> None:
    found = of("身份证号", ["11010519491231002X", "110105194912310021", None, ""])
    assert found is not None
    assert (found.share, found.rows) == (0.5, 2)


def test_full_width_and_spaced_numbers_are_read() -> None:
    found = of("c", ["１３８００１３８０００", "139 1234 5678", "+86 137-1234-5678"] * 3)
    assert found is not None
    assert (found.rule, found.share) == ("mobile", 1.0)


def test_numbers_of_an_integer_column_are_read() -> None:
    found = propose([Sample("c", "", pa.array([13800138000 + place for place in range(9)], pa.int64()))], TABLE)
    assert [one.rule for one in found] == ["mobile"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.null(), pa.bool_(), pa.timestamp("us", tz="UTC"), pa.float64()])
def test_columns_of_every_type_are_judged(kind: pa.DataType) -> None:
    assert propose([Sample("c", "", pa.array([None] * 3, kind)), Sample("d", "", pa.array([], kind))], TABLE) == ()


def test_only_the_sample_is_looked_at() -> None:
    rows: list[str | None] = [*["x"] * TABLE.sample_rows_max, *mobiles(100)]
    assert of("c", rows) is None


def test_an_ungraded_resource_is_proposed_as_high_as_its_highest_field() -> None:
    found = [one for one in (of("手机", []), of("统一社会信用代码", [])) if one]
    assert [propose_resource(found).grade, propose_resource([]).grade] == [3, 1]
    assert (propose_resource(found).rule, propose_resource([]).rule) == ("highest-field", "nothing-found")


@pytest.mark.parametrize(
    ("name", "synonyms", "answer"),
    [
        ("联系人手机号码", ("手机",), True),
        ("mobilePhone", ("mobile phone",), True),
        ("user_mobile_phone", ("mobile phone",), True),
        ("IDCARD", ("idcard",), True),
        ("ＳＦＺＨ", ("sfzh",), True),
        ("mobility", ("mobile",), False),
        ("file_name", ("full name",), False),
        ("", ("name",), False),
    ],
)
def test_a_name_is_called_by_whole_words(name: str, synonyms: tuple[str, ...], answer: bool) -> None:
    assert is_called(name, synonyms) is answer


def figures(seeds: range, dirt: float) -> tuple[float, float]:
    """Precision and recall over the labelled set."""
    found = [(one, {proposal.rule for proposal in propose([one.sample], TABLE)}) for seed in seeds for one in columns(seed, dirt=dirt)]
    right = sum(_is_right(one, rules) for one, rules in found)
    wrong = sum(len(rules - {one.rule}) for one, rules in found)
    return right / (right + wrong), right / sum(bool(one.rule) for one, _ in found)


def _is_right(one: Labelled, rules: set[str]) -> bool:
    return bool(one.rule) and one.rule in rules


@pytest.mark.slow
@pytest.mark.parametrize(("dirt", "precision", "recall"), [(0.06, 0.99, 0.99), (0.3, 0.99, 0.95), (0.5, 0.98, 0.85)])
def test_precision_and_recall_on_the_labelled_set(dirt: float, precision: float, recall: float) -> None:
    found = figures(range(100, 102), dirt)
    assert found[0] >= precision
    assert found[1] >= recall


@pytest.mark.slow
def test_real_tables_without_personal_data_get_no_other_proposal_than_their_places() -> None:
    if not SHARED.is_dir():
        pytest.skip("no shared data beside this checkout")
    found = {(path.name, one.field) for path in tables() for one in propose(samples(path), TABLE)}
    assert found == LOCATIONS


def tables() -> list[Path]:
    names = ("divisions", "incidents", "sensors")
    return [path for name in names for path in sorted((SHARED / name).glob("*.csv*"))]


def samples(path: Path) -> list[Sample]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        head, *rows = list(islice(csv.reader(file), 201))
    return [Sample(name, "", pa.array([row[place] for row in rows], pa.string())) for place, name in enumerate(head[:COLUMNS_MAX])]
