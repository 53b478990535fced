"""Reviews that nodes open by themselves."""
