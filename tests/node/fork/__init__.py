"""Tests of node/fork: restored backups and clones, on real journal files."""
