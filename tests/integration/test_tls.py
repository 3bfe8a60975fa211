"""TLS as clients that mean well see it: handshakes, sessions, bodies, and how a connection ends."""
# variants: release, asan, tsan

import os
import re
import socket
import ssl
import subprocess

import pytest
from certificates import client_context, openssl, replace, served_serial, tls_connect
from echo import until
from tls_echo import BYE, PATIENCE, RESET, V2, VERSIONS, RawTls, resumes, s_client, session_of, talking


# ---- clients that mean well


@pytest.mark.parametrize("kind", ["p256", "rsa"])
@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_verifies_the_chain(serve_tls, pairs, root_ca, kind, http, version):
    server = serve_tls("-max-body=10000000", pair=pairs[kind])
    sent = os.urandom(3_000_000)
    done = subprocess.run(
        ["curl", "-sS", http, "--cacert", root_ca.cert, f"--tlsv{version}", "--tls-max", version, "--data-binary", "@-",
         "-w", "%{stderr}%{http_version}", f"{server.url}/worker"],
        input=sent, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"2" if http == "--http2" else b"1.1")
    assert done.stdout == sent


def test_curl_that_does_not_know_the_authority_refuses(serve_tls):
    done = subprocess.run(["curl", "-sS", f"{serve_tls().url}/info"], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 60, done


@VERSIONS
@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_the_request_is_seen_as_tls(serve_tls, pairs, root_ca, kind, version):
    server = serve_tls(pair=pairs[kind])
    with server.connect(context=client_context(root_ca.cert, version=version)) as c:
        seen = c.ask("GET", "/info").json()
        assert (seen["tls"], seen["client"], seen["peer"]) == (True, "", "127.0.0.1")


@pytest.mark.parametrize("flag,protocol", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_s_client_speaks(serve_tls, root_ca, flag, protocol):
    out = s_client(serve_tls(), flag, "-CAfile", root_ca.cert, "-verify_return_error", "-ign_eof", say=BYE)
    assert "Verify return code: 0 (ok)" in out and f"New, {protocol}," in out and "HTTP/1.1 200" in out
    assert "Compression: NONE" in out


@pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(serve_tls, flag):
    out = s_client(serve_tls(), flag, "-cipher", "DEFAULT@SECLEVEL=0", check=False)
    assert "alert protocol version" in out and "Cipher is (NONE)" in out


@pytest.mark.parametrize("offer,chosen", [("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"), ("http/1.1", "http/1.1")])
def test_alpn(serve_tls, offer, chosen):
    assert f"ALPN protocol: {chosen}" in s_client(serve_tls(), "-alpn", offer)


def test_without_alpn_it_is_http_1(serve_tls):
    out = s_client(serve_tls(), "-ign_eof", say=BYE)
    assert "No ALPN negotiated" in out and "HTTP/1.1 200" in out


def test_alpn_with_nothing_in_common_is_refused(serve_tls):
    assert "alert no application protocol" in s_client(serve_tls(), "-alpn", "spdy/3", check=False)


def offered_ciphers(server):
    """Names of the TLS 1.2 ciphers that the server takes, by asking for one after the other."""
    known = openssl("ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL@SECLEVEL=0").decode().strip().split(":")
    taken = []
    while known:
        context = client_context(version=V2)
        context.set_ciphers(":".join(known) + ":@SECLEVEL=0")
        try:
            with tls_connect((server.host, server.port), context) as connection:
                taken.append(connection.cipher()[0])
        except ssl.SSLError:
            break
        known.remove(taken[-1])
    return taken


@pytest.mark.parametrize("kind,by", [("p256", "ECDSA"), ("rsa", "RSA")])
def test_only_ciphers_with_forward_secrecy_and_authentication(serve_tls, pairs, kind, by):
    """HTTP/2 forbids all others (RFC 9113, appendix A), so that one of them would fail there."""
    ciphers = offered_ciphers(serve_tls(pair=pairs[kind]))
    assert ciphers and len(ciphers) == len(set(ciphers))
    for name in ciphers:
        assert re.fullmatch(f"ECDHE-{by}-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", name), ciphers


# ---- sessions


@VERSIONS
def test_sessions_are_resumed(serve_tls, root_ca, version):
    server, context = serve_tls(), client_context(root_ca.cert, version=version)
    session, resumed = session_of(server, context)
    assert session.has_ticket and not resumed
    assert resumes(server, context, session)
    session, _ = session_of(server, context, session=session)
    assert resumes(server, context, session)


@VERSIONS
def test_sessions_are_resumed_on_every_thread(serve_tls, version):
    """Connections go to the thread that has the fewest: of eight open ones, four threads have two each."""
    server, context = serve_tls("-threads=4"), client_context(version=version)
    session, _ = session_of(server, context)
    clients = [server.connect(context=context, session=session) for _ in range(8)]
    for c in clients:
        assert c.ask("GET", "/info").status == 200
        assert c.sock.session_reused
        c.sock.close()


@VERSIONS
def test_sessions_are_resumed_across_a_reload(serve_tls, middle_ca, tmp_path, version):
    pair = middle_ca.issue()
    server, context = serve_tls(pair=pair), client_context(version=version)
    session, _ = session_of(server, context)
    with server.connect(context=context) as open_before:
        assert open_before.ask("GET", "/info").status == 200
        fresh = middle_ca.issue()
        replace(pair.cert, fresh.cert.read_bytes(), "rename")
        replace(pair.key, fresh.key.read_bytes(), "rename")
        assert server.reload() == "reloaded"
        assert served_serial((server.host, server.port)) == fresh.serial
        assert resumes(server, context, session)
        assert open_before.ask("POST", "/worker", b"x" * 100_000).status == 200


def test_early_data_is_not_taken(serve_tls, tmp_path):
    """Whoever records it could send it again."""
    server = serve_tls()
    saved, early = tmp_path / "session", tmp_path / "early"
    early.write_bytes(BYE)
    first = s_client(server, "-tls1_3", "-ign_eof", "-sess_out", saved, say=BYE)
    assert "Max Early Data: 0" in first
    out = s_client(server, "-tls1_3", "-ign_eof", "-sess_in", saved, "-early_data", early, say=BYE)
    assert "Reused, TLSv1.3" in out and "Early data was not sent" in out
    assert out.count("HTTP/1.1 200") == 1


# ---- bytes


@VERSIONS
@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 5_000_000])
def test_bodies_both_ways(serve_tls, size, version):
    server = serve_tls("-max-body=5000000")
    body = os.urandom(size)
    with server.connect(context=client_context(version=version)) as c:
        for path in ("/inline", "/worker"):
            answer = c.ask("POST", path, body)
            assert (answer.status, answer.body == body) == (200, True)


