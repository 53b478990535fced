"""Sensor series under watch: fixed limits, the usual level and jumps, drift, groups; alarms that carry their numbers. Pure, without cv2."""

from edge_ai.sensors.alarms import Alarm, AlarmKind, Limits
from edge_ai.sensors.bank import Bank
from edge_ai.sensors.parameters import Parameters

__all__ = ["Alarm", "AlarmKind", "Bank", "Limits", "Parameters"]
