"""Evidence of an event: which frame is kept, what of it is masked, how it becomes files. The package itself imports nothing."""
