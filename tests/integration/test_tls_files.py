"""-tls.cert, -tls.key and -tls.client-ca: what is wrong with them at start, and how they are replaced while the server runs."""
# variants: release, asan

import fcntl
import os
import pty
import signal
import ssl
import subprocess
import termios
import time

import pytest
from certificates import Authority, Pair, client_context, openssl, replace, served_serial, tls_connect, without_privileges
from server import BINARY, PATIENCE, run_server, wait_for

AGAIN = "read the TLS certificate again"


# ---- at start


def refused(tmp_path, cert, key, *flags, code=1, command=lambda line: line):
    """The one line in which the server says why it does not start; it must not have touched its directory."""
    data = tmp_path / "data"
    line = [str(BINARY), "-addr=127.0.0.1:0", f"-local.dir={data}", "-log.format=console", *flags]
    line += [f"-tls.{name}={value}" for name, value in (("cert", cert), ("key", key)) if value]
    done = subprocess.run(command(line), capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    assert not data.exists()
    (said,) = done.stderr.splitlines()
    return said.rstrip()


@pytest.fixture
def pair(middle_ca, tmp_path):
    """Files of this test's own."""
    issued = middle_ca.issue()
    mine = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    mine.cert.write_bytes(issued.cert.read_bytes())
    mine.key.write_bytes(issued.key.read_bytes())
    return mine


NO_CERTIFICATE = "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)"
NO_KEY = "there is no private key in it (PEM: -----BEGIN PRIVATE KEY-----)"
BAD_CONTENT = {
    "empty": (lambda whole: b"", "the file is empty", "the file is empty"),
    "text": (lambda whole: b"hello\n", NO_CERTIFICATE, NO_KEY),
    "binary": (lambda whole: bytes(range(256)), NO_CERTIFICATE, NO_KEY),
    "cut": (lambda whole: whole[:150], "a certificate in it can't be read: bad end line", NO_KEY),
    "garbled": (lambda whole: whole[:30] + b"A" * 8 + whole[38:], "a certificate in it can't be read: ", NO_KEY),
    "huge": (lambda whole: whole + b"\n" * (1 << 20), "the file is too large", "the file is too large"),
}


@pytest.mark.parametrize("which", BAD_CONTENT)
def test_bad_content_is_named_with_flag_and_file(tmp_path, pair, root_ca, which):
    spoil, of_cert, of_key = BAD_CONTENT[which]
    bad = tmp_path / "bad.pem"
    bad.write_bytes(spoil(pair.cert.read_bytes()))
    assert f"-tls.cert: {bad}: {of_cert}" in refused(tmp_path, bad, pair.key)
    assert f"-tls.client-ca: {bad}: {of_cert}" in refused(tmp_path, pair.cert, pair.key, f"-tls.client-ca={bad}")
    bad.write_bytes(spoil(pair.key.read_bytes()))
    assert f"-tls.key: {bad}: {of_key}" in refused(tmp_path, pair.cert, bad)


def test_files_that_cannot_be_read(tmp_path, pair):
    absent = tmp_path / "absent.pem"
    for path, why in ((absent, "No such file or directory"), (tmp_path, "Is a directory")):
        assert f"-tls.cert: {path}: {why}" in refused(tmp_path, path, pair.key)
        assert f"-tls.key: {path}: {why}" in refused(tmp_path, pair.cert, path)
        assert f"-tls.client-ca: {path}: {why}" in refused(tmp_path, pair.cert, pair.key, f"-tls.client-ca={path}")
    for flag, path in (("cert", pair.cert), ("key", pair.key)):
        path.chmod(0)
        said = refused(tmp_path, pair.cert, pair.key, command=without_privileges)
        assert f"-tls.{flag}: {path}: Permission denied" in said
        path.chmod(0o600)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, pair):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refused(tmp_path, pipe, pair.key).endswith(f"{pipe}: it is no file")


