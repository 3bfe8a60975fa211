"""Floods and bombs over HTTP/2: each ends its connection within a bounded number of frames, is counted, costs bounded memory,
and no client on another connection is kept waiting. What honest clients may do is in test_http2_clients.py.
"""

import contextlib
import itertools
import socket
import threading

import http2
import pytest
from echo import until
from http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    SETTINGS,
    Client,
    block,
    frame,
    get,
    rst_stream,
    settings,
    window_update,
)
from server import SANITIZED

WHOLE = END_STREAM | END_HEADERS
POST = block(get("/worker", method="POST"))
MEGABYTE = 1 << 20
CHUNK = 500  # of the frames that are sent at once


@contextlib.contextmanager
def ordinary(server):
    """A client that asks all the while, and must get its answers."""
    stop, failures, answered = threading.Event(), [], []

    def ask():
        try:
            with Client(server.address) as c:
                while not stop.is_set() or not answered:
                    assert c.ask("POST", "/worker", b"ordinary").body == b"ordinary"
                    answered.append(1)
        except Exception as e:
            failures.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert answered and not failures, failures


def flood(c, chunks):
    """Sends these until the server has had enough, and reads meanwhile; (the code of its GOAWAY, chunks sent)."""
    sent = []

    def send():
        for chunk in chunks:
            if not c.try_send(chunk):
                break
            sent.append(1)

    thread = threading.Thread(target=send)
    thread.start()
    code = c.rest()
    with contextlib.suppress(OSError):
        c.sock.shutdown(socket.SHUT_RDWR)
    thread.join()
    return code, len(sent)


class Watch:
    """What an attack may not have cost."""

    def __init__(self, server):
        self.server = server
        with Client(server.address) as c:  # what is allocated once
            for _ in range(50):
                c.ask("POST", "/worker", b"x" * 1000)
        self.resident, self.abused = server.resident(), server.metric("connections_abused_total")

    def check(self, abused=1, megabytes=16):
        assert self.server.metric("connections_abused_total") - self.abused == abused
        grown = (self.server.resident() - self.resident) / MEGABYTE
        assert SANITIZED or grown < megabytes, f"{grown:.1f} MiB more"
        until("nothing is under way", lambda: self.server.metric("requests_in_flight") == 1)


def requests(of_stream):
    """Chunks of what `of_stream(stream)` makes, for one stream after the other."""
    ids = itertools.count(1, 2)
    while True:
        yield b"".join(of_stream(next(ids)) for _ in range(50))


def reset_at_once(path):
    head = block(get(path))
    return lambda stream: frame(HEADERS, WHOLE, stream, head) + rst_stream(stream)


# What makes the server begin a request that comes to nothing.
RESETS = {
    "of a request for a worker": reset_at_once("/worker"),
    "of a request that stays": reset_at_once("/stuck"),
    "of one answered at once": reset_at_once("/inline"),
    "of a stream": reset_at_once("/stream?n=1000000"),
    "before the body": lambda stream: frame(HEADERS, END_HEADERS, stream, POST) + rst_stream(stream),
    "by a window too wide": lambda stream: frame(HEADERS, END_HEADERS, stream, POST) + window_update(stream, 2**31 - 1),
    "by data over its length": lambda stream: frame(
        HEADERS, END_HEADERS, stream, block(get("/worker", ("content-length", "1"), method="POST"))
    )
    + frame(DATA, 0, stream, b"two"),
    "by a bad header": lambda stream: frame(HEADERS, WHOLE, stream, block(get("/stuck", ("BAD", "x")))),
}


@pytest.mark.parametrize("name", RESETS)
def test_rapid_resets(serve, name):
    """CVE-2023-44487, and CVE-2025-8671, where the server is made to reset."""
    server = serve()
    watch = Watch(server)
    with ordinary(server), Client(server.address) as c:
        c.answers = dict.fromkeys(range(1, 2_000_000, 2))
        c.on_headers = c.on_data = c.on_other = lambda f: c.goaways.append(http2.words(f)) if f.kind == http2.GOAWAY else None
        code, sent = flood(c, requests(RESETS[name]))
        # Who does not wait for the server's resets may be over the limit of streams first.
        assert code == ENHANCE_YOUR_CALM or (name.startswith("by") and code == http2.PROTOCOL_ERROR)
        assert 50 * sent < 50_000
    counted = server.metric("connections_abused_total") - watch.abused  # either way, where streams ran out first
    watch.check(abused=1 if code == ENHANCE_YOUR_CALM else counted)
    assert server.state()["budget"] < 8 * MEGABYTE


