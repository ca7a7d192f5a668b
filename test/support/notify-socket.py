# A service manager's notify socket: Node has no Unix datagram sockets. Prints one JSON list of lines per message and closes
# the descriptor of a BARRIER=1, for which systemd-notify waits (sd_notify(3)). Bound once it has printed "[]".
# Usage: notify-socket.py PATH
import json
import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("[]", flush=True)
while True:
    message, descriptors, _, _ = socket.recv_fds(receiver, 8192, 4)
    print(json.dumps(message.decode().splitlines()), flush=True)
    for descriptor in descriptors:
        os.close(descriptor)
