"""The checks of `yunnao doctor`."""
