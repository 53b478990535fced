"""Incidents of a node: their states, what people said about them, and which camera events were false alarms."""
