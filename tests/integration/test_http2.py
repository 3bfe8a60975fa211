"""HTTP/2 as the transport speaks it, against tests/programs/http_echo: what ordinary clients need, and its limits."""

import os
import socket
import time

import http2
import pytest
from certificates import client_context
from echo import assert_told_as_sent, until
from http2 import Client, get

ECHOES = ["/inline", "/worker", "/late"]
UNPOOLED = "-budget=8000000"  # so little that the server keeps no memory of requests that are through
PATTERN = bytes(ord("a") + i % 256 % 23 for i in range(256))


def pattern(n):
    return (PATTERN * (n // 256 + 1))[:n]


def connect(server, *settings, **how):
    return Client(server.address, *settings, **how)


@pytest.fixture(params=["clear", "tls"])
def reach(request, serve, serve_tls):
    """reach(*flags) -> (server, a function that connects), in clear text and through TLS."""

    def begin(*flags):
        server = (serve if request.param == "clear" else serve_tls)(*flags)
        how = {} if request.param == "clear" else {"tls": client_context(alpn=["h2"])}
        return server, lambda *settings, **more: connect(server, *settings, **how, **more)

    begin.tls = request.param == "tls"
    return begin


# ---- what a well-behaved client needs


@pytest.mark.parametrize("path", ECHOES)
@pytest.mark.parametrize("size", [0, 1, 18_000, 65_535, 65_536, 1 << 20])
def test_body_comes_back(reach, path, size):
    _, connect = reach()
    body = os.urandom(size)
    with connect() as c:
        for length in ([], [("content-length", str(size))]):
            answer = c.ask("POST", path, body, length)
            assert (answer.status, answer.body, answer.trailers) == (200, body, None)
            assert answer.headers["content-length"] == str(size)


def test_preface_split_over_packets(serve):
    server = serve()
    hello = http2.PREFACE + http2.settings() + http2.frame(http2.HEADERS, 5, 1, http2.block(get("/info")))
    for cuts in ([1], [3], [14], [16], [23], [24], [25], [33], range(1, len(hello))):
        with connect(server, hello=False) as c:
            c.answers[1] = http2.Answer()
            c.next = 3
            pieces = [hello[a:b] for a, b in zip([0, *cuts], [*cuts, len(hello)])]
            for piece in pieces:
                c.send(piece)
            assert c.answer(1).status == 200
            assert c.ask("GET", "/info").status == 200


@pytest.mark.parametrize("preface", [http2.PREFACE[:1], http2.PREFACE[:23]])
def test_preface_that_stops(serve, preface):
    server = serve("-header-timeout=300")
    with connect(server, hello=False) as c:
        c.send(preface)
        assert c.rest() is None
    with connect(server, hello=False) as c:
        c.send(preface)
        c.sock.shutdown(socket.SHUT_WR)
        assert c.rest() is None


def test_request_as_the_application_sees_it(reach):
    server, connect = reach()
    fields = [("x-test", "two words"), ("x-request-id", "mine-1")]
    with connect() as c:
        answer = c.ask("PUT", "/info?a=%20b&c=%00", b"xyz", fields)
    assert_told_as_sent(answer, "mine-1", reach.tls)
    assert answer.headers["x-extra"] == "one" and answer.headers["x-request-id"] == "mine-1"
    assert "date" in answer.headers and "x-bad" not in answer.headers
    assert not {"connection", "transfer-encoding", "keep-alive"} & set(answer.headers)


@pytest.mark.parametrize("path", ["/bytes?n=100", "/bytes?n=0", "/stream?n=1000000", "/trailers?n=1000000", "/status?code=404"])
def test_head_has_the_headers_and_no_body(serve, path):
    with connect(serve()) as c:
        head, full = c.ask("HEAD", path), c.ask("GET", path)
        for answer in (head, full):
            del answer.headers["date"], answer.headers["x-request-id"]
        assert (head.status, head.headers, head.body, head.trailers) == (full.status, full.headers, b"", None)


@pytest.mark.parametrize("n,piece", [(0, 10), (10, 10), (11, 10), (2000, 1), (1_000_000, 70_000), (20_000_000, 262_144)])
@pytest.mark.parametrize("path,trailers", [("/stream", None), ("/trailers", {"x-sum": "42"})])
def test_stream(serve, path, trailers, n, piece):
    server = serve()
    with connect(server) as c:
        answer = c.ask("GET", f"{path}?n={n}&piece={piece}")
        assert (answer.status, answer.body, answer.trailers) == (200, pattern(n), trailers)
    assert server.state()["done"] == 1


def test_stream_that_fails(serve):
    server = serve()
    with connect(server) as c:
        answer = c.ask("GET", "/stream?n=1000000&fail=0")
        assert (answer.status, answer.json()["error"]) == (503, "the toy is broken")
        other = c.request("GET", "/stream?n=3000000")
        broken = c.request("GET", "/stream?n=1000000&fail=3")
        assert c.reset(broken) == http2.INTERNAL_ERROR
        assert len(c.answers[broken].body) <= 3 * 65536
        assert c.answer(other).body == pattern(3_000_000)
    state = server.state()
    assert (state["done"], state["aborted"]) == (3, 1)


@pytest.mark.parametrize("size", [1400, 100_000, 3_000_000])
def test_answers_are_compressed_as_in_http_1(serve, curl, size):
    server = serve()
    with connect(server) as c:
        answer = c.ask("GET", f"/json?n={size}", headers=[("accept-encoding", "gzip")])
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.body == curl("-H", "Accept-Encoding: gzip", f"http://{server.address}/json?n={size}")


def test_expect_100_continue(serve):
    with connect(serve("-max-body=100000")) as c:
        stream = c.open(get("/worker", ("expect", "100-continue"), ("content-length", "5"), method="POST"), end=False)
        c.until(lambda: c.answers[stream].continued, "100")
        c.data(stream, b"hello", end=True)
        assert c.answer(stream).body == b"hello"
        stream = c.open(get("/worker", ("expect", "100-continue"), ("content-length", "100001"), method="POST"), end=False)
        assert c.answer(stream).status == 413 and not c.answers[stream].continued
        stream = c.open(get("/worker", ("expect", "tea"), method="POST"), end=False)
        assert c.answer(stream).status == 417


def test_a_hundred_streams_at_once(reach):
    """Each begins, sends and ends at its own pace, in a mixed order; every one gets back what is its own."""
    server, connect = reach()
    kinds = [*ECHOES, "/stream", "/trailers", "/bytes"]
    with connect() as c:
        bodies, streams = {}, []
        for i in range(100):
            path = kinds[i % len(kinds)]
            id_ = [("x-request-id", f"stream-{i}")]
            if path in ECHOES:
                stream = c.open(get(path, *id_, method="POST"), end=False)
                bodies[stream] = b"%d-" % i * (500 + 37 * i)
            else:
                stream = c.open(get(f"{path}?n={2000 * i}&piece=3000", *id_))
            streams.append((stream, path, i))
        left = dict(bodies)
        while left:
            for stream in list(left):
                piece, left[stream] = left[stream][:1500], left[stream][1500:]
                c.data(stream, piece, end=not left[stream])
                if not left[stream]:
                    del left[stream]
        for stream, path, i in reversed(streams):
            answer = c.answer(stream)
            expected = bodies.get(stream) or (b"x" * 2000 * i if path == "/bytes" else pattern(2000 * i))
            assert (answer.status, answer.headers["x-request-id"]) == (200, f"stream-{i}")
            assert answer.body == expected
            assert answer.trailers == ({"x-sum": "42"} if path == "/trailers" else None)
    assert server.state()["aborted"] == 0


def given_back(server):
    until("all is given back", lambda: server.state()["budget"] < 70_000)


def test_many_requests_one_after_the_other(serve):
    with connect(serve()) as c:
        for i in range(500):
            assert c.ask("POST", ECHOES[i % 3], b"%d" % i).body == b"%d" % i


def test_a_slow_request_holds_nobody_up(serve):
    server = serve()
    with connect(server) as c:
        slow = c.request("GET", "/stuck")
        for _ in range(20):
            assert c.ask("POST", "/worker", b"x").body == b"x"
        assert not c.answers[slow].ended
        c.send(http2.rst_stream(slow))
        c.answers[slow].reset = http2.CANCEL
        until("it is cancelled", lambda: server.state()["cancelled"] == 1)


@pytest.mark.parametrize("window", [1, 17, 1023, 65_535, 1 << 24])
def test_answers_keep_to_the_client_s_windows(serve, window):
    """`windows` opens them by what came: the server may never have sent more than that."""
    size = 5000 if window < 1000 else 500_000
    with connect(serve(), (http2.INITIAL_WINDOW_SIZE, window)) as c:
        if window > http2.WINDOW:
            c.send(http2.window_update(0, window))
        streams = [c.request("GET", f"/bytes?n={size}") for _ in range(3)]
        for stream in streams:
            assert c.answer(stream).body == b"x" * size
            assert all(len(c.answers[one].body) <= size for one in streams)


def test_windows_that_shrink_and_grow(serve):
    with connect(serve(), windows=False) as c:
        stream = c.request("GET", "/bytes?n=300000")
        c.until(lambda: len(c.answers[stream].body) == http2.WINDOW, "the window to be used up")
        c.send(http2.window_update(0, 1 << 20))
        c.send(http2.settings((http2.INITIAL_WINDOW_SIZE, 1000)))  # now the stream's is below 0
        c.send(http2.window_update(stream, http2.WINDOW - 1000))
        c.ping()
        assert len(c.answers[stream].body) == http2.WINDOW
        c.send(http2.window_update(stream, 1))
        c.until(lambda: len(c.answers[stream].body) == http2.WINDOW + 1, "one byte more")
        c.send(http2.settings((http2.INITIAL_WINDOW_SIZE, 1 << 20)))
        assert c.answer(stream).body == b"x" * 300_000


def test_frame_sizes_that_the_client_asks_for(serve):
    with connect(serve(), (http2.MAX_FRAME_SIZE, 1 << 20), (http2.INITIAL_WINDOW_SIZE, 1 << 20)) as c:
        assert len(c.ask("GET", "/bytes?n=1000000").body) == 1_000_000


def test_padding_and_priority_are_read_past(serve):
    with connect(serve()) as c:
        c.answers[1] = http2.Answer()
        c.next = 3
        flags = http2.PADDED | http2.PRIORITIZED | http2.END_HEADERS
        fields = http2.block(get("/worker", method="POST"))
        c.send(http2.frame(http2.HEADERS, flags, 1, b"\x05" + b"\0\0\0\0\x10" + fields + bytes(5)))
        c.send(http2.frame(http2.DATA, http2.PADDED, 1, b"\xff" + b"hello" + bytes(255)))
        c.send(http2.frame(http2.DATA, http2.PADDED | http2.END_STREAM, 1, b"\0 you"))
        assert c.answer(1).body == b"hello you"


def test_one_stream_that_the_client_has_last_is_not_starved(serve):
    """It depends on another that takes its time; the server sends to both all the same."""
    server = serve()
    with connect(server, (http2.INITIAL_WINDOW_SIZE, 1 << 30), windows=False) as c:
        c.send(http2.window_update(0, 1 << 30))
        first = c.open(get("/bytes?n=100000000"))
        second = c.new_stream()
        c.answers[second] = http2.Answer()
        depends = (first | 1 << 31).to_bytes(4, "big") + b"\0"
        flags = http2.PRIORITIZED | http2.END_HEADERS | http2.END_STREAM
        c.send(http2.frame(http2.HEADERS, flags, second, depends + http2.block(get("/bytes?n=5000000"))))
        assert c.answer(second).body == b"x" * 5_000_000
        assert not c.answers[first].ended


# ---- limits


def test_headers_over_the_limit(serve):
    server = serve("-header-max=8192")
    with connect(server) as c:
        assert c.settings_of_server()[http2.MAX_HEADER_LIST_SIZE] == 8192
        assert c.ask("GET", "/info", headers=[("x-long", "a" * 7900)]).status == 200
        for size in (8200, 20_000, 60_000):
            assert c.ask("GET", "/info", headers=[("x-long", "a" * size)]).status == 431
            assert c.ask("GET", "/info?" + "a" * size).status == 431
        assert c.ask("GET", "/info", headers=[(f"x-{i}", "a" * 50) for i in range(100)]).status == 431
        assert c.ask("POST", "/worker", b"x" * 200_000, [("x-long", "a" * 9000)]).status == 431
        assert c.ask("GET", "/info").status == 200
    assert server.state()["aborted"] == 0


def test_too_many_headers(serve):
    with connect(serve()) as c:
        assert c.ask("GET", "/info", headers=[("a", "b")] * 200 + [("x-test", "found")]).json()["x-test"] == "found"
        assert c.ask("GET", "/info", headers=[("a", "b")] * 300).status == 431
        assert c.ask("GET", "/info").status == 200


@pytest.mark.parametrize("path", ["/a b", "/a\tb", "/a#b", "info", "http:/x", "/\x7f"])
def test_bad_paths(serve, path):
    """What nghttp2 refuses itself is a stream's error, what it lets through is answered 400; no other stream cares."""
    server = serve()
    with connect(server) as c:
        other = c.request("GET", "/sleep?ms=50")
        stream = c.request("GET", path)
        answer = c.answer(stream)
        assert answer.status == 400 or answer.reset == http2.PROTOCOL_ERROR
        assert c.answer(other).body == b"slept"
    assert server.state()["handled"] == 1


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "BREW"])
def test_other_methods(serve, method):
    with connect(serve()) as c:
        assert c.ask(method, "/info").json()["method"] == method