def test_streams_beyond_the_limit(serve):
    """A client that has not acknowledged the limit may not know it; one that goes on and on does."""
    server = serve()
    watch = Watch(server)
    head = block(get("/stuck"))
    with ordinary(server), Client(server.address, acknowledge=False) as c:
        c.answers = {stream: http2.Answer() for stream in range(1, 100_000, 2)}
        code, sent = flood(c, requests(lambda stream: frame(HEADERS, WHOLE, stream, head)))
        assert code == ENHANCE_YOUR_CALM
        refused = sum(answer.reset == http2.REFUSED_STREAM for answer in c.answers.values())
        assert 100 < refused < 5000
    watch.check()


@pytest.mark.parametrize("size", [0, 1, 100, 16384])
@pytest.mark.parametrize("known", [True, False])
def test_continuation_flood(serve, size, known):
    """CVE-2024-27316: a header block that never ends, of a request or of nothing."""
    server = serve()
    watch = Watch(server)
    piece = http2.literal("x", "y" * (size - 6))[:size] if size > 6 else b"\0"[:size]
    with ordinary(server), Client(server.address, windows=False) as c:
        c.ping()
        begin = frame(HEADERS, END_STREAM, 1, block(get("/worker"))) if known else frame(HEADERS, 0, 1, b"")
        c.answers[1] = http2.Answer()
        code, sent = flood(c, itertools.chain([begin], itertools.repeat(frame(CONTINUATION, 0, 1, piece))))
        assert code in (ENHANCE_YOUR_CALM, http2.COMPRESSION_ERROR if size == 1 else ENHANCE_YOUR_CALM)
    watch.check(abused=code == ENHANCE_YOUR_CALM)