@VERSIONS
@pytest.mark.parametrize("n,piece", [(11, 10), (1_000_000, 70_000), (20_000_000, 262_144)])
def test_streams(serve_tls, n, piece, version):
    with serve_tls().connect(context=client_context(version=version)) as c:
        body = c.ask("GET", f"/stream?n={n}&piece={piece}").body
        pattern = bytes(ord("a") + i % 256 % 23 for i in range(256))
        assert body == (pattern * (n // 256 + 1))[:n]
        assert c.ask("GET", "/info").status == 200


def test_pipelined_requests_in_one_record(serve_tls):
    with serve_tls().connect() as c:
        c.send("".join(f"POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{i:02d}" for i in range(50)))
        for i in range(50):
            assert c.answer().body == b"%02d" % i


def test_a_client_that_reads_slowly_is_served(serve_tls):
    server = serve_tls("-write-timeout=1000")
    with server.connect(rcvbuf=1 << 16) as c:
        c.request("GET", "/stream?n=3000000&piece=100000")
        while len(c.buffer) < 1_000_000:
            c.buffer += c.sock.recv(3000)
        assert len(c.answer().body) == 3_000_000
    assert server.state()["aborted"] == 0


@VERSIONS
@pytest.mark.parametrize("target", ["/stream?n=500000000", "/bytes?n=100000000"])
def test_a_client_that_never_reads_is_given_up(serve_tls, target, version):
    server = serve_tls("-write-timeout=400", "-workers=1")
    with server.connect(context=client_context(version=version), rcvbuf=4096) as c:
        c.request("GET", target)
        c.exactly(10)
        until("given up", lambda: server.state()["aborted"] == 1)


def test_a_client_that_closes_early_is_noticed(serve_tls):
    server = serve_tls()
    for how in ("close", "reset"):
        before = server.state()["cancelled"]
        c = server.connect()
        c.request("GET", "/stuck")
        until("it is handled", lambda: server.state()["handled"] > before)
        if how == "reset":
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        c.sock.close()
        until("cancelled", lambda: server.state()["cancelled"] == before + 1)
    stream = server.connect()
    stream.request("GET", "/stream?n=100000000000")
    stream.exactly(1_000_000)
    stream.sock.close()
    until("done", lambda: server.state()["done"] == 1)


@pytest.mark.parametrize("how", ["close_notify", "shutdown"])
@pytest.mark.parametrize("path", ["/inline", "/worker", "/stream?n=300000"])
def test_a_client_that_shuts_its_sending_side_is_answered(serve_tls, path, how):
    """close_notify shuts one direction only in TLS 1.3; before, it ends both, and most clients go on reading all the same."""
    server = serve_tls()
    c = RawTls(server)
    c.send(b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    if how == "close_notify":
        c.say_goodbye()
    c.plain.shutdown(socket.SHUT_WR)
    answer = c.read_to_the_end()
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_server_says_goodbye_before_it_closes(serve_tls):
    """A TlsClient raises where a connection ends without close_notify."""
    server = serve_tls("-idle-timeout=300")
    with server.connect() as c:
        c.request("GET", "/stream?n=300000", headers=["Connection: close"])
        assert c.answer().status == 200
        c.closed()
    with server.connect() as c:
        c.send("GARBAGE\r\n\r\n")
        c.refused(400)
    with server.connect() as c:
        assert c.ask("GET", "/info").status == 200
        c.closed()  # idle for too long
    with server.connect() as c:
        assert c.ask("GET", "/info").status == 200
        server.terminate()
        c.closed()


def test_keys_may_be_updated(serve_tls):
    with talking(serve_tls(), "-tls1_3") as (say, wait):
        for _ in range(3):
            say(b"K\n")
            wait(b"KEYUPDATE")
            say(b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
            wait(b"HTTP/1.1 200")


def test_nothing_is_renegotiated(serve_tls):
    server = serve_tls()
    with talking(server, "-tls1_2") as (say, wait):
        wait(b"Extended master secret")
        say(b"R\n")
        wait(b"no renegotiation")
    assert server.ask("GET", "/info").status == 200


@VERSIONS
def test_a_client_may_send_byte_by_byte(serve_tls, version):
    c = RawTls(serve_tls(), piece=1, context=client_context(version=version))
    c.send(BYE)
    assert c.read_to_the_end().startswith(b"HTTP/1.1 200 ")
    c.plain.close()


def test_a_stop_lets_a_handshake_end_and_its_first_request_be_answered(serve_tls, root_ca):
    server = serve_tls("-exit-timeout=20000")
    with server.connect() as idle, socket.create_connection((server.host, server.port), PATIENCE) as fresh:
        assert idle.ask("GET", "/info").status == 200
        server.terminate()
        idle.closed()  # so it is stopping
        with client_context(root_ca.cert).wrap_socket(fresh, server_hostname="localhost") as late:
            late.sendall(b"POST /worker HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            out = b""
            while piece := late.recv(65536):
                out += piece
    assert out.startswith(b"HTTP/1.1 200 OK\r\n") and out.endswith(b"\r\n\r\nhello")
    server.stop("clean")