def test_targets_that_name_nothing(serve):
    with connect(serve()) as c:
        assert c.ask("OPTIONS", "*").status == 404
        stream = c.open([(":method", "CONNECT"), (":authority", "host:443")])
        assert c.answer(stream).status == 404


def test_body_over_the_limit_by_content_length(serve):
    server = serve("-max-body=100000")
    with connect(server) as c:
        stream = c.open(get("/worker", ("content-length", "2000000000"), method="POST"), end=False)
        other = c.open(get("/worker", method="POST"), end=False)
        while c.data(stream, b"x" * 10_000):  # the answer comes while we send; later we are told to stop
            pass
        assert c.answers[stream].status == 413 and c.answers[stream].ended
        assert c.reset(stream) == http2.NO_ERROR
        c.data(other, b"x" * 100_000, end=True)
        assert c.answer(other).body == b"x" * 100_000
    assert server.state()["handled"] == 1


def test_body_over_the_limit_as_it_comes(serve):
    server = serve("-max-body=100000", UNPOOLED)
    with connect(server) as c:
        assert c.ask("POST", "/worker", b"x" * 100_000).status == 200
        stream = c.open(get("/worker", method="POST"), end=False)
        while c.data(stream, b"x" * 10_000):
            pass
        assert c.answers[stream].status == 413 and c.answers[stream].ended
        assert c.reset(stream) == http2.NO_ERROR
        assert c.ask("POST", "/worker", b"x").body == b"x"
    given_back(server)


