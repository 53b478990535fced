"""Sensors under watch: what came in at this node's own doors is judged after its commit, and alarms are records that say why."""
