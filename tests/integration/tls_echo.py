"""tests/programs/http_echo behind TLS, and the clients that its tests have."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess

import pytest
from certificates import client_context
from echo import Client, Server, until

PATIENCE = 60
V2, V3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [V2, V3])
RESET = struct.pack("ii", 1, 0)


class TlsClient(Client):
    """A Client through TLS; a connection that ends without close_notify fails in rest()."""

    def __init__(self, address, context=None, session=None, rcvbuf=None):
        super().__init__(address, rcvbuf=rcvbuf)
        self.sock = (context or client_context()).wrap_socket(
            self.sock, server_hostname="localhost", session=session, suppress_ragged_eofs=False
        )

    def ask(self, method, target, body=None, headers=()):
        self.request(method, target, body, headers)
        return self.answer()


class TlsEcho(Server):
    def __init__(self, pair, *flags):
        self.pair = pair
        super().__init__(f"-tls-cert={pair.cert}", f"-tls-key={pair.key}", *flags)
        host, _, port = self.address.rpartition(":")
        self.host, self.port = host, int(port)
        self.url = f"https://localhost:{port}"

    def connect(self, **how):
        return TlsClient(self.address, **how)

    def plain(self):
        """A connection without TLS."""
        return Client(self.address)

    def reload(self):
        before = len(self.lines())
        self.process.send_signal(signal.SIGHUP)
        return until("it has read the files", lambda: self.lines()[before:])[0]


def s_client(server, *arguments, say=b"", check=True):
    """What `openssl s_client` prints; it hangs up when `say` is sent and the server has closed."""
    command = ["openssl", "s_client", "-connect", f"{server.host}:{server.port}", *map(str, arguments)]
    done = subprocess.run(command, input=say, capture_output=True, timeout=PATIENCE)
    out = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0 or not check, out
    return out


BYE = b"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def talking(server, *flags):
    """An `openssl s_client` that takes commands: (say(text), wait_for_its_output(mark))."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{server.host}:{server.port}", *flags],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    seen = b""

    def wait(mark):
        nonlocal seen
        while mark not in seen:
            piece = os.read(client.stdout.fileno(), 1 << 16)
            assert piece, seen
            seen += piece
        seen = seen.partition(mark)[2]

    def say(text):
        client.stdin.write(text)
        client.stdin.flush()

    try:
        yield say, wait
    finally:
        client.kill()
        client.communicate()


def session_of(server, context, **headers):
    """A session that can be resumed, and whether the connection that gave it had resumed one itself."""
    with server.connect(context=context, **headers) as c:
        assert c.ask("GET", "/info").status == 200  # TLS 1.3: the ticket comes with the first bytes
        return c.sock.session, c.sock.session_reused


def resumes(server, context, session):
    return session_of(server, context, session=session)[1]


class RawTls:
    """A TLS client that has its socket in its own hands: for bytes one by one and ends at odd moments."""

    def __init__(self, server, piece=None, context=None):
        self.plain = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        self.plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.piece = piece
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self._until_done(self.tls.do_handshake)

    def flush(self):
        data = self.outgoing.read()
        for at in range(0, len(data), self.piece or len(data) or 1):
            self.plain.sendall(data[at : at + (self.piece or len(data))])

    def _until_done(self, act):
        while True:
            try:
                result = act()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.plain.recv(1 << 16)
                self.incoming.write(data) if data else self.incoming.write_eof()

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def read(self):
        return self._until_done(lambda: self.tls.read(1 << 16))

    def read_to_the_end(self):
        """Up to the server's close_notify."""
        out = b""
        try:
            while True:
                piece = self.read()
                if not piece:
                    return out
                out += piece
        except ssl.SSLZeroReturnError:
            return out

    def say_goodbye(self):
        with pytest.raises((ssl.SSLWantReadError, ssl.SSLSyscallError)):
            self.tls.unwrap()
        self.flush()


def hello(version=V3):
    """The first bytes of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(version=version).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
