"""RFC 9113 at its edges: frames that no client would send, and the error that each must be. An error of a stream leaves
the connection's other streams alone, an error of a connection leaves other connections alone.
"""

import random
import struct

import http2
import pytest
from echo import Server, until
from http2 import (
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Client,
    block,
    frame,
    get,
    literal,
    rst_stream,
    settings,
    window_update,
)

WHOLE = END_STREAM | END_HEADERS
INFO = block(get("/info"))
POST = block(get("/worker", method="POST"))


def head(stream, fields=None, flags=WHOLE):
    return frame(HEADERS, flags, stream, INFO if fields is None else block(fields))


def word(n):
    return struct.pack(">I", n)


# What is sent on a connection on which stream 1 was answered and stream 3 waits for an answer; what must come of it.
OF_THE_CONNECTION = {
    "data on stream 0": (frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "headers on stream 0": (head(0), PROTOCOL_ERROR),
    "continuation on stream 0": (frame(CONTINUATION, END_HEADERS, 0, INFO), PROTOCOL_ERROR),
    "priority on stream 0": (frame(PRIORITY, 0, 0, word(1) + b"\0"), PROTOCOL_ERROR),
    "reset on stream 0": (rst_stream(0), PROTOCOL_ERROR),
    "settings on a stream": (frame(SETTINGS, 0, 3), PROTOCOL_ERROR),
    "ping on a stream": (frame(PING, 0, 3, bytes(8)), PROTOCOL_ERROR),
    "goaway on a stream": (frame(GOAWAY, 0, 3, bytes(8)), PROTOCOL_ERROR),
    "an even stream": (head(4), PROTOCOL_ERROR),
    "data on an idle stream": (frame(DATA, 0, 5, b"x"), PROTOCOL_ERROR),
    "data on a stream of the server": (frame(DATA, 0, 2, b"x"), PROTOCOL_ERROR),
    "data behind the end": (frame(DATA, 0, 3, b"x"), STREAM_CLOSED),
    "headers behind the end": (head(3), STREAM_CLOSED),
    "reset of an idle stream": (rst_stream(5), PROTOCOL_ERROR),
    "window of an idle stream": (window_update(5, 1), PROTOCOL_ERROR),
    "continuation of nothing": (frame(CONTINUATION, END_HEADERS, 3, INFO), PROTOCOL_ERROR),
    "continuation of what has ended": (head(5) + frame(CONTINUATION, END_HEADERS, 5, INFO), PROTOCOL_ERROR),
    "ping before continuation": (head(5, flags=END_STREAM) + frame(PING, 0, 0, bytes(8)), PROTOCOL_ERROR),
    "data before continuation": (head(5, flags=0) + frame(DATA, 0, 5, b"x"), PROTOCOL_ERROR),
    "unknown frame before continuation": (head(5, flags=0) + frame(0xAB, 0, 5, b"x"), PROTOCOL_ERROR),
    "other stream's headers before continuation": (head(5, flags=0) + head(7), PROTOCOL_ERROR),
    "other stream's continuation": (head(5, flags=0) + frame(CONTINUATION, 0, 7, b""), PROTOCOL_ERROR),
    "headers over the frame size": (frame(HEADERS, WHOLE, 5, INFO + literal("x", "y" * 16384)), FRAME_SIZE_ERROR),
    "settings over the frame size": (settings(*[(99, 1)] * 2731), FRAME_SIZE_ERROR),
    "data over the frame size": (head(5, flags=END_HEADERS) + frame(DATA, 0, 5, bytes(16385)), FRAME_SIZE_ERROR),
    "the longest frame": (b"\xff\xff\xff" + frame(PING, 0, 0, bytes(8))[3:], FRAME_SIZE_ERROR),
    "more padding than data": (head(5, flags=END_HEADERS) + frame(DATA, PADDED, 5, b"\x05five"), PROTOCOL_ERROR),
    "more padding than headers": (frame(HEADERS, WHOLE | PADDED, 5, bytes([len(INFO) + 1]) + INFO), PROTOCOL_ERROR),
    "padding without a length": (head(5, flags=END_HEADERS) + frame(DATA, PADDED, 5), PROTOCOL_ERROR),
    "headers too short for a priority": (frame(HEADERS, WHOLE | PRIORITIZED, 5, b"\0\0\0\0"), FRAME_SIZE_ERROR),
    "headers that depend on themselves": (frame(HEADERS, WHOLE | PRIORITIZED, 5, word(5) + b"\0" + INFO), PROTOCOL_ERROR),
    "window opened by 0": (window_update(0, 0), PROTOCOL_ERROR),
    "window opened too far": (window_update(0, 2**31 - 1), FLOW_CONTROL_ERROR),
    "window update of 3 bytes": (frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), FRAME_SIZE_ERROR),
    "window update of 5 bytes": (frame(WINDOW_UPDATE, 0, 3, b"\0\0\0\0\1"), FRAME_SIZE_ERROR),
    "reset of 3 bytes": (frame(RST_STREAM, 0, 3, b"\0\0\1"), FRAME_SIZE_ERROR),
    "ping of 7 bytes": (frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    "ping of 9 bytes": (frame(PING, 0, 0, bytes(9)), FRAME_SIZE_ERROR),
    "goaway of 7 bytes": (frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    "settings of 5 bytes": (frame(SETTINGS, 0, 0, bytes(5)), FRAME_SIZE_ERROR),
    "acknowledgement with settings": (frame(SETTINGS, http2.ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    "acknowledgement of nothing": (frame(SETTINGS, http2.ACK), PROTOCOL_ERROR),
    "push: 2": (settings((http2.ENABLE_PUSH, 2)), PROTOCOL_ERROR),
    "a window over 2^31-1": (settings((http2.INITIAL_WINDOW_SIZE, 2**31)), FLOW_CONTROL_ERROR),
    "a frame size under 2^14": (settings((http2.MAX_FRAME_SIZE, 16383)), PROTOCOL_ERROR),
    "a frame size over 2^24-1": (settings((http2.MAX_FRAME_SIZE, 2**24)), PROTOCOL_ERROR),
    "push promise": (frame(PUSH_PROMISE, END_HEADERS, 3, word(2) + INFO), PROTOCOL_ERROR),
    "an index that there is not": (frame(HEADERS, WHOLE, 5, b"\xff\xff\xff\xff\x07"), COMPRESSION_ERROR),
    "index 0": (frame(HEADERS, WHOLE, 5, b"\x80"), COMPRESSION_ERROR),
    "a header block that is cut": (frame(HEADERS, WHOLE, 5, INFO[:-3]), COMPRESSION_ERROR),
    "bad huffman coding": (frame(HEADERS, WHOLE, 5, b"\0\x81\x00\x01a"), COMPRESSION_ERROR),
    "a dynamic table that is too large": (frame(HEADERS, WHOLE, 5, b"\x3f\xff\xff\x7f" + INFO), COMPRESSION_ERROR),
}


@pytest.fixture(scope="module")
def shared():
    """One http_echo for all cases: none may harm another."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def bystander(shared):
    """A client on a connection of its own that is served before, while and after."""
    with Client(shared.address) as c:
        assert c.ask("POST", "/worker", b"before").body == b"before"
        running = c.request("GET", "/sleep?ms=100")
        half = c.open(get("/worker", method="POST"), end=False)
        yield c
        c.data(half, b"after", end=True)
        assert c.answer(half).body == b"after"
        assert c.answer(running).body == b"slept"


def victim(server):
    c = Client(server.address)
    assert c.ask("GET", "/info").status == 200
    assert c.request("GET", "/stuck") == 3
    c.ping()
    return c


@pytest.mark.parametrize("name", OF_THE_CONNECTION)
def test_errors_of_a_connection(shared, bystander, name):
    data, code = OF_THE_CONNECTION[name]
    before = shared.state()["aborted"]
    with victim(shared) as c:
        for stream in (5, 7):
            c.answers[stream] = http2.Answer()
        c.try_send(data)
        assert c.rest() == code
        assert c.answers[5].status is None and c.answers[7].status is None
    until("what it waited for is given up", lambda: shared.state()["aborted"] > before)


def test_stream_numbers_that_go_back(shared, bystander):
    with victim(shared) as c:
        c.next = 9
        assert c.ask("GET", "/info").status == 200
        c.send(head(7))  # 5 and 7 are closed by 9: RFC 9113 5.1.1
        assert c.rest() in (PROTOCOL_ERROR, STREAM_CLOSED) if c.closed else c.ping()
        assert 7 not in c.answers


# What is sent on stream 5 of such a connection, and that stream's error.
OF_A_STREAM = {
    "a window opened by 0": (head(5, flags=END_HEADERS) + window_update(5, 0), PROTOCOL_ERROR),
    "a window opened too far": (head(5, flags=END_HEADERS) + window_update(5, 2**31 - 1), FLOW_CONTROL_ERROR),
    "more data than announced": (
        head(5, get("/worker", ("content-length", "3"), method="POST"), END_HEADERS) + frame(DATA, 0, 5, b"four"),
        PROTOCOL_ERROR,
    ),
    "less data than announced": (
        head(5, get("/worker", ("content-length", "5"), method="POST"), END_HEADERS) + frame(DATA, END_STREAM, 5, b"four"),
        PROTOCOL_ERROR,
    ),
    "none of the data announced": (head(5, get("/worker", ("content-length", "5"), method="POST")), PROTOCOL_ERROR),
    "a length that is none": (head(5, get("/worker", ("content-length", "-1"))), PROTOCOL_ERROR),
    "two lengths": (head(5, get("/worker", ("content-length", "0"), ("content-length", "0"))), PROTOCOL_ERROR),
    "an upper-case name": (head(5, get("/info", ("X-Test", "y"))), PROTOCOL_ERROR),
    "a name with a space": (head(5, get("/info", ("x test", "y"))), PROTOCOL_ERROR),
    "a name with a colon": (head(5, get("/info", ("x:y", "y"))), PROTOCOL_ERROR),
    "a value with a line feed": (head(5, get("/info", ("x-test", "a\nb: c"))), PROTOCOL_ERROR),
    "a value with NUL": (head(5, get("/info", ("x-test", "a\0b"))), PROTOCOL_ERROR),
    "connection: keep-alive": (head(5, get("/info", ("connection", "keep-alive"))), PROTOCOL_ERROR),
    "keep-alive": (head(5, get("/info", ("keep-alive", "5"))), PROTOCOL_ERROR),
    "proxy-connection": (head(5, get("/info", ("proxy-connection", "close"))), PROTOCOL_ERROR),
    "transfer-encoding": (head(5, get("/info", ("transfer-encoding", "chunked"))), PROTOCOL_ERROR),
    "upgrade": (head(5, get("/info", ("upgrade", "h2c"))), PROTOCOL_ERROR),
    "te: gzip": (head(5, get("/info", ("te", "gzip"))), PROTOCOL_ERROR),
    "no method": (head(5, get("/info")[1:]), PROTOCOL_ERROR),
    "no scheme": (head(5, get("/info")[:1] + get("/info")[2:]), PROTOCOL_ERROR),
    "no path": (head(5, get("/info")[:3]), PROTOCOL_ERROR),
    "an empty path": (head(5, get("")), PROTOCOL_ERROR),
    "no host": (head(5, get("/info")[:2] + get("/info")[3:]), PROTOCOL_ERROR),
    "two methods": (head(5, [(":method", "GET"), *get("/info")]), PROTOCOL_ERROR),
    "two paths": (head(5, [*get("/info"), (":path", "/info")]), PROTOCOL_ERROR),
    "two hosts": (head(5, get("/info", ("host", "localhost"), ("host", "localhost"))), PROTOCOL_ERROR),
    "a pseudo header that there is not": (head(5, [*get("/info"), (":extra", "x")]), PROTOCOL_ERROR),
    "an answer's pseudo header": (head(5, [*get("/info"), (":status", "200")]), PROTOCOL_ERROR),
    "a pseudo header behind others": (head(5, [*get("/info")[:3], ("x", "y"), (":path", "/info")]), PROTOCOL_ERROR),
    "a pseudo header among the trailers": (
        head(5, flags=END_HEADERS) + frame(HEADERS, WHOLE, 5, block([(":path", "/x")])),
        PROTOCOL_ERROR,
    ),
    "trailers without an end": (head(5, flags=END_HEADERS) + frame(HEADERS, END_HEADERS, 5, block([("x", "y")])), PROTOCOL_ERROR),
    "priority of 4 bytes": (head(5, flags=END_HEADERS) + frame(PRIORITY, 0, 5, bytes(4)), FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("name", OF_A_STREAM)
def test_errors_of_a_stream(shared, bystander, name):
    """nghttp2 makes some of them errors of the connection, which RFC 9113 5.4.1 allows."""
    data, code = OF_A_STREAM[name]
    before = shared.state()["aborted"]
    with victim(shared) as c:
        c.answers[5] = http2.Answer()
        c.next = 7
        c.send(data)
        c.until(lambda: c.answers[5].reset is not None or c.goaways, "an error")
        if c.goaways:
            assert c.rest() == code
        else:
            assert c.answers[5].reset == code
            assert c.ask("POST", "/worker", b"x").body == b"x"
            c.send(rst_stream(3))
        assert c.answers[5].status is None
    until("what it waited for is given up", lambda: shared.state()["aborted"] >= before + 2)


REFUSED = {
    "host and authority that differ": get("/info", ("host", "other")),
    "an authority with a user": [*get("/info")[:2], (":authority", "user@test"), (":path", "/info")],
    "an authority with a path": [*get("/info")[:2], (":authority", "test/x"), (":path", "/info")],
    "an authority that is a list": [*get("/info")[:2], (":authority", "test,other"), (":path", "/info")],
}


@pytest.mark.parametrize("name", REFUSED)
def test_hosts_that_are_none(shared, bystander, name):
    with Client(shared.address) as c:
        answer = c.answer(c.open(REFUSED[name]))
        assert answer.status == 400 or answer.reset == PROTOCOL_ERROR
        assert c.ask("GET", "/info").status == 200


FINE = {
    "frames of unknown kinds": frame(0xAB, 0xFF, 0, b"x" * 100) + frame(0xAC, 0xFF, 3, b"x") + frame(0xAD, 0, 9),
    "unknown settings": settings((0xABCD, 1), (0, 2)),
    "unknown flags": frame(PING, 0xFE, 0, bytes(8)),
    "reserved bits": frame(PING, 0, 0, bytes(8))[:5] + b"\x80\0\0\0" + bytes(8),
    "priority of an idle stream": frame(PRIORITY, 0, 101, word(3) + b"\0"),
    "priority of a stream below itself": frame(PRIORITY, 0, 3, word(3) + b"\0"),  # RFC 9113 has done away with priorities
    "priority of a closed stream": frame(PRIORITY, 0, 1, word(3) + b"\0"),
    "window of a closed stream": window_update(1, 1),
    "reset of a closed stream": rst_stream(1),
    "a pong for no ping": frame(PING, http2.ACK, 0, bytes(8)),
    "a small table": settings((http2.HEADER_TABLE_SIZE, 0)),
    "data on a stream that was reset": head(5, flags=END_HEADERS) + rst_stream(5) + frame(DATA, 0, 5, b"late"),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_to_be_ignored(shared, bystander, name):
    with victim(shared) as c:
        c.next = 7
        c.answers[5] = http2.Answer()
        c.send(FINE[name])
        c.ping()
        assert not c.goaways or name == "data on a stream that was reset"
        if not c.goaways:
            assert c.ask("POST", "/worker", b"x" * 100_000).body == b"x" * 100_000


def test_request_trailers_and_te(shared, bystander):
    with Client(shared.address) as c:
        stream = c.open(get("/worker", ("te", "trailers"), method="POST"), end=False)
        c.data(stream, b"hello")
        c.send(frame(HEADERS, WHOLE, stream, block([("x-sum", "1"), ("host", "other")])))
        assert c.answer(stream).body == b"hello"


def test_host_instead_of_authority(shared):
    fields = [(":method", "GET"), (":scheme", "http"), (":path", "/info")]
    with Client(shared.address) as c:
        assert c.answer(c.open([*fields, ("host", "localhost")])).status == 200
        assert c.answer(c.open([*get("/info"), ("host", "localhost")])).status == 200


def test_dynamic_table_of_the_client(shared):
    """Fields that are remembered, used again, pushed out, and a table that shrinks."""
    with Client(shared.address) as c:
        remembered = b"\x40" + http2.text("x-test") + http2.text("first")
        c.answers[1], c.answers[3], c.answers[5] = (http2.Answer() for _ in range(3))
        c.send(frame(HEADERS, WHOLE, 1, INFO + remembered))
        assert c.answer(1).json()["x-test"] == "first"
        c.send(frame(HEADERS, WHOLE, 3, INFO + b"\xbe"))
        assert c.answer(3).json()["x-test"] == "first"
        c.send(frame(HEADERS, WHOLE, 5, b"\x20" + INFO + b"\xbe"))  # the table is emptied first
        assert c.rest() == COMPRESSION_ERROR


@pytest.mark.parametrize("preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(PING, 0, 0, bytes(8)), http2.PREFACE + INFO])
def test_preface_without_settings(shared, bystander, preface):
    with Client(shared.address, hello=False) as c:
        c.send(preface + bytes(100))
        assert c.rest() in (PROTOCOL_ERROR, FRAME_SIZE_ERROR)


def test_garbage_behind_the_preface(shared, bystander):
    chance = random.Random(9113)
    for _ in range(200):
        with Client(shared.address, hello=False) as c:
            c.try_send(http2.PREFACE + settings() + chance.randbytes(chance.randrange(1, 2000)))
            c.sock.shutdown(1)
            c.rest()


def test_frames_that_are_damaged(shared, bystander):
    """A connection's bytes with some of them changed: what comes of it is its own affair."""
    chance = random.Random(7541)
    whole = settings() + head(1) + frame(HEADERS, END_HEADERS, 3, POST) + frame(DATA, 0, 3, b"x" * 300)
    whole += window_update(3, 100) + frame(PING, 0, 0, bytes(8)) + frame(DATA, END_STREAM, 3, b"y") + rst_stream(1, CANCEL)
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with Client(shared.address, hello=False) as c:
            c.answers = dict.fromkeys(range(1000))
            c.try_send(http2.PREFACE + data)
            c.sock.shutdown(1)
            while c.frame():
                pass
