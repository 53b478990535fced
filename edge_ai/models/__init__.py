"""Algorithm packages: what they say, how a model becomes one, where they lie, and how one takes over from another.

The package itself imports nothing heavy; onnx and onnxruntime are loaded in throw-away processes (`apart.py`) and in workers only.
"""
