"""Tests of edge_ai, on rendered scenes, on scripted cameras, and on the real models and videos in ../shared/data where they exist."""
