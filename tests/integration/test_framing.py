"""HTTP that lies, dawdles or breaks off."""
# variants: release, asan, tsan

import select
import socket
import time

import pytest
from builders import small
from pprof_wire import encode, parse
from raw_http import connected, exchange, head, read_all, status
from server import PATIENCE, wait_for

BODY = encode(small())
PUSH = "/api/0/profiles?service=app&type=cpu"
LENGTH = f"Content-Length: {len(BODY)}"


def nothing_stored(server):
    assert server.get("/api/0/services").status == 404


def test_the_plain_case_works(server):
    assert status(exchange(server, head("POST", PUSH, LENGTH) + BODY)) == 200


FRAMINGS = {
    "two lengths": (400, [LENGTH, LENGTH], BODY),
    "two lengths that differ": (400, [LENGTH, "Content-Length: 5"], BODY),
    "length and chunked": (400, [LENGTH, "Transfer-Encoding: chunked"], BODY),
    "chunked and length": (400, ["Transfer-Encoding: chunked", LENGTH], b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a negative length": (400, ["Content-Length: -1"], BODY),
    "a length that is no number": (400, ["Content-Length: abc"], BODY),
    "a length of 2^64": (413, ["Content-Length: 18446744073709551616"], BODY),
    "a length with a plus": (400, [f"Content-Length: +{len(BODY)}"], BODY),
    "an unknown coding": (501, ["Transfer-Encoding: gzip"], BODY),
    "a broken chunk": (400, ["Transfer-Encoding: chunked"], b"zz\r\n" + BODY),
    "a chunk of 2^64": (400, ["Transfer-Encoding: chunked"], b"ffffffffffffffffff\r\n" + BODY),
}


@pytest.mark.parametrize("code, headers, body", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_framing_that_lies_is_refused(server, code, headers, body):
    assert status(exchange(server, head("POST", PUSH, *headers) + body, half_close=True)) == code
    nothing_stored(server)


def test_no_length_at_all_is_an_empty_body(server):
    assert status(exchange(server, head("POST", PUSH))) == 400
    nothing_stored(server)


def test_a_length_over_the_limit_is_413_before_the_body_is_sent(start):
    server = start("-http.max-body-size=100000")
    assert status(exchange(server, head("POST", PUSH, "Content-Length: 100001"))) == 413
    assert status(exchange(server, head("POST", PUSH, "Content-Length: 99999999999999"))) == 413
    endless = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    response = exchange(server, head("POST", PUSH, "Transfer-Encoding: chunked") + endless * 200 + b"0\r\n\r\n")
    assert status(response) == 413
    nothing_stored(server)


@pytest.mark.parametrize("sent", [0, 1, len(BODY) // 2, len(BODY) - 1])
def test_a_body_that_stops_half_way_is_not_stored(server, sent):
    response = exchange(server, head("POST", PUSH, LENGTH) + BODY[:sent], half_close=True)
    assert status(response) == 400
    with connected(server) as connection:
        connection.sendall(head("POST", PUSH, LENGTH) + BODY[:sent])
    assert server.get("/api/0/version").status == 200
    nothing_stored(server)


def test_a_chunked_body_that_stops_half_way_is_not_stored(server):
    chunk = b"%x\r\n%s\r\n" % (len(BODY), BODY)
    response = exchange(server, head("POST", PUSH, "Transfer-Encoding: chunked") + chunk, half_close=True)
    assert status(response) == 400
    nothing_stored(server)


def trickle(server, request, seconds, at_once=b""):
    """Sends a byte every 50 ms until the server has had enough; how long that took, and its answer."""
    began = time.monotonic()
    with connected(server) as connection:
        connection.sendall(at_once)
        connection.settimeout(0.05)
        received = b""
        for byte in request:
            try:
                connection.sendall(bytes([byte]))
                received += connection.recv(65536)
                break
            except socket.timeout:
                assert time.monotonic() - began < seconds + PATIENCE, "the server is too patient"
            except ConnectionError:
                break
        else:
            pytest.fail("the whole request was sent before the server had enough")
        connection.settimeout(PATIENCE)
        received += read_all(connection)
    return time.monotonic() - began, received


def test_slow_headers_run_into_a_deadline_though_they_never_pause(start):
    server = start("-http.header-timeout=500ms")
    took, response = trickle(server, head("GET", "/", "X-Slow: " + "a" * 4000), 0.5)
    assert took >= 0.4 and status(response) == 408
    assert server.get("/api/0/version").status == 200


def test_a_slow_body_runs_into_a_deadline_though_it_never_pauses(start):
    server = start("-http.body-timeout=500ms")
    took, response = trickle(server, b"x" * 4000, 0.5, head("POST", PUSH, "Content-Length: 100000"))
    assert took >= 0.4 and status(response) == 408
    nothing_stored(server)


def test_slow_clients_do_not_hold_up_the_others(start):
    server = start("-http.header-timeout=20s", "-http.body-timeout=20s")
    idle = [socket.create_connection((server.host, server.port)) for _ in range(100)]
    for n, connection in enumerate(idle):
        connection.sendall(head("POST", PUSH, LENGTH)[: 20 + n] if n % 2 else head("POST", PUSH, LENGTH) + BODY[:5])
    for _ in range(20):
        assert server.post(BODY, service="quick").status == 200
    for connection in idle:
        connection.close()
    assert server.find().status == 404


def hold(server, request):
    """A connection that has sent this, and stays."""
    connection = socket.create_connection((server.host, server.port), timeout=PATIENCE)
    connection.sendall(request)
    return connection


def is_served(server):
    return status(exchange(server, head("GET", "/healthz"))) == 200


def test_connections_beyond_the_limit_are_turned_away_and_room_comes_back(start):
    server = start("-http.max-connections=8")
    begun = head("POST", PUSH, LENGTH, "Expect: 100-continue")
    held = [hold(server, begun) for _ in range(8)]
    for connection in held:  # a request is under way on each: none is idle
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wait_for(lambda: not is_served(server), "it has noticed that all are busy")
    for _ in range(5):
        response = exchange(server, head("GET", "/healthz"))
        assert status(response) == 503 and b"\r\nRetry-After: 1\r\n" in response, response
        assert b"\r\nX-Request-Id: " in response and b"\r\nConnection: close\r\n" in response
        assert response.endswith(b"\r\n\r\ntoo many connections\n")
    for connection in held:
        connection.sendall(BODY)
        assert status(read_all(connection)) == 200
        connection.close()
    wait_for(lambda: is_served(server), "there is room again")
    assert server.metrics()["profefe_http_connections_refused_total"] >= 6
    assert len(server.find().result) == 8


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]
)
def test_idle_connections_make_room_at_the_limit(start, sent):
    server = start("-http.max-connections=8", "-http.threads=3")
    held = [hold(server, sent) for _ in range(8)]
    if sent.endswith(b"\r\n\r\n"):
        for connection in held:
            assert status(connection.recv(65536)) == 200
    for n in range(8):
        assert server.post(BODY, service=f"s{n}").status == 200
    gone = [connection for connection in held if select.select([connection], [], [], 0)[0]]
    assert gone and all(read_all(connection) == b"" for connection in gone)
    for connection in held:
        connection.close()
    metrics = server.metrics()
    assert metrics["profefe_http_connections_refused_total"] == 0
    assert metrics["profefe_http_connections_evicted_total"] >= len(gone)


REQUEST_LINES = {
    b"GET": 400,
    b"GET /": 400,
    b"GET / HTTP/9.9": 505,
    b"\x00\x01\x02 / HTTP/1.1": 400,
    b"GET /\x00 HTTP/1.1": 400,
    b"GET /api/0/services\x00x HTTP/1.1": 400,
    b"GET /a\x01b HTTP/1.1": 400,
    b"GET  / HTTP/1.1": 400,
    b"GET / HTTP/1.1 ": 400,
    b" GET / HTTP/1.1": 400,
    b"GET http://[::1/ HTTP/1.1": 400,
    b"GET * HTTP/1.1": 404,
    b"\r\n\r\n\r\nGET / HTTP/1.1": 200,
    b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1": 400,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
    b"PRI * HTTP/1.1": 404,
    b"A" * 100_000: 414,
}


@pytest.mark.parametrize("line", REQUEST_LINES, ids=range(len(REQUEST_LINES)))
@pytest.mark.parametrize("half_close", [False, True])
def test_odd_request_lines(server, line, half_close):
    response = exchange(server, line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n", half_close)
    assert status(response) == REQUEST_LINES[line], response


def test_headers_beyond_the_limit_are_refused(server):
    for headers in (["X-Long: " + "a" * 200_000], [f"X-{n}: {'a' * 100}" for n in range(2000)]):
        assert status(exchange(server, head("GET", "/api/0/version", *headers))) == 431


def test_pipelined_requests_are_all_answered(server):
    keep = "GET /api/0/version HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    push = f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\n{LENGTH}\r\n\r\n".encode() + BODY
    response = exchange(server, keep + push + keep + push + head("GET", "/healthz"))
    assert response.count(b"HTTP/1.1 200") == 5
    assert len(server.find().result) == 2


def test_a_client_that_leaves_before_its_answer_does_no_harm(server):
    one = server.push(BODY)
    for _ in range(50):
        with connected(server) as connection:
            connection.sendall(head("GET", f"/api/0/profiles/{one}+{one}"))
        with connected(server) as connection:
            connection.sendall(head("POST", PUSH, LENGTH) + BODY)
    assert parse(server.fetch(one)).samples
    wait_for(lambda: len(server.find().result) >= 1, "the server goes on")
