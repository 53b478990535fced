"""Rules on sensor series: explainable alarms without training. Pure; standard library only."""

from edge_ai.sensors.watch import Alarm, AlarmKind, SensorWatch, WatchLimits

__all__ = ["Alarm", "AlarmKind", "SensorWatch", "WatchLimits"]
