"""Rules over tracks: what in a camera's picture makes an event, begins it once and ends it once."""

from edge_ai.rules.book import RuleBook
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.rule import Rule

__all__ = ["Begun", "Ended", "Rule", "RuleBook", "RuleOutcome"]