def test_a_pipe_in_place_of_the_certificate_holds_nothing_up(start_tls, middle_ca, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = middle_ca.issue()
    cert.write_bytes(issued.cert.read_bytes())
    key.write_bytes(issued.key.read_bytes())
    server = start_tls(Pair(cert, key))
    cert.unlink()
    os.mkfifo(cert)
    wait_for(lambda: any("it is no file" in line.get("error", "") for line in server.log()), "the pipe is seen")
    server.stop()  # and the signal is


def test_a_key_in_place_of_the_certificate_and_the_other_way_round(tmp_path, pair):
    assert f"-tls.cert: {pair.key}: {NO_CERTIFICATE}" in refused(tmp_path, pair.key, pair.cert)
    assert f"-tls.key: {pair.cert}: {NO_KEY}" in refused(tmp_path, pair.cert, pair.cert)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_a_key_of_another_certificate(tmp_path, pair, pairs, kind):
    key = pairs[kind].key
    said = refused(tmp_path, pair.cert, key)
    assert f"-tls.key: {key}: the key doesn't belong to the certificate in {pair.cert}" in said


def test_a_certificate_out_of_its_time(tmp_path, middle_ca):
    expired = middle_ca.issue(begins=-9 * 86400, ends=-60)
    said = refused(tmp_path, expired.cert, expired.key)
    assert f"-tls.cert: {expired.cert}: the certificate expired on 20" in said and said.endswith("Z")
    early = middle_ca.issue(begins=3600)
    said = refused(tmp_path, early.cert, early.key)
    assert f"-tls.cert: {early.cert}: the certificate is valid only from 20" in said and said.endswith("Z")


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
def test_an_encrypted_key_is_refused_and_nobody_asked(tmp_path, pair, form):
    """With a terminal at hand, where OpenSSL would ask for the passphrase."""
    locked = tmp_path / "locked.pem"
    if form == "pkcs8":
        openssl("pkcs8", "-topk8", "-in", pair.key, "-passout", "pass:x", "-out", locked)
    else:
        openssl("ec", "-in", pair.key, "-aes256", "-passout", "pass:x", "-out", locked)
    ours, theirs = pty.openpty()

    def take_terminal():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = [str(BINARY), f"-local.dir={tmp_path}/data", f"-tls.cert={pair.cert}", f"-tls.key={locked}"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, preexec_fn=take_terminal
    )
    said = process.communicate(timeout=PATIENCE)[1]
    os.set_blocking(ours, False)
    with pytest.raises(OSError):
        assert os.read(ours, 1000) == b""
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 1
    assert f"-tls.key: {locked}: the key is encrypted: it must be readable without a passphrase" in said


def test_flags_that_need_each_other(tmp_path, pair):
    assert refused(tmp_path, pair.cert, None, code=2).endswith("flag -tls.cert: it needs -tls.key beside it")
    assert refused(tmp_path, None, pair.key, code=2).endswith("flag -tls.key: it needs -tls.cert beside it")
    said = refused(tmp_path, None, None, f"-tls.client-ca={pair.cert}", code=2)
    assert said.endswith("flag -tls.client-ca: it needs -tls.cert and -tls.key")


def test_forms_of_keys_that_are_understood(start_tls, pair, middle_ca, tmp_path):
    """PKCS#8 as openssl genpkey writes it, SEC 1 with its parameters, PKCS#1, and all in one file."""
    sec1 = middle_ca.issue()
    parameters = openssl("ecparam", "-name", "prime256v1")
    sec1.key.write_bytes(parameters + openssl("ec", "-in", sec1.key))
    pkcs1 = middle_ca.issue(kind="rsa")
    pkcs1.key.write_bytes(openssl("rsa", "-in", pkcs1.key, "-traditional"))
    assert b"BEGIN RSA PRIVATE KEY" in pkcs1.key.read_bytes() and b"EC PARAMETERS" in sec1.key.read_bytes()
    both = tmp_path / "both.pem"
    both.write_bytes(pair.cert.read_bytes() + pair.key.read_bytes())
    for one in (sec1, pkcs1, Pair(both, both)):
        server = start_tls(one)
        assert served_serial((server.host, server.port)) == one.serial


# ---- while it runs


class Files:
    """Certificate and key in one of the ways in which they are replaced."""

    def __init__(self, folder, pair, how):
        self.folder, self.how, self.round = folder, how, 0
        folder.mkdir()
        self.pair = Pair(folder / "tls.crt", folder / "tls.key")
        if how == "symlink":
            for name in ("tls.crt", "tls.key"):
                (folder / name).symlink_to(f"..data/{name}")
        self.put(pair)

    def put(self, pair):
        if self.how != "symlink":
            replace(self.pair.cert, pair.cert.read_bytes(), self.how)
            replace(self.pair.key, pair.key.read_bytes(), self.how)
            return
        self.round += 1  # as Kubernetes does it: both at once
        fresh = self.folder / f"..{self.round}"
        fresh.mkdir()
        (fresh / "tls.crt").write_bytes(pair.cert.read_bytes())
        (fresh / "tls.key").write_bytes(pair.key.read_bytes())
        (self.folder / "..new").symlink_to(fresh.name)
        os.replace(self.folder / "..new", self.folder / "..data")


def serves(server, pair):
    return served_serial((server.host, server.port)) == pair.serial


@pytest.mark.parametrize("asked", [False, True], ids=["by itself", "SIGHUP"])
@pytest.mark.parametrize("how", ["write", "rename", "symlink"])
def test_a_new_certificate_is_served_and_nobody_disturbed(start_tls, middle_ca, root_ca, tmp_path, how, asked):
    old, new = middle_ca.issue(), middle_ca.issue(kind="rsa")
    files = Files(tmp_path / "files", old, how)
    server = start_tls(files.pair)
    context = client_context(root_ca.cert)
    address = (server.host, server.port)
    with tls_connect(address, context) as kept:
        ask(kept)
        session = kept.session
        assert serves(server, old)
        files.put(new)
        if asked:
            server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: serves(server, new), "the new certificate")
        ask(kept)
        with tls_connect(address, context, session) as resumed:
            ask(resumed)
            assert resumed.session_reused
    assert server.logged(AGAIN)
    assert how != "symlink" or not server.errors()


