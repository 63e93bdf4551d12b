"""What systemd does for a service, so far as a test needs it.

    service_manager.py notify ADDRESS          prints what comes to that datagram socket: a line of JSON each, with the sender's pid
    service_manager.py activate ADDRESS... -- COMMAND...   opens listening sockets as 3 and on, and becomes COMMAND
    service_manager.py restart ADDRESS... -- COMMAND...    the same, but COMMAND is a service with Restart=always and RestartSec=1: when its
                                                           main process ends, the rest of it is killed, and it starts again with the same sockets
"""
import json
import os
import signal
import socket
import struct
import sys
import time

mode, *words = sys.argv[1:]

if mode == "notify":
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    server.bind(words[0].replace("@", "\0", 1))
    print(json.dumps({"pid": 0, "text": "open"}), flush=True)
    while True:
        data, control, _, _ = server.recvmsg(65536, 1024)
        pid = struct.unpack("3i", control[0][2])[0]
        print(json.dumps({"pid": pid, "text": data.decode()}), flush=True)

split = words.index("--")
sockets = []
for address in words[:split]:
    if address.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.bind(address)
    else:
        host, port = address.rsplit(":", 1)
        one = socket.socket(socket.AF_INET)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((host, int(port)))
    one.listen(128)
    sockets.append(one)
# Out of the way first, lest one of them is overwritten.
high = [os.dup2(one.fileno(), 100 + i, inheritable=False) for i, one in enumerate(sockets)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)


def become():
    if sockets:
        os.environ["LISTEN_FDS"] = str(len(sockets))
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.execvp(words[split + 1], words[split + 1 :])


if mode == "activate":
    become()

main = 0
stopping = False


def stop(_signal, _frame):
    global stopping
    stopping = True
    if main:
        os.kill(main, signal.SIGTERM)


for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, stop)
while not stopping:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main = os.fork()
    if main == 0:
        # What systemd knows by the control group, this knows by the session.
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        become()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    os.waitpid(main, 0)
    try:
        os.killpg(main, signal.SIGKILL)
    except ProcessLookupError:
        pass
    main = 0
    for _ in range(10):
        if not stopping:
            time.sleep(0.1)
