"""Replies that are held back (pf_req_delay), as those to wrong passwords are. Nothing is timed: what comes first, and what
the server says it holds, shows it; a delay is so short that its end comes, or so long that it never does."""
# variants: release, asan, tsan

import http2
import pytest
from echo import until

SHORT = "/delay?ms=50"
NEVER = "/delay?ms=3600000"


def held(server, n):
    until(f"{n} replies are held back", lambda: server.metric("replies_delayed") == n)


@pytest.mark.parametrize("how", ["", "&worker=1", "&stream=1", "&worker=1&stream=1"])
def test_it_comes_whole_and_its_connection_goes_on(serve, how):
    server = serve()
    with server.connect() as c:
        for n in (1, 2):
            c.request("POST", SHORT + how, b"body %d" % n)
            answer = c.answer()
            assert answer.status == 200
            assert len(answer.body) == 1000 if "stream" in how else answer.body == b"body %d" % n
        c.request("POST", "/inline", b"after")
        assert c.answer().body == b"after"
    held(server, 0)


def test_a_login_that_failed_is_answered_though_its_body_is_not_read(serve):
    """By admit, as a server does that looks at the password before the body."""
    server = serve("-max-body=100000000")
    with server.connect() as c:
        c.request("GET", SHORT + "&admit=1")
        assert c.answer().status == 401
        c.request("POST", "/inline", b"goes on")  # there was no body
        assert c.answer().body == b"goes on"
        c.send("POST /delay?ms=50&admit=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 50000000\r\n\r\n")
        c.try_send(b"x" * 10_000_000)
        assert c.refused(401).status == 401
    with http2.Client(server.address) as c:
        stream = c.open(http2.get(SHORT + "&admit=1", method="POST"), end=False)
        c.data(stream, b"x" * 10_000_000)
        answer = c.answer(stream)
        assert (answer.status, c.reset(stream)) == (401, http2.NO_ERROR)
        assert c.ask("POST", "/inline", b"goes on").body == b"goes on"
    with http2.Client(server.address) as c:
        gone = c.open(http2.get(NEVER + "&admit=1", method="POST"), end=False)
        c.data(gone, b"x" * 1_000_000)
        held(server, 1)
        c.send(http2.rst_stream(gone))
        held(server, 0)
    until("all are finished", lambda: server.state()["aborted"] == 1)


def test_it_holds_up_nobody_on_another_connection(serve):
    server = serve("-threads=1", "-workers=1")
    with server.connect() as c:
        c.request("POST", NEVER + "&worker=1", b"never")
        held(server, 1)
        assert server.ask("POST", "/worker", b"now").body == b"now"
        assert c.is_open()
        c.reset()


def test_pipelined_requests_wait_their_turn(serve):
    server = serve("-threads=1")
    with server.connect() as c:
        bodies = [b"%d" % n for n in range(6)]
        for n, body in enumerate(bodies):
            c.request("POST", SHORT if n % 2 == 0 else "/inline", body)
        assert [c.answer().body for _ in bodies] == bodies
    with server.connect() as c:
        c.request("POST", NEVER, b"never")
        c.request("POST", "/inline", b"behind it")
        held(server, 1)
        assert c.is_open()
        c.request("POST", "/inline", b"and more")
        assert server.ask("POST", "/inline", b"another's").body == b"another's"
        assert c.is_open()
        c.reset()


def test_streams_overtake_it(serve):
    server = serve("-threads=1")
    with http2.Client(server.address) as c:
        never = c.request("POST", NEVER, b"never")
        first, second = c.request("POST", SHORT, b"first"), c.request("POST", "/inline", b"second")
        assert c.answer(second).body == b"second"
        assert c.answer(first).body == b"first"
        assert c.answers[never].status is None
        held(server, 1)


@pytest.mark.parametrize("how", ["", "&stream=1"])
@pytest.mark.parametrize("leave", ["reset", "reset a stream", "close a connection of streams"])
def test_a_client_that_goes_ends_it(serve, leave, how):
    server = serve("-verbose")
    if leave == "reset":
        clients = [server.connect() for _ in range(10)]
        for c in clients:
            c.request("POST", NEVER + how, b"never")
        held(server, 10)
        for c in clients:
            c.reset()
    else:
        with http2.Client(server.address) as c:
            streams = [c.request("POST", NEVER + how, b"never") for _ in range(10)]
            held(server, 10)
            if leave == "reset a stream":
                c.send(b"".join(http2.rst_stream(one) for one in streams))
                assert c.ask("POST", "/inline", b"goes on").body == b"goes on"
    held(server, 0)
    until("all are finished", lambda: server.state()["aborted"] == 10)
    if how:
        until("all streams are done with", lambda: server.state()["done"] == 10)


def test_who_only_ends_the_sending_side_is_answered(serve):
    with serve().connect() as c:
        c.request("POST", SHORT, b"body")
        c.end()
        assert c.answer().body == b"body"


def test_many_are_not_held_back(serve):
    """A quarter of the connections."""
    server = serve("-connections=16")
    clients = [server.connect() for _ in range(4)]
    for c in clients:
        c.request("POST", NEVER, b"never")
    held(server, 4)
    for _ in range(3):
        assert server.ask("POST", NEVER, b"at once").body == b"at once"
    assert all(c.is_open() for c in clients)
    clients[0].reset()
    held(server, 3)
    with server.connect() as c:
        c.request("POST", NEVER, b"never")
        held(server, 4)
        c.reset()
    for c in clients[1:]:
        c.reset()


@pytest.mark.parametrize("how", ["", "&stream=1"])
@pytest.mark.parametrize("h2", [False, True])
def test_a_stop_drops_it_at_the_deadline(serve, h2, how):
    server = serve("-exit-timeout=300")
    with http2.Client(server.address) if h2 else server.connect() as c:
        for _ in range(10 if h2 else 1):
            c.request("POST", NEVER + how, b"never")
        held(server, 10 if h2 else 1)
        server.terminate()
        server.stop("late")
        assert b"never" not in (c.rest(reset=True) if not h2 else b"")


def test_a_stop_lets_a_short_one_leave(serve):
    server = serve()
    with server.connect() as c:
        c.request("POST", "/delay?ms=1000", b"last")
        held(server, 1)
        server.terminate()
        answer = c.answer()
        assert (answer.body, answer.headers["connection"]) == (b"last", "close")
    server.stop()