def ask(connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("first", ["cert", "key"])
def test_certificate_and_key_need_not_come_at_once(start_tls, middle_ca, tmp_path, first):
    old, new = middle_ca.issue(), middle_ca.issue()
    files = Files(tmp_path / "files", old, "rename")
    server = start_tls(files.pair)
    second = {"cert": "key", "key": "cert"}[first]
    replace(getattr(files.pair, first), getattr(new, first).read_bytes(), "rename")
    wait_for(server.errors, "an error that says that they don't belong together")
    assert server.errors() == [
        f"-tls.key: {files.pair.key}: the key doesn't belong to the certificate in {files.pair.cert}"
    ]
    assert serves(server, old)
    replace(getattr(files.pair, second), getattr(new, second).read_bytes(), "rename")
    wait_for(lambda: serves(server, new), "the new certificate")


BAD = {
    "text": (lambda path, _: path.write_bytes(b"nonsense"), "there is no "),
    "empty": (lambda path, _: path.write_bytes(b""), "the file is empty"),
    "absent": (lambda path, _: path.unlink(), "No such file or directory"),
    "unreadable": (lambda path, _: path.chmod(0), "Permission denied"),
}


@pytest.mark.parametrize("which", BAD)
@pytest.mark.parametrize("file", ["cert", "key"])
def test_a_bad_file_changes_nothing_until_it_is_mended(start_tls, middle_ca, tmp_path, which, file, monkeypatch):
    spoil, why = BAD[which]
    pair = middle_ca.issue()
    files = Files(tmp_path / "files", pair, "write")
    path = getattr(files.pair, file)
    server = start_unprivileged(start_tls, monkeypatch, files.pair)
    spoil(path, None)
    wait_for(server.errors, "an error about the file")
    assert server.errors()[-1].startswith(f"-tls.{file}: {path}: {why}")
    assert serves(server, pair)
    before = len(server.logged(AGAIN))
    if which == "unreadable":
        path.chmod(0o600)
    else:
        path.write_bytes(getattr(pair, file).read_bytes())
    wait_for(lambda: len(server.logged(AGAIN)) > before, "it is read again")
    assert serves(server, pair)


def start_unprivileged(start_tls, monkeypatch, *arguments):
    """Root may read what has no rights at all, so the server runs without that privilege."""
    from certificates import TlsServer

    command = TlsServer.command
    monkeypatch.setattr(TlsServer, "command", lambda self: without_privileges(command(self)))
    return start_tls(*arguments)


def test_an_expired_certificate_does_not_replace_a_good_one(start_tls, middle_ca, tmp_path):
    pair, expired = middle_ca.issue(), middle_ca.issue(begins=-9 * 86400, ends=-60)
    files = Files(tmp_path / "files", pair, "symlink")
    server = start_tls(files.pair)
    files.put(expired)
    wait_for(server.errors, "an error that says that it has expired")
    assert "the certificate expired on" in server.errors()[0]
    assert serves(server, pair)


def test_another_client_authority_is_in_force_at_once(start_tls, middle_ca, tmp_path):
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    ca = tmp_path / "clients.pem"
    ca.write_bytes(first.cert.read_bytes())
    server = start_tls(middle_ca.issue(), f"-tls.client-ca={ca}")
    shown = {one: client_context(pair=one.issue("/CN=ci", use="client")) for one in (first, second)}

    def is_let_in(who):
        try:
            with tls_connect((server.host, server.port), shown[who]) as connection:
                ask(connection)
                return True
        except ssl.SSLError:
            return False

    assert is_let_in(first) and not is_let_in(second)
    ca.write_bytes(second.cert.read_bytes())
    wait_for(lambda: is_let_in(second), "the second authority's clients are let in")
    assert not is_let_in(first)


# ---- what it says


def test_the_log_says_where_tls_is_spoken(start, start_tls, pairs):
    for server, tls in ((start(), "off"), (start_tls(pairs["p256"]), "on")):
        assert [line["tls"] for line in server.logged("server is running")] == [tls]


NEAR, OVER = "the TLS certificate ends soon", "the TLS certificate has ended: clients refuse it"


@pytest.mark.parametrize("days,said", [(14, []), (13, [13]), (0, [0])])
def test_a_certificate_that_ends_soon_is_warned_of(start_tls, middle_ca, days, said):
    server = start_tls(middle_ca.issue(ends=days * 86400 + 3600))
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: server.logged(AGAIN), "another look")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(server.logged(AGAIN)) == 2, "one more, behind what the first has said")
    assert [line["days"] for line in server.logged(NEAR)] == said
    assert all(line["level"] == "warn" for line in server.logged(NEAR))


