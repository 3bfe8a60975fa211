"""Other people's HTTP/2 clients: curl, nghttp and h2load, against the toy application and the real server; and what honest
clients do in bulk, which the limits against attacks (test_http2_attacks.py) must let pass.
"""

import re
import subprocess
import time

import http2
import pytest
from builders import everything, small
from echo import until
from http2 import PING, Client, frame, get
from pprof_wire import encode
from server import FROM, SANITIZED, TO, query

LESS = 10 if SANITIZED else 1
CLEAR = ["--http2-prior-knowledge"]


@pytest.fixture(params=["clear", "tls"])
def reach(request, serve, serve_tls, pairs, root_ca):
    """reach(*flags) -> (server, its URL, what curl needs to speak HTTP/2 with it)."""

    def begin(*flags):
        if request.param == "clear":
            server = serve(*flags)
            return server, f"http://{server.address}", CLEAR
        server = serve_tls(*flags)
        return server, server.url, ["--http2", "--cacert", root_ca.cert]

    return begin


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def h2load(*arguments):
    """All requests must succeed; what it printed."""
    out = run("h2load", *arguments)
    found = re.search(r"requests: (\d+) total, \1 started, \1 done, \1 succeeded, 0 failed, 0 errored, 0 timeout", out)
    assert found, out
    return out


# ---- one request after the other


def test_curl(reach, curl, tmp_path):
    _, url, how = reach()
    assert curl(*how, f"{url}/bytes?n=1000000") == b"x" * 1_000_000
    assert curl(*how, "--data-binary", "hello", f"{url}/worker") == b"hello"
    fits = tmp_path / "fits"
    fits.write_bytes(b"01234567" * (1 << 17))
    assert curl(*how, "-H", "Expect: 100-continue", "--data-binary", f"@{fits}", f"{url}/late") == fits.read_bytes()
    assert curl(*how, "-I", f"{url}/bytes?n=5").startswith(b"HTTP/2 200 \r\n")
    assert curl(*how, "-i", f"{url}/trailers?n=300000").endswith(b"x-sum: 42\r\n")
    assert curl(*how, "-w", "%{http_version} %{http_code}", "-o", "/dev/null", f"{url}/stream?n=3000000") == b"2 200"


def test_curl_in_parallel(serve_tls, root_ca, curl):
    """With prior knowledge in clear text curl 7.88 begins anew on a connection that is there, with nginx, too."""
    url, how = serve_tls().url, ["--http2", "--cacert", root_ca.cert]
    one = ["-w", "%{http_version}\n", "-o", "/dev/null"]
    out = curl(*how, "--parallel", "--parallel-max", "40", *[x for i in range(60) for x in [*one, f"{url}/bytes?n={i * 5000}"]])
    assert out == b"2\n" * 60


def test_upgrade_is_not_taken(serve, curl):
    """curl --http2 in clear text asks for an upgrade, which RFC 9113 has done away with: it gets HTTP/1.1."""
    server = serve()
    for _ in range(2):
        out = curl("--http2", "-w", "%{http_version}", "-o", "/dev/null", f"http://{server.address}/info")
        assert out == b"1.1"
    assert server.metric("connections_h2_total") == 0


def test_alpn(serve_tls, curl, root_ca):
    server = serve_tls()
    for asked, spoken in (("--http2", b"2"), ("--http1.1", b"1.1"), ("--no-alpn", b"1.1")):
        out = curl(asked, "--cacert", root_ca.cert, "-w", "%{http_version}", "-o", "/dev/null", f"{server.url}/info")
        assert out == spoken


def test_nghttp(reach):
    """-v prints every frame; it asks with priorities, which the server says it does not heed."""
    _, url, _ = reach()
    out = run("nghttp", "-v", "-y", "--no-verify-peer", f"{url}/info", f"{url}/trailers?n=100000", f"{url}/bytes?n=200000")
    out = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert out.count(":status: 200") == 3 and "x-sum: 42" in out
    assert "SETTINGS_NO_RFC7540_PRIORITIES(0x09):1" in out or "[UNKNOWN(0x09):1" in out or "0x09" in out
    assert "GOAWAY" in out and "RST_STREAM" not in out


