"""Two network namespaces with a cable between them: clients with addresses other than loopback, on any machine."""

import ctypes
import os
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

NEAR, FAR = "10.203.0.1", "10.203.0."  # the server; the clients' addresses begin so
NEAR6, FAR6 = "fd00:203::1", "fd00:203:"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(name):
    """This thread's sockets belong to that namespace, also afterwards."""
    own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    with open(own, "rb") as before, open(f"/run/netns/{name}", "rb") as wanted:
        assert libc.setns(wanted.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        failed = f"ip {' '.join(words)}: {done.stderr.strip()}"
        pytest.skip(f"NOBODY MAY MAKE A NETWORK HERE ({failed}): limits of one address are not tested")


class Network:
    """`near` has the server, at NEAR and NEAR6; `far` has clients at FAR 2 and 3, FAR6 :2, :3 and 1::2."""

    def __init__(self):
        self.near, self.far = (f"profefe-{side}-{os.getpid()}" for side in ("near", "far"))

    def __enter__(self):
        if os.geteuid() != 0:
            pytest.skip("ONLY ROOT MAY MAKE A NETWORK: limits of one address are not tested")
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def build(self):
        for name in (self.near, self.far):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.far)
        ip("-n", self.near, "addr", "add", f"{NEAR}/24", "dev", "cable")
        for host in "23":
            ip("-n", self.far, "addr", "add", f"{FAR}{host}/24", "dev", "cable")
        self.has_ipv6 = Path("/proc/net/if_inet6").exists()
        if self.has_ipv6:
            ip("-n", self.near, "addr", "add", f"{NEAR6}/32", "dev", "cable", "nodad")
            for host in (":2", ":3", "1::2"):
                ip("-n", self.far, "addr", "add", f"{FAR6}{host}/32", "dev", "cable", "nodad")
        for name in (self.near, self.far):
            ip("-n", name, "link", "set", "cable", "up")

    def __exit__(self, *_):
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
