"""A version that is loaded beside another: whatever happens to it, something is said."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge_ai.errors import ModelError
from edge_ai.models.loading import Loading, Ready
from edge_ai.reasons import plain


def raising(error: Exception) -> Callable[[], Ready]:
    def load() -> Ready:
        raise error

    return load


def test_a_refused_version_says_why() -> None:
    loading = Loading("2", raising(ModelError("its file is cut off")))
    loading.wait()
    assert (loading.is_over, loading.ready, loading.why) == (True, None, "its file is cut off")


def test_a_fault_that_nobody_foresaw_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    loading = Loading("2", raising(ZeroDivisionError("no classes")))
    loading.wait()
    assert (loading.ready, plain(loading.why)) == (None, "loading of version 2 broke: see the lines above")
    assert [one.exc_type for one in said] == [ZeroDivisionError]