@pytest.mark.parametrize("length,status", [(10, 200), (65_536, 200), (65_537, 413), (10_000_000, 413)])
@pytest.mark.parametrize("announced", [True, False])
def test_body_where_none_is_wanted(serve, length, status, announced):
    with connect(serve()) as c:
        fields = [("content-length", str(length))] if announced else []
        stream = c.open(get("/nobody", *fields, method="POST"), end=False)
        c.data(stream, b"x" * length, end=True)
        answer = c.answer(stream)
        assert (answer.status, len(answer.body) > 0) == (status, status != 200)


def test_a_body_may_end_behind_its_answer(serve):
    """Told to stop at once, curl 7.88 loses the answer."""
    with connect(serve()) as c:
        stream = c.open(get("/refused", method="POST"), end=False)
        assert c.answer(stream).status == 404
        for _ in range(100):
            assert c.data(stream, b"x" * 10_000)
        c.data(stream, b"x", end=True)
        assert c.ask("POST", "/refused", b"x").status == 404
        assert c.answers[stream].reset is None


def test_answer_of_admit_does_not_wait_for_the_body(serve):
    with connect(serve()) as c:
        stream = c.open(get("/refused", method="POST"), end=False)
        assert c.answer(stream).status == 404
        assert c.reset(stream) == http2.NO_ERROR
        assert c.ask("POST", "/refused", b"x").status == 404


