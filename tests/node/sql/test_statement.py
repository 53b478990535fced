"""Only one SELECT over known resources passes, and what passes is written anew; everything else is refused with its place."""

from __future__ import annotations

import pytest

from node.sql.errors import StatementRefused
from node.sql.statement import NESTING_MAX, TEXT_CHARS_MAX, Statement, checked

KNOWN = {"air-quality", "residents", "x"}


def ask(text: str) -> Statement:
    return checked(text, KNOWN, rows_max=100)


def test_a_query_is_written_anew_with_its_resources_and_columns() -> None:
    found = ask("select device, avg(value) v from air_quality /* why */ where value > 3 group by all order by v limit 5 -- end")
    assert found.resources == ("air-quality",)
    assert found.columns == frozenset({"device", "value", "v"})
    assert found.sql == (
        'SELECT "device", AVG("value") AS "v" FROM "air-quality" AS "air_quality" WHERE "value" > 3 GROUP BY ALL ORDER BY "v" LIMIT 5'
    )


@pytest.mark.parametrize(
    "text",
    [
        'SELECT count(*) FROM "air-quality"',
        "from residents",
        "with x as (select name from residents) select count(distinct name) from x",
        "select r.name from residents r join air_quality a on a.device = r.name where r.phone like '1%' and a.value between 1 and 2",
        "select device, row_number() over (partition by device order by value desc) from air_quality qualify true",
        "select name from residents union all select device from air_quality order by 1",
        "select case when value > 1 then 'x' else null end, try_cast(text as int), event_time::date from air_quality",
        "select date_trunc('hour', event_time), extract(hour from event_time), quantile_cont(value, 0.5) from air_quality group by 1, 2",
        "((select 1))",
    ],
)
def test_ordinary_questions_pass(text: str) -> None:
    assert ask(text).sql.endswith(" LIMIT 101")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("drop table residents", "character 1: a query is one SELECT"),
        ("insert into residents values (1)", "one SELECT"),
        ("attach '/tmp/x' as x", "one SELECT"),
        ("copy residents to '/tmp/x'", "one SELECT"),
        ("pragma database_list", "one SELECT"),
        ("set memory_limit = '9GB'", "one SELECT"),
        ("install httpfs", "one SELECT"),
        ("explain select 1", "one SELECT"),
        ("select 1; drop table residents", "2 statements"),
        ("select 1; select 2", "2 statements"),
        ("select * from read_csv('/etc/passwd')", "character 15"),
        ("select * from '/etc/passwd'", "no resource '/etc/passwd'"),
        ("select * from read_text('/etc/passwd')", "not allowed"),
        ("select * from main.residents", "is no resource"),
        ("select * from information_schema.tables", "is no resource"),
        ("select * from sqlite_master", "no resource 'sqlite_master'"),
        ("select * from duckdb_settings()", "not allowed"),
        ("select * from query('select 1')", "not allowed"),
        ("select * from query_table(['residents'])", "not allowed"),
        ("select getenv('HOME')", "GETENV"),
        ("select current_setting('threads')", "CURRENT_SETTING"),
        ("select repeat('a', 1000000000)", "not allowed"),
        ("select lpad('a', 1000000000, 'b')", "not allowed"),
        ("select * from range(1000000000)", "not allowed"),
        ("select unnest(generate_series(1, 1000000000))", "not allowed"),
        ("select string_agg(name, '') from residents", "not allowed"),
        ("select list(name) from residents", "not allowed"),
        ("with recursive x as (select 1) select * from x", "RECURSIVE"),
        ("select * into x from residents", "INTO"),
        ("select * from residents for update", "not allowed"),
        ("select * from residents using sample 10", "not allowed"),
        ("select x -> y from residents", "not allowed"),
        ("select columns('.*') from residents", "not allowed"),
        ("select $1", "not allowed"),
        ("select * from residents limit (select 3)", "LIMIT needs a whole number"),
        ("select * from nobody", "no resource 'nobody'"),
        ("select", "names nothing"),
        ("select 'open", "cannot be read"),
        ("select name from residents where", "line 1, character"),
        ("", "one SELECT"),
        ("-- select 1", "one SELECT"),
    ],
)
def test_everything_else_is_refused(text: str, word: str) -> None:
    with pytest.raises(StatementRefused, match=word.replace("(", r"\(")):
        ask(text)


@pytest.mark.parametrize(
    "text",
    [
        "select " + "x" * TEXT_CHARS_MAX,
        "select " + "(" * (NESTING_MAX + 1) + "1" + ")" * (NESTING_MAX + 1),
        "select " + "not " * 1_500 + "true",
        "select 1" + "+1" * 3_000,
        "select 1\x00",
        "select " + ",".join(f"(select count(*) from residents where name = '{n}')" for n in range(100)),
    ],
)
def test_statements_made_to_hurt_are_refused(text: str) -> None:
    with pytest.raises(StatementRefused, match="refused"):
        ask(text)


def test_a_limit_above_the_bound_is_lowered() -> None:
    assert ask("select name from residents limit 99999999999").sql.endswith("LIMIT 101")


@pytest.mark.parametrize("text", ["select * from residents", "select r.* from residents r", "select 1 from residents natural join x"])
def test_a_star_reads_every_column(text: str) -> None:
    assert ask(text).columns is None


def test_columns_that_a_join_uses_are_read() -> None:
    assert ask("select a.value from air_quality a join air_quality b using (device)").columns == frozenset({"value", "device"})
