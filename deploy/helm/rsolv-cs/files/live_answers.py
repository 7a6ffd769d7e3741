import os
import socket

socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(os.environ.get("LIVE_SOCKET", "var/live.sock"))