def test_budget_used_up(serve):
    server = serve("-max-body=100000000", "-budget=2000000")
    with connect(server) as c:
        stream = c.open(get("/worker", ("content-length", "2000001"), method="POST"), end=False)
        assert c.answer(stream).status == 413  # never fits
        first = c.open(get("/worker", ("content-length", "700000"), method="POST"), end=False)
        c.data(first, b"x" * 600_000)
        second = c.open(get("/worker", ("content-length", "1600000"), method="POST"), end=False)
        c.data(second, b"x" * 1_600_000, end=True)
        c.answer(second)
        assert c.answers[second].status == 503 and c.answers[second].headers["retry-after"] == "1"
        c.data(first, b"x" * 100_000, end=True)
        assert len(c.answer(first).body) == 700_000
        assert c.ask("GET", "/bytes?n=1900000").status == 200
        assert c.ask("GET", "/bytes?n=2000001").status == 422
    given_back(server)


def test_requests_on_streams_are_charged(serve):
    """Streams are cheap for who opens them: what they cost here is limited by the budget, and said so."""
    server = serve("-budget=100000")
    with connect(server) as c:
        streams = [c.open(get("/worker", method="POST"), end=False) for _ in range(120)]
        for stream in streams:
            c.send(http2.frame(http2.DATA, http2.END_STREAM, stream))
        answers = [c.answer(stream) for stream in streams]
        refused = [one for one in answers if one.reset == http2.REFUSED_STREAM]
        assert 70 < len(refused) < 110
        assert all(one.status == 200 for one in answers if one not in refused)
        assert c.ask("GET", "/info").status == 200


