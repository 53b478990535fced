"""Messages between a worker and the node: `[kind, json, blob...]` over a local ZeroMQ socket (docs/api.md).

Owns their fields and limits, a file for each matter; parts.py makes and reads them. Imports neither cv2 nor onnxruntime.
"""
