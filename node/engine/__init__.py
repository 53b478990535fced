"""What stands around the replication engine: its threads, and the work of a link between two turns."""
