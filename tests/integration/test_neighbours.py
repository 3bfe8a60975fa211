"""No client harms another: garbage, silence, slowness and greed beside clients that want nothing but their answers."""
# variants: release, asan, tsan

import random
import resource
import signal
import threading

import pytest
from builders import small
from echo import Client, begin_body, until
from load import Pushers, all_served
from namespaces import FAR, FAR6, NEAR, NEAR6, Network, inside
from pprof_wire import encode
from server import SANITIZED, wait_for

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2


@pytest.fixture(autouse=True)
def descriptors():
    """Clients by the thousand: as many descriptors as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Threads:
    """Runs functions over and over, each in a thread of its own, until the block ends, which raises what they raise."""

    def __init__(self, *functions):
        self.stop = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(one, n)) for n, one in enumerate(functions)]

    def run(self, function, n):
        generator = random.Random(n)
        try:
            while not self.stop.is_set():
                function(generator)
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        for one in self.threads:
            one.join()
        if self.errors and not kind:
            raise self.errors[0]


# --- garbage ------------------------------------------------------------------------------------------------


def broken_requests(generator):
    """What is sent, and how the client then goes: it reads the answer, ends, or resets."""
    good = b"POST /worker HTTP/1.1\r\nHost: test\r\nX-Request-Id: garbage\r\nContent-Length: 5000\r\n\r\n" + b"g" * 5000
    return generator.choice(
        [
            (b"GET /x\r\n\r\n", "read"),
            (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "read"),
            (b"POST /worker HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "read"),
            (b"GET /" + b"g" * 70_000 + b" HTTP/1.1\r\n\r\n", "read"),
            (b"GET /info HTTP/1.1\r\nHost: t\r\n" + b"G: g\r\n" * 300 + b"\r\n", "read"),
            (b"POST /worker HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "read"),
            (HELLO, "read"),
            (generator.randbytes(300), "end"),
            (generator.randbytes(300), "reset"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + generator.randbytes(300), "end"),
            (good[: generator.randrange(len(good))], "end"),
            (good[: generator.randrange(len(good))], "reset"),
            (good * 3, "reset"),
            (good, "end"),
            (b"GET /stream?n=10000000 HTTP/1.1\r\nHost: t\r\n\r\n", "reset"),
            (b"", "end"),
            (b"", "reset"),
        ]
    )


def send_garbage(address, generator):
    data, way = broken_requests(generator)
    with Client(address) as c:
        if not c.try_send(data):
            return
        if way == "reset":
            c.reset()
        elif way == "end":
            c.close()
        else:
            answer = c.rest(reset=True)
            assert answer.startswith(b"HTTP/1.1 4") and b"ordinary" not in answer, answer


def test_beside_garbage_everybody_gets_the_answer_that_is_theirs(serve):
    server = serve()
    rounds = 200 if SANITIZED else 700
    paths = ["/inline", "/worker", "/late", "/info", "/stream?n=40000&piece=9000", "/worker"]
    left = [rounds] * len(paths)

    def ordinary(n):
        name = f"ordinary-{n}-"
        c = server.connect()

        def one(_):
            if not left[n]:
                return stop.wait(0.01)
            left[n] -= 1
            mine = f"{name}{left[n]}"
            c.request("POST", paths[n], mine.encode() * 50, [f"X-Request-Id: {mine}"])
            answer = c.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (200, mine)
            if paths[n] == "/info":
                assert answer.json()["id"] == mine
            elif "stream" in paths[n]:
                assert len(answer.body) == 40_000
            else:
                assert answer.body == mine.encode() * 50

        return one

    stop = threading.Event()
    garbage = [lambda generator: send_garbage(server.address, generator)] * 6
    with Threads(*[ordinary(n) for n in range(len(paths))], *garbage) as threads:
        until("every ordinary request is answered", lambda: threads.errors or not any(left))
    server.stop()


@pytest.mark.parametrize("garbage", [b"GET /x\r\n\r\n", HELLO, b"\r\n" * 9, b"GET /info HTTP/1.1\r\nHost : x\r\n\r\n"])
def test_garbage_in_the_same_moment_is_answered_to_whom_it_came_from(serve, garbage):
    """Both are there when the server, which was stopped, looks."""
    server = serve("-threads=1")
    for n in range(20):
        with server.connect() as innocent, server.connect() as guilty:
            innocent.request("GET", "/info", headers=["X-Request-Id: innocent"])
            assert innocent.answer().status == 200
            server.process.send_signal(signal.SIGSTOP)
            for c in (innocent, guilty) if n % 2 else (guilty, innocent):
                if c is innocent:
                    c.request("GET", "/info", headers=[f"X-Request-Id: innocent-{n}"])
                else:
                    c.send(garbage)
            server.process.send_signal(signal.SIGCONT)
            answer = innocent.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (200, f"innocent-{n}")
            assert not guilty.refused(400).headers["x-request-id"].startswith("innocent")


def test_pushes_beside_garbage_are_all_taken(start):
    server = start()
    garbage = [lambda generator: send_garbage(f"{server.host}:{server.port}", generator)] * 4
    with Threads(*garbage):
        pushers = Pushers(server, threads=4)
        enough = 150 if SANITIZED else 300
        wait_for(lambda: len(pushers.acknowledged) >= enough or pushers.refusals or pushers.errors, "pushes")
        acknowledged = pushers.stop()
    assert (pushers.refusals, pushers.errors) == ([], [])
    all_served(server, acknowledged)


# --- silence ------------------------------------------------------------------------------------------------

MANY = 128 if SANITIZED else 1024
HALF_HEAD = b"POST /api/0/profiles?service=silent&type=cpu HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@pytest.mark.parametrize("kind", ["silent", "half a head", "trickling"])
def test_connections_that_ask_for_nothing_cost_no_push_its_answer(start, kind):
    """One client holds as many as there may be, and opens another one for each that it loses."""
    server = start(f"-http.max-connections={MANY}", "-http.header-timeout=10m")
    first = b"" if kind == "silent" else HALF_HEAD

    def open_one():
        c = Client(f"{server.host}:{server.port}")
        c.send(first)
        return c

    held, lost = [open_one() for _ in range(MANY)], []

    def hold(_):
        for n, c in enumerate(held):
            if kind == "trickling" and n % 7 == 0:
                c.try_send(b"x")
            if not c.is_open():
                lost.append(c)
                held[n] = open_one()

    body = encode(small())
    with Threads(hold):
        for n in range(40):
            until("all are held", lambda: all(c.is_open() for c in held))
            answer = server.post(body, service="push", labels=[("n", str(n))])
            assert answer.status == 200, answer
        metrics = server.metrics()
    for c in held + lost:
        c.close()
    assert len(server.find(service="push").result) == 40
    assert metrics["profefe_http_connections_refused_total"] == 0
    assert metrics["profefe_http_connections_evicted_total"] >= 20


# --- one address --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    with Network() as built:
        yield built


@pytest.fixture
def served(serve, network):
    """served("-flag", …) -> an http_echo in `near`; its `watch` is a connection by loopback."""

    def begin(*flags, address=NEAR):
        shown = f"[{address}]" if ":" in address else address
        with inside(network.near):
            server = serve(f"-addr={shown}:0", "-addr=127.0.0.1:0", "-connections=20", *flags)
            server.watch = Client(server.addresses[1])
        return server

    return begin


def refused_for_its_address(c):
    answer = c.answer()
    assert (answer.status, answer.json()["error"]) == (503, "too many connections from your address")
    assert answer.headers["retry-after"] == "1" and answer.headers["connection"] == "close"
    c.closed()
    c.close()


def asks(c, peer):
    c.request("GET", "/info")
    assert c.answer().json()["peer"] == peer


def test_one_address_holds_half_of_the_connections_at_most(served, network):
    server = served()
    with inside(network.far):
        held = [begin_body(server, source=FAR + "2") for _ in range(10)]  # each is in the midst of a request
        for _ in range(5):
            refused_for_its_address(server.connect(source=FAR + "2"))
        others = [server.connect(source=FAR + "3") for _ in range(9)]
    for c in others:
        asks(c, FAR + "3")
    asks(server.watch, "127.0.0.1")
    held[0].reset()
    with inside(network.far):

        def room():
            c = server.connect(source=FAR + "2")
            c.try_send("GET /info HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return c.answer().status == 200 and c

        held[0] = until("there is room for one more", room)
        refused_for_its_address(server.connect(source=FAR + "2"))
    for c in held[1:]:
        c.send("hello")
        assert c.answer().body == b"hello"
    for c in [*held, *others]:
        c.close()


def test_its_idle_connections_count_as_well(served, network):
    server = served()
    with inside(network.far):
        held = [server.connect(source=FAR + "2") for _ in range(10)]
        refused_for_its_address(server.connect(source=FAR + "2"))
    for c in held:
        asks(c, FAR + "2")
        c.close()


def test_an_ipv6_site_counts_as_one_address(served, network):
    if not network.has_ipv6:
        pytest.skip("this machine has no IPv6")
    server = served(address=NEAR6)
    with inside(network.far):
        held = [server.connect(source=FAR6 + ":" + "23"[n % 2]) for n in range(10)]  # two addresses of one /64
        refused_for_its_address(server.connect(source=FAR6 + ":2"))
        refused_for_its_address(server.connect(source=FAR6 + ":3"))
        other = server.connect(source=FAR6 + "1::2")
    asks(other, FAR6 + "1::2")
    asks(held[1], FAR6 + ":3")
    for c in [*held, other]:
        c.close()


@pytest.mark.parametrize("proxies", ["10.203.0.2", "10.203.0.0/24", "10.203.0.2/31,fd00::/8"])
def test_loopback_and_trusted_proxies_hold_as_many_as_they_like(served, network, proxies):
    server = served(f"-trusted-proxies={proxies}")
    with inside(network.far):
        held = [server.connect(source=FAR + "2") for _ in range(19)]
    for c in held:
        asks(c, FAR + "2")
        c.close()
    with inside(network.near):
        held = [Client(server.addresses[1]) for _ in range(19)]
    for c in held:
        asks(c, "127.0.0.1")
        c.close()


def test_who_holds_half_with_slow_bodies_leaves_the_rest_to_others(served, network):
    server = served("-body-timeout=600000")
    with inside(network.far):
        held = [begin_body(server, source=FAR + "2", length=5000) for _ in range(10)]
        stop = threading.Event()

        def trickle(generator):
            generator.choice(held).send("x")
            stop.wait(0.001)

        with Threads(trickle):
            for n in range(50):
                with server.connect(source=FAR + "3") as c:
                    c.request("POST", "/worker", b"%d" % n)
                    assert c.answer().body == b"%d" % n
    for c in held:
        c.close()


# --- slowness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 300])  # a step takes 10 ms at least
@pytest.mark.parametrize("target", ["/bytes?n=3000000", "/stream?n=500000000&piece=65536"])
def test_who_takes_a_few_bytes_at_a_time_is_given_up(serve, target, step):
    """Far below 16 KiB in write_timeout, though it never stands still."""
    server = serve("-write-timeout=500")
    with server.connect(rcvbuf=4096) as c:
        c.request("GET", target)
        c.exactly(1)

        def given_up():
            try:
                c.sock.recv(step)
            except ConnectionResetError:
                return True
            return server.state()["aborted"] == 1

        until("given up", given_up)
    until("its memory is back", lambda: server.state()["budget"] < 100_000)


def test_who_never_reads_its_answers_is_not_served_for_ever(serve):
    """Pipelined requests whose answers nobody takes: they wait in the client's own buffers."""
    server = serve("-write-timeout=600000")
    with server.connect(rcvbuf=4096, sndbuf=65536) as c:
        c.sock.settimeout(0.5)
        request = b"GET /bytes?n=100000 HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 8000 + b"\r\n\r\n"
        with pytest.raises(TimeoutError):
            for _ in range(100_000):
                c.send(request)
        before = server.state()
        assert before["handled"] < 1000 and before["budget"] < 1_000_000
        for _ in range(20):  # it harms nobody else
            assert server.ask("POST", "/worker", b"x").body == b"x"
        assert server.state()["handled"] == before["handled"] + 20
        c.reset()
    until("its memory is back", lambda: server.state()["budget"] < 100_000)


def test_slow_readers_beside_others(serve):
    """As many as there are workers and more: they hold a piece each, no worker and no thread."""
    server = serve("-write-timeout=600000", "-workers=2", "-threads=1")
    slow = [server.connect(rcvbuf=4096) for _ in range(40)]
    for c in slow:
        c.request("GET", "/stream?n=1000000000&piece=65536")
    for c in slow:
        c.exactly(100)
    for n in range(100):
        assert server.ask("POST", "/worker", b"%d" % n).body == b"%d" % n
    assert server.state()["budget"] < 40 * (400 << 10)
    for c in slow:
        c.reset()
    until("all are given up", lambda: server.state()["finished"] == 140)
    state = server.state()
    assert (state["aborted"], state["done"]) == (40, 40)
    assert state["budget"] < 40 * (64 << 10)  # what requests keep for the next one
