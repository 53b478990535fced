"""The negative list in the hands of people."""
