"""Carriage: a link whose wire is a file. Parcels travel on a stick, or between a pair of watched folders, and receipts come back."""