def test_a_certificate_that_has_ended_is_an_error(start_tls, middle_ca, tmp_path):
    files = Files(tmp_path / "files", middle_ca.issue(ends=3), "rename")
    server = start_tls(files.pair)
    assert len(server.logged(NEAR)) == 1
    wait_for(lambda: server.logged(OVER), "the error")
    assert server.logged(OVER)[0]["level"] == "error"
    fresh = middle_ca.issue()
    files.put(fresh)
    wait_for(lambda: serves(server, fresh), "the new certificate")
    assert len(server.logged(OVER)) == 1


def test_metrics_of_tls(start_tls, middle_ca, tmp_path):
    began = time.time()
    files = Files(tmp_path / "files", middle_ca.issue(ends=40 * 86400), "symlink")
    server = start_tls(files.pair)
    prefix = "profefe_http_tls_"

    def figure(name):
        return server.metrics()[prefix + name]

    assert 0 <= figure("certificate_not_after_seconds") - (began + 40 * 86400 - 1) < 30
    files.put(middle_ca.issue(ends=80 * 86400))
    wait_for(lambda: figure("certificate_not_after_seconds") > began + 79 * 86400, "the new certificate's end")
    context = client_context()
    with tls_connect((server.host, server.port), context) as first:
        ask(first)
        session = first.session
    handshakes, resumed, failed = figure("handshakes_total"), figure("resumptions_total"), figure("handshake_failures_total")
    with tls_connect((server.host, server.port), context, session) as second:
        ask(second)
    stranger = client_context(alpn=["spdy/3"])
    with pytest.raises(ssl.SSLError):
        tls_connect((server.host, server.port), stranger)
    assert figure("resumptions_total") == resumed + 1
    assert figure("handshakes_total") > handshakes
    wait_for(lambda: figure("handshake_failures_total") == failed + 1, "the failure is counted")


def test_without_tls_there_is_no_such_metric(server):
    assert not [name for name in server.metrics() if "certificate" in name]


def test_listening_beyond_loopback_is_warned_of(start, start_tls, pairs):
    said = "listening beyond loopback without"
    clear = start(address=":0")
    assert [line["msg"].startswith(f"{said} TLS and auth") for line in clear.log() if said in line["msg"]] == [True]
    tls = start_tls(pairs["p256"], address=":0")
    assert [line["msg"].startswith(f"{said} auth") for line in tls.log() if said in line["msg"]] == [True]


def test_help_names_the_flags():
    out = run_server("-help").stdout
    assert all(f"-tls.{name} file" in out for name in ("cert", "key", "client-ca"))
