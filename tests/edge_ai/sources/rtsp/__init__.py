"""The RTSP client's parts."""