def test_full_queue(serve):
    server = serve("-workers=1", "-queue=2")
    with connect(server) as c:
        stuck = c.request("GET", "/stuck")
        until("the worker is busy", lambda: server.state()["handled"] == 1)
        streams = [c.request("GET", "/sleep?ms=0") for _ in range(10)]
        refused = streams[2:]
        for stream in refused:
            answer = c.answer(stream)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert c.ask("GET", "/inline").status == 200  # inline requests need no place
        c.send(http2.rst_stream(stuck))
        for stream in streams[:2]:
            assert c.answer(stream).status == 200


def test_more_streams_than_allowed(serve):
    server = serve()
    with connect(server) as c:
        most = c.settings_of_server()[http2.MAX_CONCURRENT_STREAMS]
        for _ in range(most):
            c.request("GET", "/stuck")
        c.ping()
        c.request("GET", "/info")
        assert c.rest() in (http2.PROTOCOL_ERROR, http2.REFUSED_STREAM)
    until("all are given up", lambda: server.state()["finished"] >= most)


# ---- clients that go away, or take their time


@pytest.mark.parametrize("how", ["reset", "goaway and close", "close"])
def test_cancelling_in_every_stage(serve, how):
    server = serve("-workers=2", UNPOOLED)
    with connect(server, (http2.INITIAL_WINDOW_SIZE, 10_000), windows=False) as c:
        head = c.new_stream()
        body = c.open(get("/worker", method="POST"), end=False)
        c.data(body, b"x" * 50_000)
        running = [c.request("GET", "/stuck"), c.request("GET", "/stuck")]
        until("the workers are busy", lambda: server.state()["handled"] == 2)
        waiting = [c.request("GET", "/sleep?ms=0") for _ in range(3)]
        sending = c.request("GET", "/bytes?n=1000000")
        until("the budget is charged", lambda: server.state()["budget"] > 1_000_000)
        c.until(lambda: len(c.answers[sending].body) == 10_000, "the first bytes")
        if how == "reset":
            c.send(b"".join(http2.rst_stream(stream) for stream in [body, *waiting, *running, sending]))
        elif how == "goaway and close":
            c.send(http2.goaway())
            c.close()
        else:
            c.close()
        until("those that ran are cancelled", lambda: server.state()["cancelled"] == 2)
        until("all are finished", lambda: server.state()["aborted"] >= 7)
        given_back(server)
        assert server.state()["handled"] == 3  # who waited was not handled any more
        if how == "reset":
            assert c.ask("GET", "/info").status == 200
            c.send(http2.frame(http2.HEADERS, 0, c.new_stream(), http2.block(get("/info"))))
            assert head


def test_stream_cancelled_between_its_pieces(serve):
    server = serve()
    with connect(server) as c:
        for _ in range(20):
            stream = c.request("GET", "/stream?n=100000000&piece=10000")
            c.until(lambda: len(c.answers[stream].body) > 30_000, "some pieces")
            c.send(http2.rst_stream(stream))
            c.ping()
        until("done", lambda: server.state()["done"] == 20)
        assert c.ask("GET", "/info").status == 200
    assert server.state()["aborted"] == 20


def test_client_that_says_goaway_gets_its_answers(serve):
    with connect(serve()) as c:
        streams = [c.request("GET", "/sleep?ms=200"), c.request("GET", "/stream?n=2000000")]
        c.send(http2.goaway())
        assert c.answer(streams[0]).body == b"slept"
        assert c.answer(streams[1]).body == pattern(2_000_000)
        c.rest()
        assert c.closed


