"""The whole hierarchy under a simulated clock, network and disk, from a seed; and the demo on real processes."""
