"""Territories that merge, are split or get another code: who may writes the map from old to new codes (policies/territories.py)."""
