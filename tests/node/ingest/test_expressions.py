"""JMESPath with bounds."""

from __future__ import annotations

import jmespath
import pytest

from node.ingest.errors import DecodeError
from node.ingest.expressions import EXPRESSION_CHARS_MAX, Expression, ExpressionError


@pytest.mark.parametrize("text", ["", "a..b", "a[", "nosuch(", "a" * (EXPRESSION_CHARS_MAX + 1), ".".join("a" * 64)])
def test_what_is_no_expression_or_too_large_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text)


def test_the_error_says_what_is_wrong_in_one_line() -> None:
    with pytest.raises(ExpressionError) as refused:
        Expression("a..b")
    assert "\n" not in str(refused.value)
    assert "dot" in str(refused.value)


def test_an_expression_finds_what_is_there_and_none_where_nothing_is() -> None:
    expression = Expression("*.Temperature | [0]")
    assert expression.of({"DHT22": {"Temperature": 21.5}}) == 21.5
    assert expression.of({"DHT22": {}}) is None
    assert expression.of(5) is None


@pytest.mark.parametrize("content", [{"a": {"b.c": 0}}, {"a": {"b.c": None}}, {"a": [1]}, {"a": "text"}, {}, [], None, 5])
def test_a_path_of_keys_finds_what_the_library_finds(content: object) -> None:
    text = 'a."b.c"'
    assert Expression(text)._path == ("a", "b.c")
    assert Expression(text).of(content) == jmespath.search(text, content)


@pytest.mark.parametrize("text", ["a[0].b", "a | b", "*.a", "a || b", "@", "length(a)"])
def test_what_is_more_than_keys_is_left_to_the_library(text: str) -> None:
    assert Expression(text)._path == ()


@pytest.mark.parametrize(("text", "content"), [("abs(a)", {"a": "x"}), ("nosuch(a)", {"a": 1}), ("max(a)", {"a": [1, "x"]})])
def test_a_function_that_fails_on_a_message_is_a_reason(text: str, content: object) -> None:
    with pytest.raises(DecodeError) as refused:
        Expression(text).of(content)
    assert refused.value.reason == "expression_failed"
