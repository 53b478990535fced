"""The checks of `yunnao doctor`: checks.py is the table, the other modules do the looking."""
