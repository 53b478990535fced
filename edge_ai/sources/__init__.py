"""Where pictures come from: files, USB cameras and RTSP cameras behind one port (`port.FrameSource`).

`opening.open_source` is the one entry. Only `rtsp/client.py` opens sockets: cv2 decodes files and bytes in memory, never a network address.
"""
