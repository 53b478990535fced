"""What may be asked: one SELECT of known resources, made of parts from an allowed list. Everything else is refused with its place.

What is run is written anew from the tree that was checked, so that no second parser reads the text otherwise. Pure. Called by the desk.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlglot import ErrorLevel, exp, parse
from sqlglot import errors as sql_errors

from node.sql.errors import StatementRefused

TEXT_CHARS_MAX = 8_000
NODES_MAX = 1_000
NESTING_MAX = 32
"""Brackets inside brackets: the parser tries several readings of each."""
TABLES_MAX = 8
"""Resources of one query."""
_BEGINNING = re.compile(r"[\s(]*(?:select|with|from)\b", re.IGNORECASE)
"""Other statements are not even read: the parser would tell the log about them."""
ORIGIN = "_origin"
"""Column beside those of the resource: the node a record is from."""

_PARTS = """
    Select Union Intersect Except Subquery CTE With From Join Table TableAlias Column Identifier Star Alias Aliases Tuple
    Literal Boolean Null Neg Not And Or Paren EQ NEQ NullSafeEQ NullSafeNEQ LT LTE GT GTE Between In Is Like ILike Exists Any All
    Where Group Having Qualify Order Ordered Limit Offset Distinct Case If Cast TryCast DataType DataTypeParam Interval Var
    Add Sub Mul Div IntDiv Mod DPipe Window WindowSpec Filter WithinGroup
"""
_FUNCTIONS = """
    Count CountIf Sum Avg Min Max Stddev StddevPop StddevSamp Variance VariancePop Median Quantile PercentileCont PercentileDisc Corr
    ApproxDistinct ArgMax ArgMin AnyValue First Last Mode Abs Round Floor Ceil Sign Sqrt Ln Log Exp Pow Greatest Least Coalesce Nullif
    Lower Upper Length Substring Trim Left Right StartsWith EndsWith StrPosition Contains TimestampTrunc DateTrunc Extract Year Month Day
    Hour Minute Second DayOfWeek DayOfMonth DayOfYear Week Quarter RowNumber Rank DenseRank Lag Lead FirstValue LastValue NthValue Ntile
    LogicalAnd LogicalOr Concat RegexpLike TimeToStr CurrentTimestamp CurrentDate
"""
ALLOWED = frozenset((_PARTS + _FUNCTIONS).split())
"""Class names of sqlglot's expressions; any other part is refused."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A checked query."""

    sql: str
    """As DuckDB runs it; tables are resources by their code."""
    resources: tuple[str, ...]
    columns: frozenset[str] | None
    """Lower-case names that it reads, of whatever table; None for all."""


def checked(text: str, known: Collection[str], *, rows_max: int) -> Statement:
    """The query `text` over resources `known`, of at most `rows_max` rows. Raises StatementRefused."""
    tree = _parsed(text)
    for part in _walked(tree):
        name = type(part).__name__
        if name not in ALLOWED:
            raise _refusal(part, f"{_shown(part)} is not allowed here: ask with SELECT over resources, see docs/sql.md")
        if isinstance(part, exp.With) and part.args.get("recursive"):
            raise _refusal(part, "WITH RECURSIVE is not allowed here")
    resources = _resolve_tables(tree, known)
    _bound(tree, rows_max)
    return Statement(_written(tree), resources, _columns(tree))