FLOODS = {
    "pings": (frame(PING, 0, 0, bytes(8)), None),
    "pongs": (frame(PING, http2.ACK, 0, bytes(8)), None),
    "settings": (settings((http2.INITIAL_WINDOW_SIZE, 1000)), None),
    "empty settings": (settings(), None),
    "priorities": (frame(PRIORITY, 0, 5, b"\0\0\0\3\0"), None),
    "priorities of idle streams": (frame(PRIORITY, 0, 1001, b"\0\0\0\3\0"), None),
    "windows": (window_update(0, 1), None),
    "windows of a stream": (window_update(3, 1), "/stuck"),
    "windows of a closed stream": (window_update(1, 1), None),
    "empty data": (frame(DATA, 0, 3), "POST"),
    "padding": (frame(DATA, PADDED, 3, b"\xff" + bytes(255)), "POST"),
    "empty data on a closed stream": (frame(DATA, 0, 1), None),
    "resets of a closed stream": (rst_stream(1), None),
    "unknown frames": (frame(0xAB, 0, 0, bytes(100)), None),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods(serve, name):
    one, running = FLOODS[name]
    server = serve()
    watch = Watch(server)
    with ordinary(server), Client(server.address) as c:
        assert c.ask("GET", "/info").status == 200
        if running == "POST":
            c.open(get("/worker", method="POST"), end=False)
        elif running:
            c.request("GET", running)
        code, sent = flood(c, itertools.repeat(one * CHUNK, 100_000 // CHUNK + 100))
        # Data on a stream that is closed may be an error in itself.
        assert code == ENHANCE_YOUR_CALM or (name == "empty data on a closed stream" and code == http2.STREAM_CLOSED)
    watch.check(abused=code == ENHANCE_YOUR_CALM)


@pytest.mark.parametrize("name", ["pings", "empty settings", "settings", "windows"])
def test_floods_by_one_who_does_not_read(serve, name):
    """What is to be said piles up nowhere: the server stops reading, then gives the client up."""
    server = serve("-write-timeout=1000")
    watch = Watch(server)
    before = server.metric("connections")
    with ordinary(server), Client(server.address, rcvbuf=4096) as c:
        c.sock.settimeout(0.5)
        one = FLOODS[name][0]
        with contextlib.suppress(OSError):
            for _ in range(200_000 // CHUNK):
                c.send(one * CHUNK)
        until("it is given up", lambda: server.metric("connections") <= before + 1)
    watch.check(abused=server.metric("connections_abused_total") - watch.abused)


@pytest.mark.parametrize("path", ["/bytes?n=60000", "/stream?n=600000", "/refused", "/worker"])
def test_requests_by_one_who_does_not_read(serve, path):
    server = serve("-write-timeout=1000", "-budget=64000000")
    watch = Watch(server)
    head = block(get(path))
    with ordinary(server), Client(server.address, (http2.INITIAL_WINDOW_SIZE, 1 << 30), rcvbuf=4096) as c:
        c.send(window_update(0, 1 << 30))
        c.sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            for chunk in itertools.islice(requests(lambda stream: frame(HEADERS, WHOLE, stream, head)), 2000):
                c.send(chunk)
        until("it is given up", lambda: server.metric("connections") <= 3)
    watch.check(abused=server.metric("connections_abused_total") - watch.abused, megabytes=24)
    until("all is given back", lambda: server.state()["budget"] < 10 * MEGABYTE)


def test_header_bomb(serve):
    """One byte stands for 4000 that the table holds: 16 KB for 64 MB, and again, and again."""
    server = serve("-verbose")
    watch = Watch(server)
    with ordinary(server), Client(server.address) as c:
        for i in range(40):
            name = f"bomb-{i}"
            entry = b"\x40" + http2.text(name) + http2.text("x" * 3900)
            c.answers[c.next] = http2.Answer()
            c.send(frame(HEADERS, WHOLE, c.new_stream(), block(get("/worker")) + entry + b"\xbe" * 12_000))
            assert c.answer(c.next - 2).status == 431
    watch.check(abused=0)


def test_table_that_changes_all_the_time(serve):
    """Each block changes the table's size twice, and fills it."""
    server = serve()
    watch = Watch(server)
    head = block(get("/worker"))
    grow = b"\x20\x3f\xe1\x1f"  # to 0, to 4096
    fields = b"".join(b"\x40" + http2.text(f"n{i}") + http2.text("x" * 30) for i in range(100))
    with ordinary(server), Client(server.address) as c:
        for _ in range(300):
            c.answers[c.next] = http2.Answer()
            c.send(frame(HEADERS, WHOLE, c.new_stream(), grow + head + fields))
            assert c.answer(c.next - 2).status == 200
    watch.check(abused=0)


def test_many_streams_with_a_byte_each(serve):
    server = serve("-body-timeout=5000", "-budget=256000000")
    watch = Watch(server)
    with ordinary(server), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address)) for _ in range(10)]
        for c in clients:
            for _ in range(100):
                stream = c.open(get("/worker", method="POST"), end=False)
                c.send(frame(DATA, 0, stream, b"x"))
        until("all are charged", lambda: server.state()["budget"] > 1000 * 64 * 1024)
        assert server.state()["budget"] < 1200 * 72 * 1024
        for c in clients:
            for stream in list(c.answers):
                assert c.answer(stream).status == 408
    watch.check(abused=0, megabytes=96)


def test_head_that_trickles(serve):
    server = serve("-header-timeout=500")
    watch = Watch(server)
    with ordinary(server), Client(server.address, windows=False) as c:
        c.ping()
        c.answers[1] = http2.Answer()
        c.send(frame(HEADERS, END_STREAM, 1, block(get("/worker"))) + frame(CONTINUATION, 0, 1, http2.literal("x", "y" * 16000))[:100])
        c.sock.settimeout(0.02)
        for _ in range(3000):
            try:
                if c.answers[1].ended or not c.step():
                    break
            except socket.timeout:
                c.try_send(b"y")
        assert c.answers[1].status == 408
    watch.check(abused=0)


def test_settings_that_list_thousands(serve):
    server = serve()
    with Client(server.address) as c:
        c.send(settings(*[(0xFF00 + i % 200, i) for i in range(2700)]))
        assert c.rest() in (ENHANCE_YOUR_CALM, None)
    assert server.ask("GET", "/info").status == 200


def test_many_attackers_beside_many_clients(serve):
    """Every kind at once on connections of their own, and no ordinary client sees an answer that isn't its own."""
    server = serve("-connections=400")
    stop, failures, answered = threading.Event(), [], [0] * 8

    def attack(chunks):
        while not stop.is_set():
            with contextlib.suppress(OSError), Client(server.address) as c:
                c.send(next(chunks) if not isinstance(chunks, bytes) else chunks * CHUNK)
                c.sock.settimeout(0.2)
                c.sock.recv(1000)

    def ask(i):
        try:
            with Client(server.address) as c:
                while not stop.is_set():
                    n = answered[i]
                    id_ = f"client-{i}-{n}"
                    answer = c.ask("POST", ["/worker", "/late", "/inline"][n % 3], id_.encode(), [("x-request-id", id_)])
                    assert (answer.status, answer.headers["x-request-id"], answer.body) == (200, id_, id_.encode())
                    answered[i] += 1
        except Exception as e:
            failures.append(e)
            stop.set()

    kinds = [one for one, _ in FLOODS.values()] + [requests(of) for of in RESETS.values()]
    threads = [threading.Thread(target=attack, args=(kind,)) for kind in kinds]
    threads += [threading.Thread(target=ask, args=(i,)) for i in range(len(answered))]
    for t in threads:
        t.start()
    enough = lambda: min(answered) >= 50 and server.state()["finished"] > 3000
    until("enough was asked", lambda: stop.is_set() or enough())
    stop.set()
    for t in threads:
        t.join()
    assert not failures, failures
