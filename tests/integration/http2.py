"""HTTP/2 by hand (RFC 9113): frames in and out as they are, so that a test can send what no client would.

Header blocks are written here, as literals that nothing is remembered of, and read by python3-hpack, which shares
nothing with nghttp2.
"""

import json
import socket
import ssl
import struct

import openapi
from echo import PATIENCE
from hpack import Decoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR = range(7)
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(7, 12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
FRAME_MAX = 16384
WINDOW = 65535


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, n):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=NO_ERROR):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code))


def words(f):
    """(last stream, code) of a GOAWAY."""
    return struct.unpack(">II", f.payload[:8])


def number(value, bits, first=0):
    """An HPACK integer (RFC 7541 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes([*out, value])


def text(value):
    value = value if isinstance(value, bytes) else value.encode("latin-1")
    return number(len(value), 7) + value


def literal(name, value):
    """A field that nothing is remembered of (6.2.2)."""
    return b"\0" + text(name) + text(value)


def block(fields):
    return b"".join(literal(name, value) for name, value in fields)


def get(path, *more, method="GET"):
    """The fields of a request."""
    return [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path), *more]


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    def __repr__(self):
        return f"Frame({self.kind}, {self.flags:#x}, {self.stream}, {self.payload[:40]!r})"


class Answer:
    """What came on a stream so far."""

    def __init__(self):
        self.status, self.headers, self.body, self.trailers = None, {}, bytearray(), None
        self.continued = False  # there was a 100
        self.ended, self.reset = False, None

    def json(self):
        return json.loads(self.body)

    def take(self, fields):
        found = {}
        for name, value in fields:
            assert name == name.lower()
            assert name not in found, f"{name} twice"
            found[name] = value
        if self.status is not None:
            assert not any(name.startswith(":") for name in found), found
            self.trailers = found
            return
        status = int(found.pop(":status"))
        if status == 100:
            self.continued = True
        else:
            self.status, self.headers = status, found


class Client:
    """One connection. It acknowledges settings and pings, opens windows as data comes (unless `windows` is False), and
    keeps to the server's windows when it sends a body."""

    def __init__(self, address, *pairs, rcvbuf=None, tls=None, hello=True, windows=True, acknowledge=True):
        kind, _, port = address.rpartition(":")
        host = kind.strip("[]")
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(PATIENCE)
        self.port = int(port)
        self.sock.connect((host, self.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
            assert self.sock.selected_alpn_protocol() == "h2"
        self.buffer, self.decoder = bytearray(), Decoder()
        self.answers, self.asked, self.settings = {}, {}, {}
        self.windows, self.acknowledge = windows, acknowledge
        self.connection_window, self.stream_windows = WINDOW, {}
        self.goaways, self.pongs, self.acknowledged = [], [], 0
        self.closed = False
        self.next = 1
        self.headers_of, self.fragment = None, b""
        if hello:
            self.send(PREFACE + settings(*pairs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    # --- sending

    def send(self, data):
        self.sock.sendall(data)

    def try_send(self, data):
        """For data that the server may not read any more."""
        try:
            self.send(data)
        except OSError:
            return False
        return True

    def new_stream(self):
        self.next += 2
        return self.next - 2

    def open(self, fields, end=True, stream=None):
        """Begins a request; its stream."""
        stream = stream or self.new_stream()
        self.answers[stream] = Answer()
        self.asked[stream] = dict(fields)
        fragment = block(fields)
        pieces = [fragment[at : at + FRAME_MAX] for at in range(0, len(fragment), FRAME_MAX)] or [b""]
        out = b""
        for i, piece in enumerate(pieces):
            flags = (END_STREAM if end and i == 0 else 0) | (END_HEADERS if i == len(pieces) - 1 else 0)
            out += frame(CONTINUATION if i else HEADERS, flags, stream, piece)
        self.send(out)
        return stream

    def window(self, stream):
        initial = self.settings.get(INITIAL_WINDOW_SIZE, WINDOW)
        return min(self.connection_window, initial + self.stream_windows.get(stream, 0))

    def data(self, stream, data, end=False):
        """As the windows allow; False where the stream has ended before all could be sent."""
        while True:
            while self.window(stream) <= 0 and data:
                if self.closed or self.answers[stream].reset is not None:
                    return False
                self.step()
            n = min(len(data), FRAME_MAX, max(self.window(stream), 0))
            last = n == len(data)
            self.send(frame(DATA, END_STREAM if end and last else 0, stream, data[:n]))
            self.connection_window -= n
            self.stream_windows[stream] = self.stream_windows.get(stream, 0) - n
            data = data[n:]
            if last:
                return True

    def request(self, method, path, body=None, headers=()):
        """Sends one; its stream."""
        stream = self.open(get(path, *headers, method=method), end=body is None)
        if body is not None:
            self.data(stream, body, end=True)
        return stream

    # --- receiving

    def fill(self, n):
        while len(self.buffer) < n:
            try:
                piece = self.sock.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                piece = b""
            if not piece:
                self.closed = True
                return False
            self.buffer += piece
        return True

    def frame(self):
        """The next frame as it came; None behind the last."""
        if not self.fill(9):
            return None
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        if not self.fill(9 + length):
            return None
        payload = bytes(self.buffer[9 : 9 + length])
        del self.buffer[: 9 + length]
        assert length <= FRAME_MAX
        return Frame(kind, flags, stream, payload)

    def step(self):
        """Takes one frame; False behind the last."""
        f = self.frame()
        if not f:
            return False
        if self.headers_of:
            assert (f.kind, f.stream) == (CONTINUATION, self.headers_of)
        {
            DATA: self.on_data,
            HEADERS: self.on_headers,
            CONTINUATION: self.on_headers,
            SETTINGS: self.on_settings,
            PING: self.on_ping,
        }.get(f.kind, self.on_other)(f)
        return True

    def on_data(self, f):
        answer = self.answers[f.stream]
        assert answer.status is not None and not answer.ended
        answer.body += f.payload
        answer.ended = bool(f.flags & END_STREAM)
        if self.windows and f.payload:
            more = b"" if answer.ended else window_update(f.stream, len(f.payload))
            self.try_send(window_update(0, len(f.payload)) + more)

    def on_headers(self, f):
        if f.kind == HEADERS:
            self.end_of_headers = bool(f.flags & END_STREAM)
            assert not f.flags & (PADDED | PRIORITIZED)
        self.fragment += f.payload
        self.headers_of = f.stream
        if not f.flags & END_HEADERS:
            return
        fields = [(name, value) for name, value in self.decoder.decode(self.fragment)]
        answer = self.answers[f.stream]
        assert not answer.ended
        answer.take(fields)
        answer.ended = self.end_of_headers
        self.headers_of, self.fragment = None, b""

    def on_settings(self, f):
        assert f.stream == 0
        if f.flags & ACK:
            self.acknowledged += 1
            return
        self.settings.update(struct.iter_unpack(">HI", f.payload))
        if self.acknowledge:
            self.try_send(frame(SETTINGS, ACK))

    def on_ping(self, f):
        if f.flags & ACK:
            self.pongs.append(f.payload)
        else:
            self.try_send(frame(PING, ACK, 0, f.payload))

    def on_other(self, f):
        if f.kind == WINDOW_UPDATE:
            n = struct.unpack(">I", f.payload)[0]
            assert n
            if f.stream:
                self.stream_windows[f.stream] = self.stream_windows.get(f.stream, 0) + n
            else:
                self.connection_window += n
        elif f.kind == RST_STREAM:
            assert f.stream in self.answers, f
            self.answers[f.stream].reset = struct.unpack(">I", f.payload)[0]
        elif f.kind == GOAWAY:
            self.goaways.append(words(f))
        else:
            raise AssertionError(f)

    def until(self, condition, what):
        while not condition():
            assert self.step(), f"closed ({self.goaways}) before {what}"

    def answer(self, stream):
        """The whole answer, or one that was cut by a reset."""
        answer = self.answers[stream]
        self.until(lambda: answer.ended or answer.reset is not None, f"the answer on stream {stream}")
        if answer.ended and answer.status >= 400:
            assert answer.headers["content-type"] == "application/json"
            if answer.body:
                assert answer.json()["code"] == answer.status
        if answer.status:
            assert answer.headers["x-request-id"]
        if answer.ended and {":method", ":path"} <= set(self.asked.get(stream, ())):
            sent = self.asked[stream]
            openapi.seen(self.port, sent[":method"], sent[":path"], answer.status, answer.headers, bytes(answer.body), sent)
        return answer

    def reset(self, stream):
        """The code of the reset that is due on this stream."""
        self.until(lambda: self.answers[stream].reset is not None, f"a reset of stream {stream}")
        return self.answers[stream].reset

    def ask(self, method, path, body=None, headers=()):
        return self.answer(self.request(method, path, body, headers))

    def settings_of_server(self):
        self.until(lambda: self.settings, "settings")
        return self.settings

    def ping(self, payload=b"12345678"):
        """Waits for everything before it to have been read."""
        seen = len(self.pongs)
        self.send(frame(PING, 0, 0, payload))
        self.until(lambda: len(self.pongs) > seen, "a pong")
        return self.pongs[-1]

    def rest(self):
        """Reads until the server closes; the code of its last GOAWAY, None where it sent none."""
        while self.step():
            pass
        return self.goaways[-1][1] if self.goaways else None
