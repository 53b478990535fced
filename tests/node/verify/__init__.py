"""Yes or no on a supplied value, between nodes with real keys and journals."""