def _parsed(text: str) -> exp.Query:
    if len(text) > TEXT_CHARS_MAX:
        raise StatementRefused(f"query of {len(text)} characters refused: at most {TEXT_CHARS_MAX}")
    if not _BEGINNING.match(text):
        raise StatementRefused("query refused at character 1: a query is one SELECT")
    if "\x00" in text or _nesting(text) > NESTING_MAX:
        raise StatementRefused(f"query refused: brackets are nested deeper than {NESTING_MAX}, or it has a NUL")
    try:
        trees = [tree for tree in parse(text, dialect="duckdb") if tree is not None]
    except sql_errors.ParseError as error:
        place = error.errors[0] if error.errors else {}
        where = f"line {place.get('line', 1)}, character {place.get('col', 1)}"
        raise StatementRefused(f"query refused at {where}: {place.get('description') or 'it cannot be read'}") from None
    except (sql_errors.SqlglotError, RecursionError, ValueError) as error:
        raise StatementRefused(f"query refused: it cannot be read ({str(error)[:120]})") from None
    if len(trees) != 1:
        raise StatementRefused(f"query refused: {len(trees)} statements; ask with one SELECT")
    tree = trees[0]
    while isinstance(tree, exp.Paren | exp.Subquery) and not tree.args.get("alias"):
        tree = tree.this
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise _refusal(tree, f"{_shown(tree)} is not allowed: a query is one SELECT")
    if isinstance(tree, exp.Select) and not tree.expressions:
        raise StatementRefused("query refused: SELECT names nothing to show")
    return tree


def _nesting(text: str) -> int:
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _walked(tree: exp.Expr) -> Iterator[exp.Expr]:
    for count, part in enumerate(tree.walk()):
        if count >= NODES_MAX:
            raise StatementRefused(f"query refused: more than {NODES_MAX} parts; split it")
        yield part


def _resolve_tables(tree: exp.Query, known: Collection[str]) -> tuple[str, ...]:
    """The resources that are read; a name may have _ for each - of the code."""
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    found: list[str] = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.args.get("db") or table.args.get("catalog"):
            raise _refusal(table, f"{_shown(table)} is no resource: files, functions and other databases cannot be read here")
        name = table.name
        if name.lower() in named:
            continue
        code = next((code for code in (name, name.lower(), name.lower().replace("_", "-")) if code in known), None)
        if code is None:
            raise _refusal(table, f"no resource {name!r} in the catalogue in force here: `yunnao catalogue list` shows what there is")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(code, quoted=True))
        found.append(code)
    distinct = tuple(sorted(set(found)))
    if len(distinct) > TABLES_MAX:
        raise StatementRefused(f"query refused: {len(distinct)} resources, at most {TABLES_MAX}")
    return distinct


def _bound(tree: exp.Query, rows_max: int) -> None:
    """Let the outermost query give one row more than may be shown, so that a cut is seen."""
    limit = tree.args.get("limit")
    asked = limit.expression if isinstance(limit, exp.Limit) else None
    if limit is not None and not (isinstance(asked, exp.Literal) and str(asked.this).isdigit()):
        raise _refusal(limit, "LIMIT needs a whole number")
    rows = min(int(str(asked.this)), rows_max + 1) if asked is not None else rows_max + 1
    tree.set("limit", exp.Limit(expression=exp.Literal.number(rows)))


def _written(tree: exp.Query) -> str:
    try:
        return tree.sql(dialect="duckdb", identify=True, comments=False)
    except (sql_errors.SqlglotError, RecursionError, ValueError) as error:
        raise StatementRefused(f"query refused: it cannot be written for the database ({str(error)[:120]})") from None


def _columns(tree: exp.Query) -> frozenset[str] | None:
    """Names that the query reads; None where a star reads all."""
    joins = list(tree.find_all(exp.Join))
    is_star = any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))
    if is_star or any(join.method for join in joins):
        return None
    using = {one.name.lower() for join in joins for one in join.args.get("using") or ()}
    return frozenset(using | {column.name.lower() for column in tree.find_all(exp.Column)})


def _shown(part: exp.Expr) -> str:
    return part.sql(dialect="duckdb", comments=False, unsupported_level=ErrorLevel.IGNORE)[:60] or type(part).__name__


def _refusal(part: exp.Expr, why: str) -> StatementRefused:
    starts = [int(one.meta["start"]) + 1 for one in part.walk() if "start" in one.meta]
    where = f" at character {min(starts)}" if starts else ""
    return StatementRefused(f"query refused{where}: {why}")
