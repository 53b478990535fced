"""`yunnao demo`: five real node processes on one machine, fed and watched."""
