"""Holds sockets and starts a program with them again whenever it ends, as systemd does (sd_listen_fds(3)).

supervise.py DIRECTORY PROGRAM ARGUMENT...: the sockets are in DIRECTORY/sockets, `NAME ADDRESS` each; the program's process id is
in DIRECTORY/supervised.
"""

import ctypes
import os
import socket
import sys


def listening(address):
    if address.startswith("unix:"):
        held = socket.socket(socket.AF_UNIX)
        held.bind(address.removeprefix("unix:"))
    else:
        host, port = address.rsplit(":", 1)
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, int(port)))
    held.listen(1024)
    return held


def start(program, sockets):
    # The program ends with who started it.
    ctypes.CDLL(None).prctl(1, 9)
    for place, (_, held) in enumerate(sockets):
        os.dup2(held.fileno(), 100 + place, inheritable=False)
    for place in range(len(sockets)):
        os.dup2(100 + place, 3 + place)
    os.environ["LISTEN_FDS"] = str(len(sockets))
    os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in sockets)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(program[0], program)


def main():
    directory, program = sys.argv[1], sys.argv[2:]
    with open(os.path.join(directory, "sockets")) as lines:
        named = [line.split() for line in lines]
    sockets = [(name, listening(address)) for name, address in named]
    while True:
        child = os.fork()
        if child == 0:
            start(program, sockets)
        written = os.path.join(directory, "supervised")
        with open(written + ".new", "w") as file:
            file.write(str(child))
        os.rename(written + ".new", written)
        os.waitpid(child, 0)


main()