def test_idle_connection_is_told_and_closed(serve):
    server = serve("-idle-timeout=300", "-header-timeout=60000")
    with connect(server) as c:
        assert c.ask("GET", "/info").status == 200
        assert c.rest() == http2.NO_ERROR


def test_pings_keep_no_idle_connection(serve):
    server = serve("-idle-timeout=300")
    with connect(server) as c:
        assert c.ask("GET", "/info").status == 200
        while c.try_send(http2.frame(http2.PING, 0, 0, bytes(8))) and c.step():
            pass
        assert c.goaways[-1][1] == http2.NO_ERROR


def test_connection_without_a_request(serve):
    with connect(serve("-idle-timeout=60000", "-header-timeout=300")) as c:
        assert c.rest() == http2.NO_ERROR


def test_headers_that_stop(serve):
    server = serve("-header-timeout=300")
    with connect(server, windows=False) as c:
        other = c.request("GET", "/sleep?ms=700")
        c.ping()  # the settings are acknowledged: nothing may come between the frames of a head
        c.answers[3] = http2.Answer()
        c.send(http2.frame(http2.HEADERS, 0, 3, http2.block(get("/info"))))
        assert c.answer(3).status == 408
        c.next = 5
        c.send(http2.frame(http2.CONTINUATION, http2.END_HEADERS, 3, http2.block([("a", "b")])))
        assert c.ask("GET", "/info").status == 200
        assert c.answer(other).body == b"slept"


def test_body_that_trickles(serve):
    server = serve("-body-timeout=400")
    with connect(server) as c:
        other = c.request("GET", "/sleep?ms=700")
        stream = c.open(get("/worker", ("content-length", "5000"), method="POST"), end=False)
        c.sock.settimeout(0.02)
        for _ in range(3000):
            try:
                if c.answers[stream].ended or not c.step():
                    break
            except socket.timeout:
                c.send(http2.frame(http2.DATA, 0, stream, b"x"))
        c.sock.settimeout(http2.PATIENCE)
        assert c.answer(stream).status == 408
        assert c.reset(stream) == http2.NO_ERROR
        assert c.answer(other).body == b"slept"
    assert server.state()["handled"] == 1


@pytest.mark.parametrize("target", ["/stream?n=500000000", "/bytes?n=2000000"])
def test_window_that_is_never_opened(serve, target):
    server = serve("-write-timeout=400", "-workers=1", UNPOOLED)
    with connect(server, windows=False) as c:
        c.send(http2.window_update(0, 1 << 30))
        stuck = [c.request("GET", target) for _ in range(3)]
        for _ in range(20):  # they hold no worker
            assert c.ask("POST", "/worker", b"x").body == b"x"
        for stream in stuck:
            assert c.reset(stream) == http2.CANCEL
            assert len(c.answers[stream].body) == http2.WINDOW
        given_back(server)
        assert c.ask("POST", "/worker", b"x").body == b"x"
    state = server.state()
    assert (state["aborted"], state["done"]) == (3, 3 if "stream" in target else 0)


def test_window_of_the_connection_that_is_never_opened(serve):
    server = serve("-write-timeout=400", UNPOOLED)
    with connect(server, (http2.INITIAL_WINDOW_SIZE, 1 << 30), windows=False) as c:
        streams = [c.request("GET", "/bytes?n=100000") for _ in range(20)]
        c.until(lambda: sum(a.reset == http2.CANCEL for a in c.answers.values()) == 20, "all are given up")
        assert sum(len(c.answers[s].body) for s in streams) == http2.WINDOW
        assert c.ask("HEAD", "/info").status == 200
    given_back(server)


def test_window_that_is_opened_by_a_byte_a_time(serve):
    server = serve("-write-timeout=600", UNPOOLED)
    with connect(server, windows=False) as c:
        stream = c.request("GET", "/bytes?n=1000000")
        c.sock.settimeout(0.02)
        while c.answers[stream].reset is None:
            try:
                c.step()
            except socket.timeout:
                c.send(http2.window_update(0, 1) + http2.window_update(stream, 1))
        assert c.answers[stream].reset == http2.CANCEL
        assert len(c.answers[stream].body) < http2.WINDOW + 3000
    given_back(server)


