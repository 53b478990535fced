"""Contract suites of the ports: every implementation passes the same tests."""
