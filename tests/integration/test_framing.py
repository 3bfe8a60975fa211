"""HTTP that lies, dawdles or breaks off."""
# variants: release, asan, tsan

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
    "two lengths": ([LENGTH, LENGTH], BODY),
    "two lengths that differ": ([LENGTH, "Content-Length: 5"], BODY),
    "length and chunked": ([LENGTH, "Transfer-Encoding: chunked"], BODY),
    "chunked and length": (["Transfer-Encoding: chunked", LENGTH], b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a negative length": (["Content-Length: -1"], BODY),
    "a length that is no number": (["Content-Length: abc"], BODY),
    "a length of 2^64": (["Content-Length: 18446744073709551616"], BODY),
    "a length with a plus": ([f"Content-Length: +{len(BODY)}"], BODY),
    "an unknown coding": (["Transfer-Encoding: gzip"], BODY),
    "a broken chunk": (["Transfer-Encoding: chunked"], b"zz\r\n" + BODY),
    "a chunk of 2^64": (["Transfer-Encoding: chunked"], b"ffffffffffffffffff\r\n" + BODY),
}


@pytest.mark.parametrize("headers, body", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_framing_that_lies_is_refused(server, headers, body):
    response = exchange(server, head("POST", PUSH, *headers) + body, half_close=True)
    assert status(response) in (400, 411, 413, 501, None), response
    nothing_stored(server)


def test_no_length_at_all_is_an_empty_body(server):
    assert status(exchange(server, head("POST", PUSH))) in (400, 411)
    nothing_stored(server)


def test_a_length_over_the_limit_is_413_before_the_body_is_sent(start):
    server = start("-http.max-body-size=100000")
    assert status(exchange(server, head("POST", PUSH, "Content-Length: 100001"))) == 413
    assert status(exchange(server, head("POST", PUSH, "Content-Length: 99999999999999"))) == 413
    endless = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    response = exchange(server, head("POST", PUSH, "Transfer-Encoding: chunked") + endless * 200 + b"0\r\n\r\n")
    assert status(response) in (413, None)
    nothing_stored(server)


@pytest.mark.parametrize("sent", [0, 1, len(BODY) // 2, len(BODY) - 1])
def test_a_body_that_stops_half_way_is_not_stored(server, sent):
    response = exchange(server, head("POST", PUSH, LENGTH) + BODY[:sent], half_close=True)
    assert status(response) in (400, 408, None)
    with connected(server) as connection:
        connection.sendall(head("POST", PUSH, LENGTH) + BODY[:sent])
    assert server.get("/api/0/version").status == 200
    nothing_stored(server)


def test_a_chunked_body_that_stops_half_way_is_not_stored(server):
    chunk = b"%x\r\n%s\r\n" % (len(BODY), BODY)
    response = exchange(server, head("POST", PUSH, "Transfer-Encoding: chunked") + chunk, half_close=True)
    assert status(response) in (400, 408, None)
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
    assert took >= 0.4 and status(response) in (408, None)
    assert server.get("/api/0/version").status == 200


def test_a_slow_body_runs_into_a_deadline_though_it_never_pauses(start):
    server = start("-http.body-timeout=500ms")
    took, response = trickle(server, b"x" * 4000, 0.5, head("POST", PUSH, "Content-Length: 100000"))
    assert took >= 0.4 and status(response) in (408, None)
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


def test_connections_beyond_the_limit_are_turned_away_and_room_comes_back(start):
    server = start("-http.max-connections=8", "-http.header-timeout=20s")
    held = []
    for _ in range(8):
        held.append(socket.create_connection((server.host, server.port), timeout=PATIENCE))
        held[-1].sendall(b"GET / HTTP/1.1\r\n")

    def turned_away():
        try:
            response = exchange(server, head("GET", "/api/0/version"))
        except OSError:
            return True
        return status(response) in (503, None)

    wait_for(turned_away, "a ninth connection is turned away")
    for connection in held:
        connection.close()

    def served():
        try:
            return status(exchange(server, head("GET", "/api/0/version"))) == 200
        except OSError:
            return False

    wait_for(served, "there is room again")


REQUEST_LINES = [
    b"GET",
    b"GET /",
    b"GET / HTTP/9.9",
    b"\x00\x01\x02 / HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET /api/0/services\x00x HTTP/1.1",
    b"GET /a\x01b HTTP/1.1",
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"A" * 100_000,
]


@pytest.mark.parametrize("line", REQUEST_LINES, ids=range(len(REQUEST_LINES)))
def test_malformed_request_lines_are_refused(server, line):
    response = exchange(server, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n", half_close=True)
    code = status(response)
    assert code is None or 400 <= code < 600, response
    assert server.get("/api/0/version").status == 200


@pytest.mark.parametrize("line", [b"GET  / HTTP/1.1", b"GET http://[::1/ HTTP/1.1", b"GET * HTTP/1.1", b"GET / HTTP/1.1 "])
def test_odd_request_lines_get_an_answer(server, line):
    response = exchange(server, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status(response) in (200, 400, 404, 505, None), response
    assert server.get("/api/0/version").status == 200


def test_headers_beyond_the_limit_are_refused(server):
    for headers in (["X-Long: " + "a" * 200_000], [f"X-{n}: {'a' * 100}" for n in range(2000)]):
        code = status(exchange(server, head("GET", "/api/0/version", *headers)))
        assert code in (400, 413, 431, None)
    assert server.get("/api/0/version").status == 200


def test_pipelined_requests_are_all_answered(server):
    keep = "GET /api/0/version HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    push = f"POST {PUSH} HTTP/1.1\r\nHost: x\r\n{LENGTH}\r\n\r\n".encode() + BODY
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
