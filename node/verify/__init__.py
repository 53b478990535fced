"""Yes or no on a supplied value (一件事): asked of any node by its id, answered by the provider's rules, within limits, entered first."""
