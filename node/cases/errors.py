"""What may be wrong with what somebody says about a case."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class CaseError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class CaseRefused(CaseError):
    """A fact that is not said: the case is in another state, or somebody else may say it. Nothing was stored."""


class ClocksApart(CaseRefused):
    """A fact that would be read before what it answers, everywhere and for ever: that was said by a clock far ahead of the one here."""


class CaseUnknown(CaseError):
    """No case of that id is here."""


class RegisterDamaged(CaseError):
    """The projection's file is no database any more."""
