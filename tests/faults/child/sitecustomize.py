"""Loaded by Python itself before a bridge starts: its wall clock and its name service are the scenario's.

``FAULTS_CLOCK`` names a file with the seconds that the clock is off, ``FAULTS_HOSTS`` one with a host and an address
per line; names that are not in it cannot be resolved, as when the name service is away. Both are read at every use.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

if clock := os.environ.get("FAULTS_CLOCK"):
    real_time_ns = time.time_ns

    def time_ns() -> int:
        return real_time_ns() + int(float(Path(clock).read_text() or 0) * 1e9)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9

if hosts := os.environ.get("FAULTS_HOSTS"):
    real_getaddrinfo = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if isinstance(host, str) and host.endswith(".test"):
            known = dict(line.split() for line in Path(hosts).read_text().splitlines())
            if host not in known:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = known[host]
        return real_getaddrinfo(host, *args, **options)

    socket.getaddrinfo = getaddrinfo
