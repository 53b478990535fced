"""Sparkplug B: payloads, births and their aliases."""
