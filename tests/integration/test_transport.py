"""The transport (src/server/http) as a hostile client sees it: raw sockets against tests/programs/http_echo.

Nothing here sleeps and hopes: deadlines of the server are set small by flags, and a test waits for what must
happen (an answer, a closed socket, a counter) with PATIENCE as the point where it gives up. Every server is
stopped at the end of its test and must have given back its whole memory budget.
"""

import os
import re
import select
import socket
import subprocess
import threading
import time

import pytest
from echo import PATIENCE, POST, PROGRAM, Client, assert_told_as_sent, begin_body, framing, until


# ---- what a well-behaved client needs


@pytest.mark.parametrize("path", ["/inline", "/worker", "/late"])
@pytest.mark.parametrize("size", [0, 1, 18_000, 65_536, 65_537, 1 << 20])
def test_body_comes_back(serve, path, size):
    body = os.urandom(size)
    answer = serve().ask("POST", path, body)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("path", ["/inline", "/worker", "/late"])
def test_chunked_body_comes_back(serve, path):
    with serve().connect() as c:
        c.send(f"POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        body = os.urandom(300_000)
        for at in range(0, len(body), 70_001):
            piece = body[at : at + 70_001]
            c.send(b"%x%b\r\n%b\r\n" % (len(piece), b";ext=1", piece))
        c.send("0\r\nTrailer: ignored\r\n\r\n")
        assert c.answer().body == body
        c.request("GET", "/info")  # the connection is still good
        assert c.answer().status == 200


def test_request_as_the_application_sees_it(serve):
    server = serve()
    answer = server.ask("PUT", "/info/%2F%00?a=%20b&c", b"xyz", ["X-Test:  two words \t", "X-Request-Id: mine-1"])
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.status == 404  # /info alone is known
    with server.connect() as c:
        c.request("PUT", "/info?a=%20b&c=%00", b"xyz", ["X-Test:  two words \t", "X-Request-Id: mine-2"])
        answer = c.answer()
    assert_told_as_sent(answer, "mine-2", tls=False)
    assert answer.headers["x-extra"] == "one"
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("bad", ["", "has space", "x" * 129, "\x7f", "\xe4"])
def test_request_id_that_is_not_sane_is_replaced(serve, bad):
    answer = serve().ask("GET", "/info", headers=[f"X-Request-Id: {bad}"])
    assert re.fullmatch("[0-9a-v]{20}", answer.headers["x-request-id"])


def test_head_has_the_headers_and_no_body(serve):
    server = serve()
    with server.connect() as c:
        c.request("HEAD", "/bytes?n=100")
        answer = c.answer(head=True)
        assert answer.headers["content-length"] == "100"
        c.request("GET", "/bytes?n=3")
        assert c.answer().body == b"xxx"
    with server.connect() as c:
        c.request("HEAD", "/stream?n=1000000")
        assert c.answer(head=True).status == 200
        c.request("GET", "/bytes?n=3")
        assert c.answer().body == b"xxx"


def test_keep_alive_answers_are_not_held_back(serve):
    """Nagle and delayed acknowledgements together cost 40 ms an answer; 200 of them would take 8 s."""
    with serve().connect() as c:
        start = time.monotonic()
        for _ in range(100):
            c.request("POST", "/worker", b"x" * 3000)
            assert len(c.answer().body) == 3000
            c.request("GET", "/stream?n=3000&piece=1000")
            assert len(c.answer().body) == 3000
        assert time.monotonic() - start < 6


def test_http_1_0(serve):
    server = serve()
    with server.connect() as c:
        c.request("GET", "/info", version="HTTP/1.0")
        assert c.answer().status == 200
        c.closed()
    with server.connect() as c:
        c.request("GET", "/info", headers=["Connection: keep-alive"], version="HTTP/1.0")
        assert c.answer().headers["connection"].lower() == "keep-alive"
        c.request("GET", "/stream?n=200000&piece=50000", version="HTTP/1.0")
        answer = c.answer()  # no chunks: ends with the connection
        assert "transfer-encoding" not in answer.headers
        assert len(answer.body) == 200_000


@pytest.mark.parametrize("path", ["/inline", "/worker", "/late", "/stream"])
def test_fifty_pipelined_requests(serve, path):
    with serve().connect() as c:
        one = "".join(f"POST {path}?n=7 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{i:02d}" for i in range(50))
        c.send(one)
        for i in range(50):
            answer = c.answer()
            assert answer.status == 200
            assert answer.body == (b"abcdefg" if path == "/stream" else b"%02d" % i)


def test_pipelined_requests_over_the_connections_buffer(serve):
    with serve().connect() as c:
        head = "GET /info?" + "x" * 2000 + " HTTP/1.1\r\nHost: test\r\n\r\n"
        sender = threading.Thread(target=c.send, args=(head * 200,))
        sender.start()
        for _ in range(200):
            assert c.answer().status == 200
        sender.join()


@pytest.mark.parametrize("path", ["/inline", "/worker", "/stream?n=300000", "/stream?n=3"])
def test_client_that_shuts_its_sending_side_is_answered(serve, path):
    with serve().connect() as c:
        c.request("POST", path, b"hello")
        c.end()
        assert c.answer().status == 200
        c.closed()


@pytest.mark.parametrize(
    "addr,host",
    [
        ("127.0.0.1:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("localhost:0", "127.0.0.1"),
        (":0", "127.0.0.1"),
        (":0", "::1"),
    ],
)
def test_addresses(serve, addr, host):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        if ":" in addr.rsplit(":", 1)[0] or ":" in host:
            pytest.skip("this machine has no IPv6")
    server = serve(f"-addr={addr}")
    port = server.address.rsplit(":", 1)[1]
    with Client(f"{host}:{port}") as c:
        c.request("GET", "/info")
        assert c.answer().json()["peer"] == host


def test_address_in_use(serve):
    taken = serve().address
    again = subprocess.run([PROGRAM, f"-addr={taken}"], capture_output=True, text=True, timeout=PATIENCE)
    assert again.returncode == 1
    assert again.stderr == f"http_echo: can't listen on {taken}: Address already in use\n"


# ---- framing that lies


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "content-length: 5"],
        ["Content-Length: 5, 5"],
        ["Content-Length: -5"],
        ["Content-Length: +5"],
        ["Content-Length: 5 5"],
        ["Content-Length: 0x5"],
        ["Content-Length: five"],
        ["Content-Length: 5five"],
        ["Content-Length:"],
        ["Content-Length : 5"],
        ["Content-Length\t: 5"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding : chunked"],
        ["No colon"],
        ["Na(me: x"],
    ],
)
def test_lying_framing_is_refused(serve, lines):
    server = serve()
    with server.connect() as c:
        c.send(framing(*lines) + "hello")
        c.refused(400)
    assert server.state()["handled"] == 0


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "identity", "chunked, chunked", "x"])
def test_other_transfer_codings_are_refused(serve, coding):
    with serve().connect() as c:
        c.send(framing(f"Transfer-Encoding: {coding}") + "0\r\n\r\n")
        c.refused(501)


