"""Tests of node/cameras/viewing."""
