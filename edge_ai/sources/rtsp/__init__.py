"""An RTSP client of our own: RTSP 1.0 over TCP with interleaved RTP, for H.264, H.265 and MPEG-4 visual.

`client.py` owns the socket; everything else here is pure: bytes in, values out.
"""
