"""How answers leave: expectations, HEAD, HTTP/1.0, pipelining, half-closed clients, trailers, codings; and what is left
behind when a client goes away in the midst of it, or the server is told to stop."""
# variants: release, asan, tsan

import gzip
import os
import subprocess
import zlib
from pathlib import Path

import pytest
from builders import small
from echo import Client, Server, begin_body, framing, until
from pprof_wire import encode
from server import FROM, TO, query

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(scope="module")
def server():
    one = Server("-max-body=1000000")
    yield one
    one.stop()


# --- expectations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["100-continue", "100-Continue", " 100-CONTINUE\t"])
@pytest.mark.parametrize(
    "length, body", [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")]
)
def test_who_expects_it_is_told_to_go_on(server, value, length, body):
    with server.connect() as c:
        c.send(framing(length, f"Expect: {value}"))
        assert c.exactly(len(CONTINUE)) == CONTINUE
        c.send(body)
        assert c.answer().body == b"hello"
        c.send(framing(length, f"Expect: {value}").encode() + body)  # who does not wait gets both
        assert c.answer().status == 100
        assert c.answer().body == b"hello"


@pytest.mark.parametrize(
    "request_, answer",
    [
        (framing("Content-Length: 0", "Expect: 100-continue"), b""),  # there is nothing to wait for
        (framing("Expect: 100-continue"), b""),
        (framing("Content-Length: 5", "Expect:") + "hello", b"hello"),
        # RFC 9110 10.1.1: ignored in HTTP/1.0
        ("POST /worker HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ],
)
def test_nobody_else_is(server, request_, answer):
    with server.connect() as c:
        c.send(request_)
        got = c.answer()
        assert (got.status, got.body) == (200, answer)


@pytest.mark.parametrize(
    "lines",
    [
        ["Expect: something"],
        ["Expect: 100-continue, something"],
        ["Expect: 100"],
        ["Expect: 100-continue", "Expect: something"],
    ],
)
def test_other_expectations_are_not_met(server, lines):
    before = server.state()["admitted"]
    with server.connect() as c:
        c.send(framing("Content-Length: 5", *lines) + "hello" + "GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
        c.refused(417)
    assert server.state()["admitted"] == before


@pytest.mark.parametrize(
    "target, length, status", [("/refused", 5, 404), ("/worker", 1000001, 413), ("/nobody", 100000, 413)]
)
def test_a_final_answer_comes_instead_of_100(server, target, length, status):
    with server.connect() as c:
        c.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
        c.refused(status)


def test_the_body_that_was_promised_is_waited_for_so_long_only(serve):
    server = serve("-body-timeout=300")
    with begin_body(server) as c:
        c.refused(408)


def test_100_keeps_its_place_among_pipelined_answers(server):
    with server.connect() as c:
        c.send("GET /sleep?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n" + framing("Content-Length: 5", "Expect: 100-continue"))
        assert c.answer().body == b"slept"
        assert c.answer().status == 100
        c.send("hello")
        assert c.answer().body == b"hello"


# --- HEAD, HTTP/1.0, pipelining, half-closed clients --------------------------------------------------------

TARGETS = ["/bytes?n=100", "/bytes?n=0", "/bytes?n=300000", "/json?n=50000", "/stream?n=10", "/stream?n=1000000",
           "/trailers?n=1000000", "/info", "/nothing", "/status?code=500", "/refused"]
VARYING = ("date", "x-request-id")


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("target", TARGETS)
def test_head_says_what_get_says(server, target, coding):
    with server.connect() as c:
        for _ in range(2):
            headers = [f"Accept-Encoding: {coding}", "TE: trailers"]
            c.request("HEAD", target, headers=headers)
            head = c.answer(head=True)
            c.request("GET", target, headers=headers)
            got = c.answer()
            if target == "/info":
                varying = (*VARYING, "content-length")  # it shows the method
            else:
                varying = VARYING
            for answer in (head, got):
                for name in varying:
                    answer.headers.pop(name, None)
            assert (head.status, head.headers) == (got.status, got.headers)


def test_head_of_streams_ends_them(server):
    before = server.state()
    with server.connect() as c:
        c.send("HEAD /stream?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        for _ in range(20):
            assert c.answer(head=True).headers["transfer-encoding"] == "chunked"
    until("all are done", lambda: server.state()["done"] == before["done"] + 20)
    assert server.state()["produced"] == before["produced"] + 20  # the first piece, to know whether it fails
    assert server.state()["aborted"] == before["aborted"]


@pytest.mark.parametrize("version, connection, kept", [
    ("1.0", None, False), ("1.0", "keep-alive", True), ("1.0", "Keep-Alive, x", True), ("1.0", "close", False),
    ("1.0", "keep-alive, close", False), ("1.1", None, True), ("1.1", "close", False),
])  # fmt: skip
@pytest.mark.parametrize(
    "method, target",
    [("GET", "/info"), ("HEAD", "/info"), ("POST", "/worker"), ("GET", "/stream?n=10"), ("GET", "/nothing")],
)
def test_who_is_kept(server, version, connection, kept, method, target):
    with server.connect() as c:
        for _ in range(2 if kept else 1):
            lines = [f"Connection: {connection}"] if connection else []
            c.request(method, target, b"hello" if method == "POST" else None, lines, version=f"HTTP/{version}")
            answer = c.answer(head=method == "HEAD")
            shown = answer.headers.get("connection")
            assert shown == ("close" if not kept else "keep-alive" if version == "1.0" else None)
        if kept:
            assert c.is_open()
        else:
            c.closed()


def test_http_1_0_gets_streams_up_to_the_end_of_the_connection(server):
    with server.connect() as c:
        c.request("GET", "/stream?n=1000000", headers=["Connection: keep-alive"], version="HTTP/1.0")
        answer = c.answer()
        assert answer.headers["connection"] == "close" and "transfer-encoding" not in answer.headers
        assert len(answer.body) == 1_000_000
    with server.connect() as c:
        c.request("HEAD", "/stream?n=1000000", headers=["Connection: keep-alive"], version="HTTP/1.0")
        assert c.answer(head=True).headers["connection"] == "keep-alive"
        c.request("GET", "/bytes?n=3", version="HTTP/1.0")
        assert c.answer().body == b"xxx"


def test_answers_come_in_the_order_of_their_requests(server):
    """However long each takes: on an HTTP thread, a worker, a thread of its own, in pieces."""
    wanted = [("GET", "/sleep?ms=30", b"slept"), ("GET", "/bytes?n=3", b"xxx"), ("POST", "/late", b"hello"),
              ("GET", "/stream?n=300000&piece=70000", None), ("POST", "/worker", b"hello"), ("GET", "/bytes?n=0", b""),
              ("GET", "/refused", None), ("POST", "/inline", b"hello")]  # fmt: skip
    with server.connect() as c:
        for method, target, _ in wanted * 5:
            c.request(method, target, b"hello" if method == "POST" else None)
        for _, target, body in wanted * 5:
            answer = c.answer()
            assert answer.status == (404 if target == "/refused" else 200)
            assert body is None or answer.body == body
            assert "stream" not in target or len(answer.body) == 300_000


def test_a_half_closed_client_gets_all_that_it_has_asked_for(server):
    with server.connect() as c:
        for n in range(20):
            c.request("POST", ["/worker", "/inline", "/late", "/stream?n=200000"][n % 4], b"%d" % n)
        c.end()
        for n in range(20):
            answer = c.answer()
            assert len(answer.body) == 200_000 if n % 4 == 3 else answer.body == b"%d" % n
        c.closed()


def test_a_half_closed_client_is_given_up_after_a_second_in_handle(server):
    with server.connect() as c:
        c.request("GET", "/stuck")
        c.end()
        assert c.answer().body == b"cancelled"
        c.closed()


# --- trailers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines, version, sent",
    [
        (["TE: trailers"], "1.1", True),
        (["TE: Trailers"], "1.1", True),
        (["TE: gzip;q=0.5, trailers"], "1.1", True),
        (["TE: gzip", "TE: trailers"], "1.1", True),
        (["Connection: TE", "TE: trailers"], "1.1", True),
        ([], "1.1", False),
        (["TE:"], "1.1", False),
        (["TE: gzip"], "1.1", False),
        (["Trailer: X-Sum"], "1.1", False),
        (["TE: trailers"], "1.0", False),
    ],
)
def test_trailers_are_sent_to_who_takes_them(server, lines, version, sent):
    with server.connect() as c:
        c.request("GET", "/trailers?n=200000", headers=lines, version=f"HTTP/{version}")
        answer = c.answer()
        assert len(answer.body) == 200_000
        assert answer.trailers == ({"x-sum": "42"} if sent else {})
        assert "x-sum" not in answer.headers
        if version == "1.1":
            c.request("GET", "/bytes?n=3")
            assert c.answer().body == b"xxx"


@pytest.mark.parametrize("n", [0, 1, 1399, 50_000])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_stream_of_one_piece_has_its_trailers_too(server, n, coding):
    answer = server.ask("GET", f"/trailers?n={n}", headers=["TE: trailers", f"Accept-Encoding: {coding}"])
    assert answer.trailers == {"x-sum": "42"}
    assert len(unpacked(answer.headers.get("content-encoding"), answer.body)) == n
    assert (answer.headers.get("content-encoding") == "gzip") == (coding == "gzip" and n > 1399)


# --- codings ------------------------------------------------------------------------------------------------


def unpacked(coding, body):
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dcq"], input=body, capture_output=True, check=True).stdout
    assert coding is None
    return body


ACCEPTED = {  # what it gets of a whole body, and of a stream
    None: (None, None),
    "": (None, None),
    "identity": (None, None),
    "gzip": ("gzip", "gzip"),
    "GZIP": ("gzip", "gzip"),
    "gzip;q=1": ("gzip", "gzip"),
    "gzip;q=0": (None, None),
    "gzip;q=0.000": (None, None),
    "gzip;q=0.001": ("gzip", "gzip"),
    "gzip ; q=0.5 , br": ("gzip", "gzip"),
    "*": ("gzip", "gzip"),
    "*;q=0": (None, None),
    "*, gzip;q=0": (None, None),
    "br, deflate, compress": (None, None),
    "zstd": ("zstd", None),
    "gzip, deflate, br, zstd": ("zstd", "gzip"),
    "gzip;q=0.9, zstd;q=0.8": ("gzip", "gzip"),
    "gzip;q=0.8, zstd;q=0.9": ("zstd", "gzip"),
    "gzip;q=0, zstd": ("zstd", None),
    "gzip;q=0.5, identity": (None, None),
    "gzip, identity;q=0.5": ("gzip", "gzip"),
    "gzip;q=nonsense": (None, None),
}


@pytest.mark.parametrize("accept", ACCEPTED)
def test_the_coding_is_what_the_client_likes_best(server, accept):
    headers = [] if accept is None else [f"Accept-Encoding: {accept}"]
    plain = server.ask("GET", "/json?n=50000").body
    pattern = server.ask("GET", "/stream?n=300000&piece=50000").body
    with server.connect() as c:
        c.request("GET", "/json?n=50000", headers=headers)
        whole = c.answer()
        c.request("GET", "/stream?n=300000&piece=50000", headers=headers)
        stream = c.answer()
    for answer, coding, body in ((whole, ACCEPTED[accept][0], plain), (stream, ACCEPTED[accept][1], pattern)):
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["vary"] == "Accept-Encoding"  # of the plain one, too: caches must not give it to all
        assert unpacked(coding, answer.body) == body
        assert (len(answer.body) < len(body) / 5) == (coding is not None)
    assert "transfer-encoding" not in whole.headers
    assert stream.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("target", ["/json?n=1300", "/bytes?n=1399", "/stream?n=1399", "/worker", "/info", "/nothing"])
def test_small_and_binary_answers_stay_as_they_are(server, target):
    body = b"x" * 100_000 if target == "/worker" else None
    answer = server.ask("POST" if body else "GET", target, body, ["Accept-Encoding: gzip, zstd"])
    assert "content-encoding" not in answer.headers and "vary" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(
    "target", ["/json?n=1400", "/bytes?n=1400", "/bytes?n=65536", "/stream?n=1400", "/stream?n=65536"]
)
def test_larger_ones_are_packed_with_their_length(server, target):
    """Also a stream that turns out to be one piece."""
    plain = server.ask("GET", target)
    for coding in ("gzip", "zstd"):
        answer = server.ask("GET", target, headers=[f"Accept-Encoding: {coding}"])
        assert answer.headers["content-encoding"] == coding
        assert int(answer.headers["content-length"]) == len(answer.body) < len(plain.body)
        assert unpacked(coding, answer.body) == plain.body
        assert answer.headers["content-type"] == plain.headers["content-type"]


def test_large_ones_are_not_packed_on_an_http_thread(server):
    assert "content-encoding" not in server.ask("GET", "/bytes?n=65537", headers=["Accept-Encoding: gzip"]).headers


def test_vary_names_both(server):
    assert server.ask("GET", "/json?n=5000&vary=1").headers["vary"] == "Origin, Accept-Encoding"
    packed = server.ask("GET", "/json?n=5000&vary=1", headers=["Accept-Encoding: gzip"])
    assert packed.headers["vary"] == "Origin, Accept-Encoding"


def test_each_piece_of_a_packed_stream_can_be_read_when_it_comes(serve):
    """The worker makes the next piece only when the client's buffers have room: what is there must be readable."""
    server = serve()
    with server.connect(rcvbuf=4096) as c:
        c.request("GET", "/stream?n=2000000000&piece=65536", headers=["Accept-Encoding: gzip"])
        assert c.upto(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        unpack = zlib.decompressobj(31)
        for _ in range(5):
            size = int(c.upto(b"\r\n"), 16)
            assert len(unpack.decompress(c.exactly(size))) == 65536
            assert c.exactly(2) == b"\r\n"
        c.reset()
    until("it ends", lambda: server.state()["done"] == 1)


def test_long_lists_of_profiles_come_packed(start):
    """Up to 1,000 are one piece, and have a length; more are a stream."""
    server = start()
    body = encode(small())
    with Client(f"{server.host}:{server.port}") as c:
        for _ in range(23):
            for _ in range(50):
                c.request("POST", "/api/0/profiles?service=app&type=cpu", body)
            for _ in range(50):
                assert c.answer().status == 200
    target = "/api/0/profiles" + query(service="app", from_=FROM, to=TO)
    for limit, codings in (("&limit=900", ("gzip", "zstd")), ("", ("gzip", None))):
        plain = server.get(target + limit)
        assert len(plain.result) == (900 if limit else 1150)
        both = codings[1] or "gzip"
        for accept, coding in ("gzip", codings[0]), ("gzip, zstd", both), ("zstd", codings[1]), ("br", None):
            packed = server.get(target + limit, Accept_Encoding=accept)
            assert packed.headers.get("content-encoding") == coding, accept
            assert unpacked(coding, packed.body) == plain.body
            assert ("content-length" in packed.headers) == bool(limit)
            assert len(packed.body) < len(plain.body) / 3 or not coding
            head = server.request("HEAD", target + limit, headers={"Accept-Encoding": accept})
            for name in ("content-encoding", "content-length", "transfer-encoding", "vary"):
                assert head.headers.get(name) == packed.headers.get(name)


# --- clients that go away -----------------------------------------------------------------------------------


def wait_for_counter(server, name, n):
    until(f"{name} is {n}", lambda: server.state()[name] >= n)


def before_head(server, clients):
    pass


def mid_head(server, clients):
    for c in clients:
        c.send("POST /worker HTTP/1.1\r\nHost: te")


def mid_body(server, clients):
    for c in clients:
        c.send(framing("Content-Length: 10000") + "x" * 5000)
    wait_for_counter(server, "admitted", len(clients))


def mid_chunk(server, clients):
    for c in clients:
        c.send(framing("Transfer-Encoding: chunked") + "1000\r\nhello")
    wait_for_counter(server, "admitted", len(clients))


def expecting(server, clients):
    for c in clients:
        c.send(framing("Content-Length: 10000", "Expect: 100-continue"))
        assert c.answer().status == 100


def in_inline(server, clients):
    for c in clients:
        c.request("GET", "/block?ms=20")


def in_worker(server, clients):
    for c in clients:
        c.request("GET", "/stuck")  # two run, the others wait for a worker
    wait_for_counter(server, "admitted", len(clients))


def in_late(server, clients):
    for c in clients:
        c.request("POST", "/late", b"x" * 1000)


def mid_answer(server, clients):
    for c in clients:
        c.request("GET", "/bytes?n=8000000")
        c.exactly(1)


def mid_stream(server, clients):
    for c in clients:
        c.request("GET", "/stream?n=100000000000&piece=100000")
        c.exactly(100_000)


def mid_packed_stream(server, clients):
    for c in clients:
        c.request("GET", "/stream?n=100000000000&piece=100000", headers=["Accept-Encoding: gzip"])
        c.exactly(1000)


def lingering(server, clients):
    for c in clients:
        c.send("GARBAGE\r\n\r\n")
        c.answer()


def between_requests(server, clients):
    for c in clients:
        c.request("GET", "/info")
        assert c.answer().status == 200


def pipelining(server, clients):
    for c in clients:
        c.send("GET /sleep?ms=5 HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        c.upto(b"slept")


STATES = [before_head, mid_head, mid_body, mid_chunk, expecting, in_inline, in_worker, in_late, mid_answer, mid_stream,
          mid_packed_stream, lingering, between_requests, pipelining]  # fmt: skip


def sockets_of(server):
    count = 0
    for one in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            count += os.readlink(one).startswith("socket:")
        except FileNotFoundError:
            pass
    return count


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("state", STATES, ids=lambda one: one.__name__)
def test_who_goes_away_leaves_nothing_behind(serve, state, how):
    """No connection and no request; and no memory, as every server of these tests must say at its end."""
    server = serve("-workers=2", "-verbose", "-header-timeout=600000", "-body-timeout=600000", "-write-timeout=600000")
    alone = sockets_of(server)
    clients = [server.connect(rcvbuf=4096) for _ in range(6)]
    state(server, clients)
    for c in clients:
        c.reset() if how == "reset" else c.close()
    until("no connection is left", lambda: sockets_of(server) == alone)
    # Each request that was admitted has finished, and so have those that were refused before; streams are done with.
    until("no request is left", lambda: len(server.finished()) >= server.state()["admitted"])
    now = server.state()
    if "stream" in state.__name__:
        assert now["done"] == now["finished"] == now["aborted"] == 6
    server.stop("clean")


# --- stopping -----------------------------------------------------------------------------------------------


def test_a_stop_finds_connections_in_every_state(serve):
    """What is under way is finished, and says that it was the last; what is idle ends; nothing is left."""
    server = serve("-exit-timeout=60000", "-workers=2", "-threads=2")
    opened = []

    def connect(**how):
        opened.append(server.connect(**how))
        return opened[-1]

    idle = connect()
    idle.request("GET", "/info")
    assert idle.answer().status == 200
    head, body, chunk, stream, large, silent = (connect(rcvbuf=65536) for _ in range(6))
    head.send("POST /worker HTTP/1.1\r\nHost: te")
    body.send(framing("Content-Length: 10") + "hello")
    chunk.send(framing("Transfer-Encoding: chunked") + "5\r\nhel")
    waiting = begin_body(server)
    opened.append(waiting)
    stream.request("GET", "/stream?n=5000000&piece=100000")
    stream.exactly(1000)
    large.request("GET", "/bytes?n=5000000")
    large.exactly(1000)
    refused = connect()
    refused.send("GARBAGE\r\n\r\n")
    refused.answer()
    workers = [connect() for _ in range(4)]  # two run, two wait in the queue
    for c in workers:
        c.request("GET", "/sleep?ms=400")
    half_closed, pipelined = connect(), connect()
    half_closed.request("GET", "/sleep?ms=100")
    half_closed.end()
    pipelined.send("GET /sleep?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    until("all are under way", lambda: server.state()["admitted"] == 12)
    server.terminate()
    idle.closed()
    refused.closed()

    def last(c):
        answer = c.answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        c.closed()
        return answer.body

    for c in [*workers, pipelined]:
        assert last(c) == b"slept"
    assert last(half_closed) in (b"slept", b"cancelled")  # it counts as gone when the workers keep it waiting for a second
    head.send("st\r\nContent-Length: 4\r\n\r\nlate")
    assert last(head) == b"late"
    body.send("world")
    assert last(body) == b"helloworld"
    chunk.send("lo\r\n0\r\n\r\n")
    assert last(chunk) == b"hello"
    waiting.send("hello")
    assert last(waiting) == b"hello"
    assert stream.rest().endswith(b"\r\n0\r\n\r\n")
    assert len(large.rest()) > 4_990_000
    silent.closed()
    for c in opened:
        c.close()
    server.stop("clean")


def test_a_stop_that_has_no_time_leaves_nothing_either(serve):
    patient = ["-header-timeout=600000", "-body-timeout=600000", "-write-timeout=600000"]
    server = serve("-exit-timeout=300", "-workers=2", *patient)
    clients = [server.connect(rcvbuf=4096) for _ in range(24)]
    mid_head(server, clients[:4])
    mid_body(server, clients[4:8])
    mid_answer(server, clients[8:12])
    mid_stream(server, clients[12:16])
    mid_packed_stream(server, clients[16:20])
    for c in clients[20:]:
        c.request("GET", "/stuck")  # two run, two wait
    until("all are under way", lambda: server.state()["admitted"] == 20)
    server.terminate()
    assert server.wait() == "stopped late budget=0"
    for c in clients:
        c.rest(reset=True)
        c.close()


def test_a_second_stop_signal_changes_nothing(serve):
    server = serve("-exit-timeout=60000")
    with server.connect() as c:
        c.request("GET", "/sleep?ms=300")
        until("it is handled", lambda: server.state()["handled"] == 1)
        server.terminate()
        server.terminate()
        assert c.answer().body == b"slept"
    server.stop("clean")
