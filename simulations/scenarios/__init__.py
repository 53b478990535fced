"""The hard cases of the policy as named days of a whole city: production nodes, faults, every checker, and a canary scan at the end."""

from simulations.scenarios.day import DayReport, run_day
from simulations.scenarios.table import ELSEWHERE, SCENARIOS, Scenario

__all__ = ["ELSEWHERE", "SCENARIOS", "DayReport", "Scenario", "run_day"]
