"""Tests of node/ingest/profile_files: Profiles as files."""