def test_client_that_reads_slowly_but_reads(serve):
    server = serve("-write-timeout=3000")
    with connect(server, windows=False) as c:
        c.send(http2.window_update(0, 1 << 30))
        stream = c.request("GET", "/bytes?n=1000000")
        allowed = http2.WINDOW
        while allowed < 1_000_000:
            c.until(lambda: len(c.answers[stream].body) == allowed or c.answers[stream].reset, "what the window allows")
            assert c.answers[stream].reset is None
            time.sleep(0.1)  # the pace is the point here
            c.send(http2.window_update(stream, 25_000))
            allowed += 25_000
        assert len(c.answer(stream).body) == 1_000_000
    assert server.state()["aborted"] == 0


def test_client_that_does_not_read_its_socket(serve):
    server = serve("-write-timeout=400", "-workers=1", UNPOOLED)
    with connect(server, (http2.INITIAL_WINDOW_SIZE, 1 << 30), rcvbuf=4096, windows=False) as c:
        c.send(http2.window_update(0, 1 << 30))
        for _ in range(10):
            c.request("GET", "/stream?n=500000000")
        for _ in range(20):
            assert server.ask("POST", "/worker", b"x").status == 200
        until("all are given up", lambda: server.state()["aborted"] == 10)
        given_back(server)
    assert server.state()["done"] == 10


# ---- stopping


def test_stop_finishes_what_runs(serve):
    server = serve("-exit-timeout=20000")
    with connect(server) as c, connect(server) as idle, connect(server) as fresh:
        idle.ask("GET", "/info")
        running = [c.request("GET", "/sleep?ms=700"), c.request("GET", "/stream?n=3000000")]
        half = c.open(get("/worker", method="POST"), end=False)
        until("it is handled", lambda: server.state()["handled"] >= 3)
        c.ping()
        server.terminate()
        c.until(lambda: c.goaways, "GOAWAY")
        assert c.goaways == [(half, http2.NO_ERROR)]
        assert idle.rest() == http2.NO_ERROR and fresh.rest() == http2.NO_ERROR
        late = c.open(get("/info"))
        c.data(half, b"hello", end=True)
        assert c.answer(half).body == b"hello"
        assert c.answer(running[0]).body == b"slept"
        assert c.answer(running[1]).body == pattern(3_000_000)
        assert c.rest() == http2.NO_ERROR
        assert c.answers[late].status is None
    server.stop("clean")


def test_stop_cancels_at_the_deadline(serve):
    server = serve("-exit-timeout=300", "-workers=2")
    with connect(server, windows=False) as c:
        for _ in range(6):
            c.request("GET", "/stuck")
        c.open(get("/worker", method="POST"), end=False)
        c.request("GET", "/stream?n=100000000")
        until("they are handled", lambda: server.state()["handled"] == 2)
        server.terminate()
        assert server.wait() == "stopped late budget=0"
        c.rest()


def test_every_request_finishes_once(serve):
    server = serve("-verbose", "-max-body=1000")
    with connect(server) as c:
        c.ask("POST", "/worker", b"abc")
        c.ask("GET", "/stream?n=200000")
        c.ask("HEAD", "/bytes?n=10")
        refused = len(c.ask("POST", "/worker", b"x" * 1001, [("content-length", "1001")]).body)
        handled = server.state()["handled"]
        cut = c.request("GET", "/stuck")
        until("it is handled", lambda: server.state()["handled"] == handled + 1)
        c.send(http2.rst_stream(cut))
        c.ask("GET", "/trailers?n=7")
    until("all are finished", lambda: len(server.finished()) == 6)  # but those that ask for the state
    assert server.finished()[:4] == [(200, 3), (200, 200_000), (200, 0), (413, refused)]
    assert sorted(server.finished()[4:]) == [(200, -1), (200, 7)]


def test_http_1_and_http_2_on_one_port(serve):
    server = serve()
    with connect(server) as c:
        for _ in range(5):
            assert c.ask("GET", "/info").status == 200
            assert server.ask("GET", "/info").status == 200


def test_other_first_bytes_than_the_preface_are_http_1(serve):
    server = serve()
    with server.connect() as c:
        c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX")
        c.refused(505)
    with server.connect() as c:
        c.send("PRI /info HTTP/1.1\r\nHost: test\r\n\r\n")
        assert c.answer().json()["method"] == "PRI"
