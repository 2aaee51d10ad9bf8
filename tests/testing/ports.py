"""Ports of 127.0.0.1 for programs that must be told theirs before they start.

One of the system's choosing (bind to 0, close, hand it on) may be the near end of somebody's connection by the time the program listens on it. These are below those the system gives to
connections, as those of scripts/s3-stack (from 12000 on) and scripts/stack (from 20000 on) are, and each is this process's for as long as it lives: tests that run side by side get different ones, and who restarts a
program finds its port as it was.
"""

import random
import socket

PORTS = range(10000, 12000)
ours = []  # sockets whose names are the locks: Linux's abstract ones belong to a network namespace, as ports do, and are gone with the process


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    for port in random.sample(PORTS, 1000):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0trailwarden-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if is_free(port):
            ours.append(lock)
            return port
        lock.close()
    raise RuntimeError(f"no port is free from {PORTS.start} to {PORTS.stop - 1}")
