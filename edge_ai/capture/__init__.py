"""Reads cameras: a process of up to eight, a thread each, with the state of each camera and the motion gate."""