def test_nghttp_over_the_body_limit(reach, tmp_path):
    """curl 7.88 makes an error of its own of an answer that comes before it has sent everything, from nginx, too."""
    _, url, _ = reach()
    body = tmp_path / "body"
    body.write_bytes(bytes(1_200_000))
    out = re.sub(r"\x1b\[[0-9;]*m", "", run("nghttp", "-v", "-y", "--no-verify-peer", "-d", body, f"{url}/worker"))
    assert ":status: 413" in out and '{"code":413' in out
    assert "RST_STREAM" not in out or "error_code=NO_ERROR(0x00)" in out


# ---- in bulk


def test_tens_of_thousands_of_requests(reach):
    server, url, _ = reach()
    for path in ("/inline", "/worker", "/stream?n=3"):
        h2load("-n", 20_000 // LESS, "-c", 4, "-m", 100, url + path)
    assert server.state()["aborted"] == 0


def test_uploads(reach, tmp_path):
    server, url, _ = reach()
    body = tmp_path / "body"
    body.write_bytes(b"x" * 200_000)
    h2load("-n", 1000 // LESS, "-c", 4, "-m", 20, "-d", body, f"{url}/inline")
    assert server.state()["aborted"] == 0


@pytest.mark.parametrize("bits", [8, 10, 16, 30])
def test_downloads_through_windows_of_every_size(serve, bits):
    """Through windows of 255 bytes a megabyte takes some 8,000 window updates."""
    server = serve()
    megabytes = max({8: 10, 10: 40, 16: 300, 30: 300}[bits] // LESS, 2)
    out = h2load("-n", megabytes, "-c", 2, "-m", 10, "-w", bits, "-W", max(bits, 16), f"http://{server.address}/bytes?n=1000000")
    assert f"{megabytes * 1_000_000}) data" in re.sub(r"[A-Z]B \(", "(", out)
    out = h2load("-n", megabytes, "-c", 2, "-m", 10, "-w", bits, "-W", bits, f"http://{server.address}/stream?n=1000000")
    state = server.state()
    assert (state["aborted"], server.metric("connections_abused_total")) == (0, 0)


def test_pings_beside_downloads(serve):
    """gRPC sends one for every round trip while data comes, to measure how much is under way."""
    server = serve()
    with Client(server.address) as c:
        pings = 0
        taken = c.on_data

        def ping(f):
            nonlocal pings
            taken(f)
            if len(c.pongs) == pings:
                c.send(frame(PING, 0, 0, bytes(8)))
                pings += 1

        c.on_data = ping
        stream = c.request("GET", f"/stream?n={100_000_000 // LESS}")
        c.answer(stream)
        assert pings > 1000 // LESS
        assert c.ask("GET", "/info").status == 200


def test_pings_that_keep_a_connection(serve):
    """One every few milliseconds, while a request takes its time."""
    server = serve()
    with Client(server.address) as c:
        stream = c.request("GET", "/sleep?ms=3000")
        n = 0
        while not c.answers[stream].ended:
            c.ping()
            n += 1
            time.sleep(0.002)  # the pace is the point here
        assert c.answers[stream].body == b"slept" and not c.goaways and n > 100


def test_a_page_that_is_left_again_and_again(serve):
    """A browser that goes away from a page resets all that it waits for."""
    server = serve("-queue=2000")
    with Client(server.address) as c:
        for _ in range(10):
            streams = [c.request("GET", "/sleep?ms=10000") for _ in range(90)]
            c.ask("GET", "/info")
            c.send(b"".join(http2.rst_stream(stream) for stream in streams))
            for _ in range(10):
                assert c.ask("GET", "/bytes?n=10000").status == 200
        assert not c.goaways
    until("all are cancelled", lambda: server.state()["aborted"] == 900)


def test_answers_and_resets_in_turn(serve):
    """Who works may change his mind as often: as long as every second request is answered it can go on for ever."""
    server = serve("-queue=5000")
    with Client(server.address) as c:
        for _ in range(3000 // LESS):
            stream = c.request("GET", "/stuck")
            assert c.ask("GET", "/info").status == 200
            c.send(http2.rst_stream(stream))
        assert c.ask("GET", "/info").status == 200 and not c.goaways


def test_small_messages_up_and_down(serve):
    """As gRPC's streams: frames of a few bytes, and of none at the end."""
    server = serve()
    with Client(server.address) as c:
        for _ in range(5):
            stream = c.open(get("/inline", method="POST"), end=False)
            for _ in range(4000 // LESS):
                c.data(stream, b"12345")
            c.data(stream, b"", end=True)
            assert c.answer(stream).body == b"12345" * (4000 // LESS)


# ---- the real server


def pushed(server, curl, how, url, tmp_path):
    """(ids, bodies) of two profiles pushed by curl."""
    ids, bodies = [], [encode(small(value=5)), encode(everything())]
    for i, body in enumerate(bodies):
        file = tmp_path / f"profile{i}"
        file.write_bytes(body)
        kind = ["cpu", "heap"][i]
        target = "/api/0/profiles" + query(service="app", type=kind, labels="region=eu")
        out = curl(*how, "-w", "\n%{http_version} %{http_code}", "--data-binary", f"@{file}", url + target)
        answer, _, code = out.rpartition(b"\n")
        assert code == b"2 200", out
        ids.append(re.search(rb'"id":"([^"]+)"', answer)[1].decode())
    return ids, bodies


@pytest.mark.parametrize("way", ["clear", "tls"])
def test_the_real_server_says_the_same_over_http_2(start, start_tls, pairs, root_ca, curl, tmp_path, way):
    if way == "clear":
        server, how, other = start(), CLEAR, ["--http1.1"]
        url = server.url
    else:
        server = start_tls(pairs["p256"])
        url, how = server.url, ["--http2", "--cacert", root_ca.cert]
        other = ["--http1.1", "--cacert", root_ca.cert]
    ids, _ = pushed(server, curl, how, url, tmp_path)
    span = {"service": "app", "from_": FROM, "to": TO}
    targets = [
        *(f"/api/0/profiles/{one}" for one in ids),
        "/api/0/profiles" + query(**span),
        "/api/0/profiles/merge" + query(type="cpu", **span),
        "/api/0/services",
        "/api/0/profiles/nothing",
        "/api/0/nothing",
        "/api/0/version",
    ]
    for target in targets:
        same = ("-H", "X-Request-Id: same", "-w", "%{http_code}")
        answers = [curl(*flags, *same, url + target) for flags in (how, other)]
        assert answers[0] == answers[1], target
    assert server.metrics()["profefe_http_connections_h2_total"] >= 2


def test_profiles_pushed_over_http_2_come_back_whole(start, curl, tmp_path):
    """What HTTP/1.1 and HTTP/2 took in is the same, byte for byte."""
    server = start()
    for i, profile in enumerate([small(value=7), everything()]):
        body = encode(profile)
        file = tmp_path / "profile"
        file.write_bytes(body)
        kind, ids = ["cpu", "heap"][i], []
        for how in (CLEAR, ["--http1.1"]):
            target = "/api/0/profiles" + query(service="one", type=kind)
            ids.append(re.search(rb'"id":"([^"]+)"', curl(*how, "--data-binary", f"@{file}", server.url + target))[1].decode())
        assert server.fetch(ids[0]) == server.fetch(ids[1])
        assert curl(*CLEAR, f"{server.url}/api/0/profiles/{ids[0]}") == server.fetch(ids[1])


def test_h2load_on_the_real_server(start):
    server = start()
    h2load("-n", 5000 // LESS, "-c", 4, "-m", 50, f"{server.url}/api/0/version")
    assert server.metrics()["profefe_http_connections_abused_total"] == 0
