"""tests/programs/http_echo, the transport with a toy application, and a client of it that speaks in raw bytes."""

import array
import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

from server import BUILD, SANITIZED

PATIENCE = 90 if SANITIZED else 30
PROGRAM = Path(os.environ.get("PROFEFE_HTTP_ECHO", BUILD / "tests/http_echo"))
POST = "POST /worker HTTP/1.1\r\nHost: localhost\r\n"


def framing(*lines):
    """The head of a POST with these headers."""
    return POST + "".join(line + "\r\n" for line in lines) + "\r\n"


def until(what, condition):
    """Waits until condition() is true and returns it; what names it in the failure."""
    end = time.monotonic() + PATIENCE
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.01)


class Answer:
    def __init__(self, status, headers, body, trailers=None):
        self.status, self.headers, self.body, self.trailers = status, headers, body, trailers or {}

    def json(self):
        return json.loads(self.body)


def assert_told_as_sent(answer, request_id, tls):
    """What /info tells of `PUT /info?a=%20b&c=%00` with the body xyz and the header X-Test: two words."""
    told = answer.json()
    now = time.time_ns()
    assert now - 60 * 10**9 < told.pop("started") <= now
    assert told == {
        "method": "PUT",
        "target": "/info?a=%20b&c=%00",
        "path": "/info",
        "query": "a=%20b&c=%00",
        "peer": "127.0.0.1",
        "id": request_id,
        "client": "",
        "tls": tls,
        "loopback": True,
        "proxy": False,
        "x-test": "two words",
        "body": 3,
    }


def fields(lines):
    """Header or trailer lines as {lower-case name: value}; none may come twice."""
    found = {}
    for line in lines:
        name, value = line.decode("latin-1").split(": ", 1)
        assert name.lower() not in found, f"{name} twice"
        found[name.lower()] = value
    return found


class Client:
    """One connection. Reads are buffered, so that pipelined answers come one by one."""

    def __init__(self, address, rcvbuf=None, sndbuf=None, source=None):
        kind, _, rest = address.rpartition(":")
        if kind == "unix":
            family, where = socket.AF_UNIX, rest
        else:
            where = (kind.strip("[]"), int(rest))
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if sndbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(PATIENCE)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(where)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Goes away with a reset instead of an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end(self):
        """Sends no more, but reads."""
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def try_send(self, data):
        """For data that the server may have stopped reading."""
        try:
            self.send(data)
        except OSError:
            return False
        return True

    def is_open(self):
        """Neither closed by the server nor answered."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def unsent(self):
        """Bytes that the other side's kernel has not acknowledged; of a Unix socket, what the server has not read."""
        count = array.array("i", [0])
        fcntl.ioctl(self.sock, termios.TIOCOUTQ, count)
        return count[0]

    def request(self, method, target, body=None, headers=(), version="HTTP/1.1"):
        lines = [f"{method} {target} {version}", "Host: localhost", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)

    def more(self):
        data = self.sock.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def upto(self, mark):
        while mark not in self.buffer:
            assert self.more(), f"closed; got {self.buffer[:500]!r}"
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.buffer) < n:
            assert self.more(), f"closed after {len(self.buffer)} of {n} bytes"
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def chunks(self):
        """The body, and the trailers behind it."""
        body = b""
        while True:
            size = int(self.upto(b"\r\n"), 16)
            if not size:
                lines = []
                while line := self.upto(b"\r\n"):
                    lines.append(line)
                return body, fields(lines)
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"

    def answer(self, head=False):
        first, *lines = self.upto(b"\r\n\r\n").split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) .+", first)
        assert match, first
        headers, trailers = fields(lines), {}
        if match[1] == b"100":
            assert not headers
            return Answer(100, headers, b"")
        if head:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body, trailers = self.chunks()
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        answer = Answer(int(match[1]), headers, body, trailers)
        assert headers.get("x-request-id"), "an answer without X-Request-Id"
        if answer.status >= 400 and not head:
            assert headers["content-type"] == "application/json"
            assert answer.json()["code"] == answer.status
        return answer

    def answer_or_end(self):
        """None where the connection ended before an answer began; one that has begun must be whole."""
        try:
            if not self.buffer and not self.more():
                return None
        except ConnectionResetError:
            return None
        return self.answer()

    def rest(self, reset=False):
        """Everything until the server closes; with a reset only where that is allowed."""
        try:
            while self.more():
                pass
        except ConnectionResetError:
            assert reset, f"reset behind {self.buffer[:500]!r}"
        data, self.buffer = self.buffer, b""
        return data

    def closed(self):
        assert self.rest() == b""

    def broken_off(self):
        """What came before the server reset the connection."""
        try:
            while self.more():
                pass
        except ConnectionResetError:
            data, self.buffer = self.buffer, b""
            return data
        raise AssertionError(f"ended, not reset, behind {len(self.buffer)} bytes")

    def refused(self, status):
        """An error answer, then the end of the connection."""
        answer = self.answer()
        assert answer.status == status, (answer.status, answer.body)
        assert answer.headers.get("connection") == "close"
        self.closed()
        return answer


class Server:
    """A running http_echo. `command` goes before it, where it is to run under something else."""

    def __init__(self, *flags, command=(), **how):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, PROGRAM, *flags], stdout=self.output, stderr=subprocess.PIPE, text=True, **how
        )
        until("it listens", lambda: self.lines() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.stderr.read()
        self.addresses = self.lines()[0].split()[1:]
        self.address = self.addresses[0]

    def lines(self):
        """What it has printed so far, whole lines."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode().split("\n")[:-1]

    def finished(self):
        """With -verbose: (status, bytes sent) of the requests that are through, below 0 where that broke off."""
        words = [line.split(" ", 3) for line in self.lines() if line.startswith("finished ")]
        return [(int(status), int(sent)) for _, status, sent, target in words if target != "/state"]

    def connect(self, **how):
        return Client(self.address, **how)

    def ask(self, method, target, body=None, headers=()):
        with self.connect() as c:
            c.request(method, target, body, [*headers, "Connection: close"])
            return c.answer(head=method == "HEAD")

    def state(self):
        return self.ask("GET", "/state").json()

    def metric(self, name):
        """One of the transport's own: connections_h2_total."""
        text = self.ask("GET", "/metrics").body.decode()
        return float(re.search(rf"^profefe_http_{name} (.*)$", text, re.M)[1])

    def resident(self):
        """Bytes of memory that it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Its last words."""
        error = self.process.communicate(timeout=PATIENCE)[1]
        assert self.process.returncode == 0, error[-4000:]
        return self.lines()[-1]

    def stop(self, how="clean"):
        """Ends it; it must have finished everything (or have been late, as expected) and given back its memory."""
        if self.process.poll() is None:
            self.terminate()
        assert self.wait() == f"stopped {how} budget=0"


def begin_body(server, length=5, **how):
    """A connection with a request under way: its body is waited for."""
    c = server.connect(**how)
    c.send(framing(f"Content-Length: {length}", "Expect: 100-continue"))
    assert c.answer().status == 100
    return c