@pytest.mark.parametrize(
    "length",
    [
        "99999999999999999999999999",
        "18446744073709551615",
        "9223372036854775808",
        "1048577",
    ],
)
def test_huge_content_length_is_refused_before_the_body(serve, length):
    server = serve("-max-body=1048576")
    with server.connect() as c:
        c.send(framing(f"Content-Length: {length}"))
        c.refused(413)
    assert server.state()["handled"] == 0


@pytest.mark.parametrize("size", ["zz", "-5", "+5", "0x5", "", "5 5", " 5", "fffffffffffffffff", "5\rx"])
def test_bad_chunk_sizes_are_refused(serve, size):
    server = serve()
    with server.connect() as c:
        c.send(framing("Transfer-Encoding: chunked") + f"{size}\r\nhello\r\n0\r\n\r\n")
        c.refused(400)
    assert server.state()["handled"] == 0


def test_chunk_longer_than_its_size_is_refused(serve):
    server = serve()
    with server.connect() as c:
        c.send(framing("Transfer-Encoding: chunked") + "3\r\nhello\r\n0\r\n\r\n")
        c.refused(400)
    assert server.state()["handled"] == 0


def test_http_1_0_has_no_chunks(serve):
    with serve().connect() as c:
        c.send("POST /worker HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        c.refused(400)


def test_bytes_behind_a_body_are_the_next_request(serve):
    with serve().connect() as c:
        c.send(framing("Content-Length: 3") + "abcGET /info HTTP/1.1\r\nHost: test\r\n\r\n")
        assert c.answer().body == b"abc"
        assert c.answer().json()["method"] == "GET"
    with serve().connect() as c:
        c.send(framing("Content-Length: 3") + "abcdef\r\n\r\n")
        assert c.answer().body == b"abc"
        assert b"200" not in c.rest()


@pytest.mark.parametrize(
    "partial",
    [
        "Content-Length: 10\r\n\r\nhel",
        "Content-Length: 10\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "X: y",
    ],
)
def test_request_that_stops_half_way_is_not_handled(serve, partial):
    server = serve("-verbose", "-body-timeout=800", "-header-timeout=800")
    with server.connect() as c:  # shuts its sending side only: told why
        c.send(POST + partial)
        c.end()
        size = len(c.refused(400).body)
    with server.connect() as c:  # is gone; its kernel takes the answer all the same
        c.send(POST + partial)
    with server.connect() as c:  # is gone with a reset
        c.send(POST + partial)
        if "\r\n\r\n" in partial:  # before, it is no request yet
            until("it has read that", lambda: server.state()["admitted"] == 3)
        c.reset()
    ends = [(400, size), (400, size), (400, -1)] if "\r\n\r\n" in partial else [(400, size), (400, size)]
    until("all finished", lambda: len(server.finished()) >= len(ends))
    assert sorted(server.finished()) == sorted(ends)  # when it is seen that a client is gone is not ours to say
    assert server.state()["handled"] == 0


# ---- request lines and headers


@pytest.mark.parametrize(
    "line",
    [
        "GET /in\0fo HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /in fo HTTP/1.1",
        "GET /in\tfo HTTP/1.1",
        "GET /in\x01fo HTTP/1.1",
        "GET /in\x7ffo HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET info HTTP/1.1",
        "GET  HTTP/1.1",
        "G(T /info HTTP/1.1",
        "GET /info HTTP/x",
        "GET /info HTTP/1.1x",
        "GET /info http/1.1",
        "GET /info",
        "GET http:/info HTTP/1.1",
    ],
)
def test_malformed_request_lines(serve, line):
    server = serve()
    with server.connect() as c:
        c.send(line + "\r\nHost: test\r\n\r\n")
        c.refused(400)
    assert server.state()["handled"] == 0


@pytest.mark.parametrize("version,status", [("HTTP/0.9", 505), ("HTTP/2.0", 505), ("HTTP/3.1", 505), ("HTTP/1.9", 200)])
def test_versions(serve, version, status):
    with serve().connect() as c:
        c.request("GET", "/info", headers=["Connection: close"], version=version)
        assert c.answer().status == status


def test_something_else_than_http(serve):
    with serve().connect() as c:
        c.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n")
        c.refused(400)
    with serve().connect() as c:
        c.send(b"\r\n\r\n")  # empty lines before a request are forgiven
        c.request("GET", "/info")
        assert c.answer().status == 200


@pytest.mark.parametrize(
    "target,path,query",
    [
        ("http://host:1/info?a", "/info", "a"),
        ("HTTP://host/info", "/info", ""),
    ],
)
def test_absolute_form(serve, target, path, query):
    with serve().connect() as c:
        c.request("GET", target)
        seen = c.answer().json()
        assert (seen["target"], seen["path"], seen["query"]) == (target, path, query)


@pytest.mark.parametrize("line", ["OPTIONS *", "GET *", "CONNECT host:443", "GET http://host", "GET http://host?x"])
def test_targets_that_name_nothing(serve, line):
    with serve().connect() as c:
        c.send(line + " HTTP/1.1\r\nHost: test\r\n\r\n")
        assert c.answer().status == 404


@pytest.mark.parametrize("size", [8_200, 20_000, 100_000, 3_000_000])
def test_target_over_the_limit(serve, size):
    server = serve("-header-max=8192")
    with server.connect() as c:
        c.try_send("GET /" + "a" * size + " HTTP/1.1\r\nHost: test\r\n\r\n")
        c.refused(414)
    with server.connect() as c:
        c.request("GET", "/info?" + "a" * 8000)
        assert c.answer().status == 200


@pytest.mark.parametrize("size", [8_200, 20_000, 100_000, 3_000_000])
def test_headers_over_the_limit(serve, size):
    server = serve("-header-max=8192")
    with server.connect() as c:
        c.try_send("GET /info HTTP/1.1\r\nX-Long: " + "a" * size + "\r\n\r\n")
        c.refused(431)
    with server.connect() as c:
        c.request("GET", "/info", headers=["X-Long: " + "a" * 8000])
        assert c.answer().status == 200


def test_many_small_headers_and_parameters(serve):
    server = serve()
    with server.connect() as c:
        c.request("GET", "/info?" + "a&" * 10_000, headers=["A: b"] * 100 + ["X-Test: found"])
        assert c.answer().json()["x-test"] == "found"
    with server.connect() as c:
        c.try_send("GET /info HTTP/1.1\r\n" + "A: b\r\n" * 5_000 + "\r\n")
        c.refused(431)


# ---- bodies over the limit


def test_body_over_the_limit_by_content_length(serve):
    server = serve("-max-body=100000")
    with server.connect() as c:
        c.send(framing("Content-Length: 20000000"))
        c.try_send(b"x" * 20_000_000)  # the answer must survive that this is not read
        c.refused(413)
    assert server.ask("POST", "/worker", b"x" * 100_000).status == 200
    assert server.ask("POST", "/worker", b"x" * 100_001).status == 413
    assert server.state()["handled"] == 1


def test_chunked_body_over_the_limit(serve):
    server = serve("-max-body=100000")
    with server.connect() as c:
        c.send(framing("Transfer-Encoding: chunked"))
        for _ in range(400):
            if not c.try_send(b"c350\r\n" + b"x" * 50_000 + b"\r\n"):
                break
        c.refused(413)
    assert server.state()["handled"] == 0


def test_expect_100_continue(serve):
    server = serve("-max-body=100000")
    with server.connect() as c:
        c.send(framing("Content-Length: 5", "Expect: 100-continue"))
        assert c.answer().status == 100
        c.send("hello")
        assert c.answer().body == b"hello"
        c.send(framing("Content-Length: 100001", "Expect: 100-continue"))
        c.refused(413)


@pytest.mark.parametrize("length,status", [(10, 200), (65_536, 200), (65_537, 413), (10_000_000, 413)])
def test_body_where_none_is_wanted(serve, length, status):
    with serve().connect() as c:
        c.send(f"POST /nobody HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n")
        c.try_send(b"x" * length)
        if status != 200:
            c.refused(status)
            return
        assert c.answer().body == b""
        c.request("GET", "/info")  # the connection is still good
        assert c.answer().status == 200


def test_answer_of_admit_does_not_wait_for_the_body(serve):
    server = serve()
    with server.connect() as c:
        c.send("POST /refused HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
        c.refused(404)
    with server.connect() as c:  # without one the connection is kept
        for _ in range(3):
            c.request("GET", "/refused")
            assert c.answer().status == 404


def test_budget(serve):
    server = serve("-max-body=100000000", "-budget=2000000", "-body-timeout=60000")
    with server.connect() as c:
        c.send(framing("Content-Length: 2000001"))
        c.refused(413)  # never fits
    with server.connect() as c:
        c.send(framing("Transfer-Encoding: chunked"))
        for _ in range(60):
            if not c.try_send(b"c350\r\n" + b"x" * 50_000 + b"\r\n"):
                break
        c.refused(413)
    until("that is given back", lambda: server.state()["budget"] < 100_000)
    with server.connect() as first, server.connect() as second:
        first.send(framing("Content-Length: 700000"))
        first.send(b"x" * 600_000)
        until("the budget is charged", lambda: server.state()["budget"] > 600_000)
        second.send(framing("Content-Length: 1600000"))
        second.try_send(b"x" * 1_600_000)
        assert second.refused(503).headers["retry-after"]
        until("that is given back", lambda: server.state()["budget"] < 900_000)
        first.send(b"x" * 100_000)
        assert len(first.answer().body) == 700_000


@pytest.mark.parametrize("target", ["/bytes?n=300000", "/stream?n=100000000&piece=300000"])
def test_answers_that_nobody_reads_stay_within_the_budget(serve, target):
    server = serve("-budget=2000000")
    clients = []
    for _ in range(20):
        c = server.connect(rcvbuf=4096)
        c.request("GET", target)
        clients.append(c)
    answers = [c.upto(b"\r\n\r\n").split(b" ")[1] for c in clients]
    assert b"200" in answers
    if "stream" in target:  # these are still being sent; the others may have left in the sockets' buffers
        assert answers.count(b"503") >= 13
        until("they are held", lambda: server.state()["budget"] > 1_000_000)  # between two pieces one holds nothing
    for c in clients:
        c.close()
    until("all is given back", lambda: server.state()["budget"] < 150_000)
    assert server.ask("GET", "/bytes?n=1900000").status == 200
    assert server.ask("GET", "/bytes?n=2000001").status == 422


def test_announced_bodies_cost_nothing(serve):
    server = serve("-max-body=100000000", "-budget=100000000")
    clients = [server.connect() for _ in range(50)]
    for c in clients:
        c.send(framing("Content-Length: 90000000") + "x")
    until("first bytes are there", lambda: server.state()["budget"] > 50 * 60_000)
    assert server.state()["budget"] < 50 * 200_000
    for c in clients:
        c.close()
    until("all given back", lambda: server.state()["budget"] < 3_000_000)


# ---- clients that take their time


@pytest.mark.parametrize("start", ["", "GET /info HTTP/1.1\r\nHost: te", "GET /in"])
def test_headers_that_stop(serve, start):
    server = serve("-header-timeout=300")
    with server.connect() as c:
        c.send(start)
        begun = time.monotonic()
        if start:
            c.refused(408)
        else:
            c.closed()
        assert time.monotonic() - begun >= 0.25


def trickle(c, data, every):
    """Sends byte by byte until the server has had enough; returns what it said."""
    c.sock.settimeout(every)
    end = time.monotonic() + PATIENCE
    for byte in data:
        assert time.monotonic() < end, "still being read"
        if not c.try_send(bytes([byte])):
            break
        try:
            if not c.more():
                break
        except socket.timeout:
            continue
        except ConnectionResetError:
            break
    c.sock.settimeout(PATIENCE)
    return c.buffer


@pytest.mark.parametrize("kept_alive", [False, True])
@pytest.mark.parametrize("start", ["GET /info?", "GET /info HTTP/1.1\r\nX: "])
def test_headers_that_trickle(serve, start, kept_alive):
    server = serve("-header-timeout=400", "-idle-timeout=60000")
    with server.connect() as c:
        if kept_alive:
            c.request("GET", "/info")
            c.answer()
        c.send(start)
        assert trickle(c, b"a" * 10_000, 0.03).startswith(b"HTTP/1.1 408 ")
    assert server.ask("GET", "/info").status == 200


@pytest.mark.parametrize("head", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
def test_body_that_trickles(serve, head):
    server = serve("-body-timeout=400")
    with server.connect() as c:
        c.send(framing(head))
        body = b"a" * 5000 if "Length" in head else b"1\r\na\r\n" * 900
        assert trickle(c, body, 0.03).startswith(b"HTTP/1.1 408 ")
    assert server.state()["handled"] == 0


def test_idle_connection_is_closed(serve):
    server = serve("-idle-timeout=300", "-header-timeout=60000")
    with server.connect() as c:
        c.request("GET", "/info")
        c.answer()
        c.closed()


def test_an_empty_line_behind_a_body_begins_no_request(serve):
    """Old clients send one. The connection is idle afterwards; it is not a head that takes too long."""
    server = serve("-header-timeout=300", "-idle-timeout=600000")
    with server.connect() as c:
        c.request("POST", "/worker", b"hello")
        assert c.answer().body == b"hello"
        c.send("\r\n")
        with server.connect() as other:  # a head that takes too long: by then the other would have been one
            other.send("GET /in")
            other.refused(408)
        assert c.is_open()
        assert asks(c)


def test_slow_handling_is_no_timeout(serve):
    server = serve("-header-timeout=100", "-body-timeout=100", "-write-timeout=100", "-idle-timeout=100")
    assert server.ask("GET", "/sleep?ms=1000").body == b"slept"


@pytest.mark.parametrize("target", ["/stream?n=500000000", "/bytes?n=100000000"])
def test_client_that_does_not_read(serve, target):
    server = serve("-write-timeout=400", "-workers=1")
    with server.connect(rcvbuf=4096) as c:
        c.request("GET", target)
        c.exactly(10)
        for _ in range(20):  # it holds no worker
            assert server.ask("POST", "/worker", b"x").status == 200
        until("given up", lambda: server.state()["aborted"] == 1)
        assert len(c.broken_off()) < 50_000_000
    assert server.state()["done"] == (1 if "stream" in target else 0)
    assert server.state()["produced"] < 200


def test_client_that_reads_slowly_but_reads(serve):
    server = serve("-write-timeout=300")
    with server.connect(rcvbuf=1 << 16) as c:
        c.request("GET", "/stream?n=3000000&piece=100000")
        got = 0
        while got < 2_000_000:
            time.sleep(0.01)  # the pace is the point here
            c.more()
            got = len(c.buffer)
        assert len(c.answer().body) == 3_000_000
    assert server.state()["aborted"] == 0


# ---- streams


@pytest.mark.parametrize(
    "n,piece",
    [
        (0, 10),
        (10, 10),
        (11, 10),
        (65_536, 1),
        (1_000_000, 70_000),
        (20_000_000, 262_144),
    ],
)
def test_stream(serve, n, piece):
    if piece == 1:
        n = 2000
    server = serve()
    body = server.ask("GET", f"/stream?n={n}&piece={piece}").body
    pattern = bytes(ord("a") + i % 256 % 23 for i in range(256))
    assert body == (pattern * (n // 256 + 1))[:n]
    assert server.state()["done"] == 1


def test_stream_that_fails(serve):
    server = serve()
    answer = server.ask("GET", "/stream?n=1000000&fail=0")
    assert (answer.status, answer.json()["error"]) == (503, "the toy is broken")
    with server.connect() as c:
        c.request("GET", "/stream?n=1000000&fail=3")
        data = c.broken_off()  # no last chunk
        assert data.startswith(b"HTTP/1.1 200 ") and not data.endswith(b"0\r\n\r\n")
    state = server.state()
    assert (state["done"], state["aborted"]) == (2, 1)


def test_stream_ends_when_the_client_leaves(serve):
    server = serve()
    with server.connect() as c:
        c.request("GET", "/stream?n=100000000000")
        c.exactly(1_000_000)
    until("done", lambda: server.state()["done"] == 1)
    until("finished", lambda: server.state()["aborted"] == 1)


# ---- limits


def test_full_queue_answers_at_once(serve):
    server = serve("-workers=1", "-queue=2")
    busy = server.connect()
    busy.request("GET", "/stuck")
    until("the worker is busy", lambda: server.state()["handled"] == 1)
    clients = [server.connect() for _ in range(10)]
    for c in clients:
        c.request("GET", "/sleep?ms=0")
    socks = [c.sock for c in clients]
    until("eight are refused", lambda: len(select.select(socks, [], [], 0)[0]) == 8)
    refused = select.select(socks, [], [], 0)[0]
    for c in clients:
        if c.sock in refused:
            answer = c.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert server.ask("GET", "/inline").status == 200  # inline requests need no place
    busy.close()
    for c in clients:
        if c.sock not in refused:
            assert c.answer().status == 200
        c.close()


def asks(c):
    """Whether this connection is served."""
    c.request("GET", "/info")
    return c.answer().status == 200


def test_at_the_limit_the_connection_idle_longest_makes_room(serve):
    server = serve("-connections=20", "-header-timeout=600000")
    kept = [server.connect() for _ in range(16)]
    for c in kept:
        assert asks(c)
    silent, half = server.connect(), server.connect()  # nothing yet, and half a head: as idle as those
    half.send("GET /info HTTP/1.1\r\nHost: te")
    body = begin_body(server)
    reader = server.connect(rcvbuf=4096)
    reader.request("GET", "/stream?n=100000000")
    reader.exactly(1000)
    assert asks(kept[0])  # no longer the one idle longest
    order = [*kept[1:], silent, half]
    fresh = []
    for n, oldest in enumerate(order):
        fresh.append(server.connect())
        assert asks(fresh[-1])
        until("one is closed", lambda: sum(one.is_open() for one in order) < len(order) - n)
        assert oldest in (silent, half) or not oldest.is_open()  # those two came at the same time
        assert sum(one.is_open() for one in order) == len(order) - n - 1
    for c in [kept[0], *fresh]:
        assert asks(c)
    body.send("hello")  # requests under way never make room, however old they are
    assert body.answer().body == b"hello"
    reader.exactly(1_000_000)


def test_connections_that_have_just_come_make_room_too(serve):
    """All of them come while the only HTTP thread is held up: it accepts them in one go."""
    server = serve("-threads=1", "-connections=8")
    blocker = server.connect()
    blocker.request("GET", "/block?ms=300")
    silent = [server.connect() for _ in range(10)]
    with server.connect() as c:
        assert asks(c)
    blocker.close()
    for one in silent:
        one.close()


def test_a_request_that_is_there_already_keeps_its_connection(serve):
    """Its HTTP thread is held up when another makes room: it has not seen the request yet."""
    server = serve("-threads=2", "-connections=3")
    clients = []
    for _ in range(3):  # the first and the third are one thread's
        clients.append(server.connect())
        assert asks(clients[-1])
    oldest, other, blocker = clients
    blocker.request("GET", "/block?ms=700")

    def handled():
        other.request("GET", "/state")
        return other.answer().json()["handled"]

    until("its thread is held up", lambda: handled() == 4)
    oldest.request("GET", "/info")
    with server.connect() as c:
        assert asks(c)
    assert oldest.answer().status == 200
    assert blocker.answer().body == b"blocked"


def test_without_idle_connections_the_new_one_is_turned_away(serve):
    server = serve("-connections=4", "-verbose")
    busy = [begin_body(server) for _ in range(4)]
    until("it has noticed that all are busy", lambda: server.ask("GET", "/info").status == 503)
    for _ in range(30):
        with server.connect() as c:
            answer = c.refused(503)
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"] == "too many connections"
    done = busy.pop()
    done.send("hello")
    assert done.answer().body == b"hello"
    until("it has noticed that one is idle", lambda: server.ask("GET", "/info").status == 200)
    done.closed()
    for c in busy:
        c.send("hello")
        assert c.answer().body == b"hello"
        assert asks(c)


@pytest.mark.parametrize("path", ["/inline", "/worker"])
def test_many_connections_at_once(serve, path):
    """While the only HTTP thread is held up, 300 clients send: more than a thread fetches events at
    once. All are served, without a further event to wake it."""
    server = serve("-threads=1", "-queue=400")
    clients = [server.connect() for _ in range(300)]
    blocker = server.connect()
    for _ in range(3):
        blocker.request("GET", "/block?ms=300")
        for c in clients:
            c.request("POST", path, b"x")
        assert blocker.answer().body == b"blocked"
        for c in clients:
            assert c.answer().body == b"x"
    for c in [*clients, blocker]:
        c.close()


def test_client_that_hangs_up_cancels(serve):
    server = serve("-verbose")
    for how in ("fin", "reset"):
        before = server.state()["cancelled"]
        with server.connect() as c:
            c.request("GET", "/stuck")
            until("it is handled", lambda: server.state()["handled"] > before)
            if how == "reset":
                c.reset()
        until("cancelled", lambda: server.state()["cancelled"] == before + 1)
    # The answer to the first went into a socket that looked open; the reset is seen.
    until("finished", lambda: len(server.finished()) == 2)
    assert server.finished() == [(200, len("cancelled")), (200, -1)]


def test_rounds_of_connect_and_close(serve):
    server = serve("-verbose")
    for i in range(200):
        c = server.connect()
        if i % 4 == 1:
            c.request("POST", "/worker", b"x" * 1000)
        elif i % 4 == 2:
            c.send("GET /inf")
        elif i % 4 == 3:
            c.request("GET", "/stream?n=1000000")
        if i % 3 == 0:
            c.reset()
        c.close()
    assert server.ask("GET", "/info").status == 200


# ---- stopping


def test_stop_closes_idle_connections_and_finishes_what_runs(serve):
    server = serve("-exit-timeout=20000")
    with server.connect() as idle, server.connect() as silent, server.connect() as busy:
        idle.request("GET", "/info")
        idle.answer()
        busy.request("GET", "/sleep?ms=1500")
        until("it is handled", lambda: server.state()["handled"] == 2)
        begun = time.monotonic()
        server.terminate()
        idle.closed()
        silent.closed()  # after a second: see below
        answer = busy.answer()
        assert (answer.body, answer.headers["connection"]) == (b"slept", "close")
        busy.closed()
        server.stop("clean")
        assert time.monotonic() - begun < 10


def test_stop_waits_for_the_first_request_of_who_has_just_connected(serve):
    server = serve("-exit-timeout=20000")
    with server.connect() as fresh, server.connect() as idle:
        assert asks(idle)
        server.terminate()
        idle.closed()  # so it is stopping
        fresh.request("POST", "/worker", b"hello")
        answer = fresh.answer()
        assert (answer.body, answer.headers["connection"]) == (b"hello", "close")
        fresh.closed()
    server.stop("clean")


def accepts(server):
    try:
        server.connect().close()
        return True
    except OSError:
        return False


def test_stop_lets_a_body_arrive(serve):
    server = serve("-exit-timeout=20000")
    with server.connect() as c:
        c.send(framing("Content-Length: 10") + "hello")
        until("it is being read", lambda: server.state()["budget"] > 0)
        server.terminate()
        until("it accepts no more", lambda: not accepts(server))
        c.send("world")
        assert c.answer().body == b"helloworld"
        server.stop("clean")


def test_stop_cancels_at_the_deadline(serve):
    server = serve("-exit-timeout=300", "-workers=2")
    clients = [server.connect() for _ in range(6)]
    for c in clients:
        c.request("GET", "/stuck")  # two run, four wait
    until("they are handled", lambda: server.state()["handled"] == 2)
    half = server.connect()
    half.send(framing("Content-Length: 10") + "hello")
    until("it is being read", lambda: server.state()["budget"] > 0)
    reader = server.connect(rcvbuf=4096)
    reader.request("GET", "/stream?n=100000000000")
    server.terminate()
    assert server.wait() == "stopped late budget=0"
    for c in [*clients, half, reader]:
        c.rest(reset=True)
        c.close()


@pytest.mark.parametrize("exit_timeout", [0, 20_000])
def test_stop_under_load(serve, exit_timeout):
    """With time enough every answer that has begun is whole; with none they may break off."""
    server = serve(f"-exit-timeout={exit_timeout}", "-queue=8")
    answered, cut = [], []
    paths = ["/inline", "/worker", "/late", "/stream?n=300000", "/sleep?ms=5", "/refused"]

    def load(path):
        while True:
            try:
                with server.connect() as c:
                    while True:
                        c.request("POST", path, b"x" * 2000)
                        answer = c.answer_or_end()
                        if not answer:
                            break
                        answered.append((path, answer.status))
            except ConnectionRefusedError:
                return
            except ConnectionError:  # while it was sending, or behind the answer's first byte
                if c.buffer:
                    cut.append(c.buffer)
            except AssertionError as e:
                cut.append(e)

    threads = [threading.Thread(target=load, args=(p,)) for p in paths * 2]
    for t in threads:
        t.start()
    until("there is load", lambda: len(answered) > 500)
    server.terminate()
    last = server.wait()
    for t in threads:
        t.join()
    if exit_timeout:
        assert (last, cut) == ("stopped clean budget=0", [])
    assert last in ("stopped clean budget=0", "stopped late budget=0")
    for path in paths:
        allowed = {404} if path == "/refused" else {200} if path in ("/inline", "/late") else {200, 503}
        assert {status for p, status in answered if p == path} <= allowed


def test_every_request_finishes_once(serve):
    server = serve("-verbose", "-max-body=1000")
    with server.connect() as c:
        c.request("POST", "/worker", b"abc")
        c.answer()
        c.request("GET", "/stream?n=200000")
        c.answer()
        c.request("HEAD", "/bytes?n=10")
        c.answer(head=True)
        c.send(framing("Content-Length: 1001"))
        c.refused(413)
    with server.connect() as c:
        c.send(framing("Content-Length: x"))
        c.refused(400)
    with server.connect() as c:
        c.send(framing("Content-Length: 3", "Content-Length: 3"))
        c.refused(400)
    with server.connect() as c:
        c.send(framing("Transfer-Encoding: chunked") + "5000\r\n" + "x" * 0x5000)
        size = len(c.refused(413).body)
    until("all are finished", lambda: server.state()["finished"] >= 7)
    server.stop()
    lines = [line for line in server.lines() if line.startswith("finished") and "/state" not in line]
    assert [line.split()[1:3] for line in lines[:3]] == [["200", "3"], ["200", "200000"], ["200", "0"]]
    assert lines[3].split()[1] == "413"
    assert [line.split()[1] for line in lines[4:]] == ["400", "400", "413"]
    assert lines[6].split()[2] == str(size)
