"""Incidents of a node: states, what people say, what ends by itself, which alarms were false."""
