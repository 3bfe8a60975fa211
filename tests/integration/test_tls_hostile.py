"""TLS as clients see it that stop, flood, send garbage or no TLS at all. Nobody else may notice."""
# variants: release, asan, tsan

import socket
import ssl
import subprocess

import pytest
from certificates import client_context, tls_connect
from echo import PROGRAM, Server
from tls_echo import PATIENCE, RESET, V2, V3, VERSIONS, RawTls, hello


def flood(server, most):
    command = [PROGRAM.with_name("tls_flood"), str(server.port), str(most)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in ("connected", "sent"):
        assert process.stdout.readline().strip() == line
    return process


def test_a_flood_of_key_updates_holds_nobody_up(serve_tls):
    """OpenSSL reads on by itself as long as such records come: the thread must get out of there."""
    server = serve_tls("-threads=1", "-header-timeout=60000")
    flooding = flood(server, 100_000_000)
    try:
        for _ in range(20):
            assert server.ask("POST", "/worker", b"x").status == 200
        assert flooding.poll() is None
    finally:
        flooding.kill()
        flooding.communicate()


def test_a_flood_of_key_updates_ends_in_time(serve_tls):
    server = serve_tls("-header-timeout=3000")
    flooding = flood(server, 100_000_000)
    try:
        assert flooding.wait(PATIENCE) == 3
    finally:
        flooding.kill()
        flooding.communicate()


def test_a_flood_of_key_updates_does_not_hold_the_end_up(serve_tls):
    server = serve_tls("-header-timeout=60000", "-exit-timeout=300")
    flooding = flood(server, 100_000_000)
    server.terminate()
    assert server.wait() == "stopped clean budget=0"
    assert flooding.wait(PATIENCE) == 3


@pytest.mark.parametrize("sent", [0, 1, 5, 40, -1, None])
def test_a_handshake_that_stops_ends_in_time(serve_tls, sent):
    server = serve_tls("-header-timeout=300")
    with server.plain() as c:
        c.send(hello()[:sent])
        c.rest()
    assert server.ask("GET", "/info").status == 200


def test_a_handshake_that_trickles_ends_in_time(serve_tls):
    server = serve_tls("-header-timeout=400")
    with server.plain() as c:
        c.sock.settimeout(0.03)
        sent = 0
        for byte in hello():
            sent += 1
            try:
                if not c.try_send(bytes([byte])) or not c.more():
                    break
            except socket.timeout:
                continue
            except ConnectionResetError:
                break
        assert sent < len(hello())
    assert server.ask("GET", "/info").status == 200


@VERSIONS
def test_a_connection_without_a_request_ends_in_time(serve_tls, version):
    with serve_tls("-header-timeout=300").connect(context=client_context(version=version)) as c:
        c.closed()


GARBAGE = [
    b"\0" * 600,
    bytes(range(32)) * 40,
    b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000,
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    b"\x16\x03\x01\x00\x00" * 200,
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x14\x03\x03\x00\x01\x01" * 100,
    b"\x17\x03\x03\x00\x10" + b"x" * 16,
    b"\x80\x2e\x01\x00\x02" + b"\0" * 44,
    b"\xff" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_instead_of_a_hello(serve_tls, garbage):
    """Never a word in clear text: an alert at most."""
    server = serve_tls("-header-timeout=2000")
    with server.plain() as c:
        c.try_send(garbage)
        said = c.rest()
        assert said == b"" or (said[0] == 0x15 and len(said) <= 7), said
    assert server.ask("GET", "/info").status == 200


@VERSIONS
def test_garbage_behind_the_handshake(serve_tls, version):
    server = serve_tls()
    for garbage in GARBAGE[:2] + [b"\x17\x03\x03\x00\x20" + b"x" * 32]:
        c = RawTls(server, context=client_context(version=version))
        c.plain.sendall(garbage)
        with pytest.raises(ssl.SSLError, match="(?i)alert"):
            c.read_to_the_end()
        c.plain.close()
    assert server.ask("GET", "/info").status == 200


def test_resets_in_mid_handshake(serve_tls):
    server = serve_tls("-verbose")
    first = hello()
    for i in range(60):
        with server.plain() as c:
            c.send(first[: i * 10] if i % 3 else first)
            if i % 3 == 0:
                c.more()  # the server's flight is on its way
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    assert server.ask("GET", "/info").status == 200


REQUESTS = ["GET /info", "POST /worker", "HEAD /", "PUT /", "DELETE /x", "OPTIONS *", "CONNECT a:1", "PROPFIND /"]


@pytest.mark.parametrize("line", REQUESTS)
def test_plain_http_is_told_that_this_is_tls(serve_tls, line):
    server = serve_tls()
    with server.plain() as c:
        c.send(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n")
        c.try_send(b"x" * 300_000)
        said = c.rest()
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"Connection: close" in head
    assert body == b"this port speaks TLS: use https://\n"
    assert f"Content-Length: {len(body)}".encode() in head
    assert server.state()["handled"] == 0


def test_curl_shows_that_line(serve_tls):
    server = serve_tls()
    done = subprocess.run(["curl", "-sS", server.url.replace("https", "http")], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, b"this port speaks TLS: use https://\n"), done


def test_tls_on_a_port_in_clear_text_is_a_bad_request():
    server = Server()
    try:
        for first in (hello(V2), hello(V3)):
            with server.connect() as c:
                c.send(first)
                assert c.answer().status == 400
                c.closed()
        host, _, port = server.address.rpartition(":")
        with pytest.raises(ssl.SSLError, match="(?i)wrong.version|record.layer"):
            tls_connect((host, int(port)))
    finally:
        server.stop()


def test_connections_over_the_limit_are_closed_without_a_word(serve_tls):
    """An answer would take a handshake; clear text would be taken for a broken one."""
    server = serve_tls("-connections=2")
    held = [server.connect() for _ in range(2)]
    for c in held:
        c.request("GET", "/stream?n=1000000000")
        c.exactly(10)  # neither is idle
    with server.plain() as c:
        c.try_send(hello())
        assert c.rest(reset=True) == b""
    for c in held:
        c.sock.close()
