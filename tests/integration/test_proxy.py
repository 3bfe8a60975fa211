"""nginx in front of the server, with the very configuration that docs/operations.md shows."""
# variants: release, asan

import gzip
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from access import AuthFile, Token
from builders import small
from load import bulky
from pprof_tool import tool_environment
from pprof_wire import differences, encode, parse
from raw_http import read_all
from server import PATIENCE, ROOT, query, wait_for

BASE = "/profefe"
PREFIX = BASE + "/api/0/profiles"


def snippet(language="nginx", having="upstream profefe"):
    text = (ROOT / "docs/operations.md").read_text()
    (block,) = [one for one in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S) if having in one]
    return block


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def location(text, path):
    """The lines of one `location`, without those around it."""
    (found,) = re.findall(rf"^    location {re.escape(path)} {{\n(.*?)^    }}\n", text, re.M | re.S)
    return found


def with_login(port):
    """The snippet with those of "Single sign-on" in it, where the text of that says, and the authority on this port."""
    site, sso, asks, agents = (snippet(having=text) for text in ("upstream profefe", "auth_request_set", "location = /oauth2/auth", "-agents/"))
    asks = asks.replace("http://127.0.0.1:4180;", f"http://127.0.0.1:{port};")
    common = location(site, "/profefe/")
    lines = re.sub(r"^ *proxy_pass .*\n", "", common, flags=re.M)
    assert lines.count("\n") == common.count("\n") - 1
    other = agents.replace("/profefe-agents/ {\n", "/profefe-agents/ {\n" + lines)
    return site.replace(common, common + location(sso, "/profefe/")).replace("    location", f"{asks}{other}    location", 1)


class Nginx:
    """changes: what stands in the snippet -> what is to stand there; login: the port of whom it asks who somebody is."""

    def __init__(self, folder, pair, upstream, changes, login=None):
        self.folder = folder
        self.port = free_port()
        site = with_login(login) if login else snippet()
        for there, wanted in {
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "/etc/ssl/tools.crt": str(pair.cert),
            "/etc/ssl/tools.key": str(pair.key),
            "server 127.0.0.1:10100;": f"server {upstream};",
            **changes,
        }.items():
            assert site.count(there) == 1, there
            site = site.replace(there, wanted)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\nmaster_process on;\nworker_processes 1;\npid {folder}/pid;\n"
            f"error_log {folder}/error.log info;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
        )
        self.process = subprocess.Popen(
            ["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_for(self.listens, "nginx listens")

    def listens(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def log(self):
        return (self.folder / "error.log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def nginx(tmp_path, pairs):
    """nginx(upstream, {text: its change}) -> a running Nginx."""
    if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        pytest.fail("nginx is missing: scripts/setup test installs it")
    started = []

    def launch(upstream, changes=(), login=None):
        folder = tmp_path / f"nginx{len(started)}"
        folder.mkdir()
        started.append(Nginx(folder, pairs["p256"], upstream, dict(changes), login))
        return started[-1]

    yield launch
    for one in started:
        one.stop()


@pytest.fixture
def behind(start, nginx):
    """behind(*flags, changes={}) -> (server, nginx in front of it)."""

    def launch(*flags, changes=()):
        server = start(f"-http.base-path={BASE}", "-http.trusted-proxies=127.0.0.1", *flags)
        return server, nginx(f"127.0.0.1:{server.port}", changes)

    return launch


@pytest.fixture
def ask(curl, root_ca):
    """ask(nginx, path, *arguments, http="--http2") -> (status, body)"""

    def run(front, path, *arguments, http="--http2"):
        out = curl(http, "--cacert", root_ca.cert, "-w", "\n%{http_code} %{http_version}", *arguments, front.url + path)
        body, _, end = out.rpartition(b"\n")
        status, version = end.decode().split()
        assert version == {"--http2": "2", "--http1.1": "1.1"}[http]
        return int(status), body

    return run


@pytest.fixture
def push(ask, tmp_path):
    def run(front, body, *arguments, service="shop", **how):
        (tmp_path / "body").write_bytes(body)
        target = PREFIX + query(service=service, type="cpu", labels="host=web-1,a=b%2Bc")
        return ask(front, target, "--data-binary", "@body", *arguments, **how)

    return run


def pushed(answer):
    status, body = answer
    assert status == 200, body
    return json.loads(body)["body"]["id"]


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_everything_works_through_nginx(behind, push, ask, go_profiles, http):
    server, front = behind()
    first = pushed(push(front, go_profiles["cpu"], http=http))
    second = pushed(push(front, go_profiles["cpu"], http=http))
    window = query(service="shop", type="cpu", from_="1970-01-01T00:00:00", to="2200-01-01T00:00:00")
    status, found = ask(front, PREFIX + window, http=http)
    assert [one["id"] for one in json.loads(found)["body"]] == [first, second]
    status, one = ask(front, f"{PREFIX}/{first}", http=http)
    assert (status, differences(parse(go_profiles["cpu"]), parse(one))) == (200, [])
    status, both = ask(front, f"{PREFIX}/{first}+{second}", http=http)  # the + must get through
    assert (status, len(parse(both).samples) > 0) == (200, True)
    status, merged = ask(front, f"{PREFIX}/merge" + window, http=http)
    assert (status, differences(parse(both), parse(merged))) == (200, [])
    assert ask(front, f"{PREFIX}/absent-one", http=http)[0] == 400
    assert ask(front, f"{BASE}/", http=http)[0] == 200
    assert ask(front, "/elsewhere", http=http)[0] == 404


def test_pprof_reads_through_nginx(behind, push, go_profiles, root_ca, tmp_path):
    _, front = behind()
    pushed(push(front, go_profiles["cpu"]))
    window = query(service="shop", type="cpu", from_="1970-01-01T00:00:00", to="2200-01-01T00:00:00")
    done = subprocess.run(
        ["go", "tool", "pprof", "-top", "-symbolize=none", f"{front.url}{PREFIX}/merge{window}"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env={**tool_environment(tmp_path), "SSL_CERT_FILE": str(root_ca.cert)},
    )  # fmt: skip
    assert done.returncode == 0 and "flat%" in done.stdout, done.stderr


def test_connections_to_the_server_are_kept(behind, push):
    server, front = behind()
    body = encode(small())
    for _ in range(20):
        pushed(push(front, body))
    accepted = server.metrics()["profefe_http_connections_accepted_total"]
    assert accepted < 10, "nginx made a connection for every push"


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_the_access_log_has_the_client(behind, push, start, nginx, http):
    server, front = behind()
    body = encode(small())
    pushed(push(front, body, "--interface", "127.0.0.7", http=http))
    pushed(push(front, body, "--interface", "127.0.0.7", "-H", "X-Forwarded-For: 1.2.3.4", http=http))
    stranger = start(f"-http.base-path={BASE}")
    pushed(push(nginx(f"127.0.0.1:{stranger.port}"), body, "--interface", "127.0.0.7", http=http))
    for one, address, n in ((server, "127.0.0.7", 2), (stranger, "127.0.0.1", 1)):
        wait_for(lambda: len(one.access_lines()) >= n, "the access lines")
        assert [re.search(r" ip=(\S+)", line)[1] for line in one.access_lines()] == [address] * n


def test_refusals_come_through(behind, push):
    """Those of the server, as JSON; nginx has a page of its own for what it refuses itself."""
    body = random.Random(1).randbytes(300_000)
    server, front = behind("-http.max-body-size=100000")
    for sizes in ((100_001, 413), (100_000, 400)):
        status, said = push(front, body[: sizes[0]])
        assert status == sizes[1] == json.loads(said)["code"]
    full, front = behind("-local.min-free=1000000GiB")
    status, said = push(front, encode(small()), "-D", "head")
    assert (status, json.loads(said)["code"]) == (503, 503)
    assert "retry-after: 1" in (front.folder.parent / "head").read_text()
    _, small_front = behind(changes={"client_max_body_size 64m": "client_max_body_size 1k"})
    status, said = push(small_front, body)
    assert status == 413 and b"nginx" in said


def test_a_query_over_its_time_is_the_servers_504(behind, ask, push):
    server, front = behind("-query.timeout=1ms")
    for n in range(10):
        pushed(push(front, gzip.compress(encode(bulky(n, size=400_000)), 1)))
    window = query(service="shop", type="cpu", from_="1970-01-01T00:00:00", to="2200-01-01T00:00:00")
    status, said = wait_for(
        lambda: (lambda got: got if got[0] != 200 else None)(ask(front, f"{PREFIX}/merge" + window)), "a merge takes too long"
    )
    assert (status, json.loads(said)["code"]) == (504, 504)


def test_a_server_that_hangs_is_a_504(behind, push):
    server, front = behind(changes={"proxy_read_timeout 75s": "proxy_read_timeout 1s"})
    body = encode(small())
    pushed(push(front, body))
    server.process.send_signal(signal.SIGSTOP)
    try:
        assert push(front, body)[0] == 504
    finally:
        server.process.send_signal(signal.SIGCONT)
    wait_for(lambda: push(front, body)[0] == 200, "it is served again")


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
@pytest.mark.parametrize("buffered", [True, False])
def test_large_bodies_both_ways(behind, push, ask, http, buffered):
    changes = {} if buffered else {"client_max_body_size 64m;": "client_max_body_size 64m; proxy_request_buffering off; proxy_buffering off;"}
    _, front = behind(changes=changes)
    profile = bulky(1, size=20_000_000)
    one = pushed(push(front, gzip.compress(encode(profile), 1), http=http))
    status, body = ask(front, f"{PREFIX}/{one}", http=http)
    assert (status, differences(profile, parse(body))) == (200, [])


def found(server, service="shop"):
    return len(server.find(service=service).result)


def test_idle_connections_that_the_server_closes_cost_no_push(behind, push):
    """Each push finds the kept connection closed, or just being closed: then nginx may say 502, and nothing is stored."""
    server, front = behind("-http.idle-timeout=50ms")
    body = encode(small())
    statuses = []
    for n in range(15):
        statuses.append(push(front, body)[0])
        if n % 3:
            wait_for(lambda: server.metrics()["profefe_http_connections"] == 1, "only the one that asks is left")
    assert set(statuses) <= {200, 502}
    assert found(server) == statuses.count(200) >= 10


class Upstream:
    """Answers the first request of each connection, and closes at the next one, as a server does whose idle timeout has just
    come."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None):
            request = b""
            while b"\r\n\r\n" not in request or not request.endswith(b"END") and request.startswith(b"POST"):
                piece = connection.recv(1 << 16)
                if not piece:
                    break
                request += piece
            if request:
                self.requests.append(request.split(b" ")[0].decode())
            if answer:
                connection.sendall(answer)
        connection.close()


def test_nginx_does_not_send_a_push_twice(nginx, ask, push):
    """What docs/operations.md says of it: the client gets a 502 and has to decide. A GET is sent again."""
    upstream = Upstream()
    front = nginx(f"127.0.0.1:{upstream.port}")
    assert push(front, b"oneEND")[0] == 200
    assert push(front, b"twoEND")[0] == 502
    assert upstream.requests == ["POST", "POST"]
    assert ask(front, PREFIX)[0] == 200  # on a connection of its own
    assert ask(front, PREFIX)[0] == 200  # on that one, which is closed, and then on a new one
    assert upstream.requests[2:] == ["GET", "GET", "GET"]
    upstream.listener.close()


def test_over_a_unix_socket(start, nginx, push, tmp_path):
    path = tmp_path / "http.sock"
    server = start(f"-addr=unix:{path}", f"-http.base-path={BASE}", "-http.trusted-proxies=unix")
    front = nginx(f"unix:{path}")
    for _ in range(5):
        pushed(push(front, encode(small()), "--interface", "127.0.0.7"))
    assert found(server) == 5
    wait_for(lambda: len(server.access_lines()) >= 5, "the access lines")
    assert " ip=127.0.0.7 " in server.access_lines()[0]
    untrusting = start(f"-addr=unix:{path}.2", f"-http.base-path={BASE}")
    pushed(push(nginx(f"unix:{path}.2"), encode(small())))
    wait_for(untrusting.access_lines, "the access line")
    assert " ip=unix " in untrusting.access_lines()[0]


def test_nginx_speaks_tls_to_the_server(start_tls, nginx, pairs, root_ca, push):
    server = start_tls(pairs["p256"], f"-http.base-path={BASE}")
    front = nginx(
        f"127.0.0.1:{server.port}",
        {
            "proxy_pass http://profefe;": "proxy_pass https://profefe; proxy_ssl_verify on; proxy_ssl_name localhost;"
            f" proxy_ssl_trusted_certificate {root_ca.cert}; proxy_ssl_verify_depth 3;"
        },
    )
    for _ in range(5):
        pushed(push(front, encode(small())))
    assert found(server) == 5


def test_a_restart_behind_nginx(behind, push):
    """The kept connections are closed in order; the next push finds the new server."""
    server, front = behind()
    pushed(push(front, encode(small())))
    server.address = f"127.0.0.1:{server.port}"
    server.restart()
    pushed(push(front, encode(small())))
    assert found(server) == 2


# --- names, TLS, and who somebody is ----------------------------------------------------------------------------------


def test_the_flags_of_the_example(start, nginx, ask):
    """On loopback the server wants to know by which name it is called, and so the example says it."""
    (line,) = re.findall(r"^nginx, with `(.*)`:$", (ROOT / "docs/operations.md").read_text(), re.M)
    flags = line.split()
    assert flags.pop(0) == "-addr=127.0.0.1:10100"
    front = nginx(f"127.0.0.1:{start(*flags).port}")
    nameless = nginx(f"127.0.0.1:{start(*flags[:-1]).port}")
    assert flags[-1] == "-http.hosts=tools.example"
    for http in ("--http1.1", "--http2"):
        assert ask(front, f"{BASE}/", "-H", "Host: tools.example", http=http)[0] == 200
        for one, host in ((front, "evil.example"), (nameless, "tools.example")):
            status, said = ask(one, f"{BASE}/api/0/services", "-H", f"Host: {host}", http=http)
            assert (status, json.loads(said)["kind"]) == (421, "misdirected")


def signed_in(ask, front, token, http="--http2"):
    """The attributes of the cookie."""
    bearer = ("-H", f"Authorization: Bearer {token.secret}")
    status, _ = ask(front, f"{BASE}/api/0/session", "-X", "POST", *bearer, "-D", "head", http=http)
    assert status == 200
    (cookie,) = re.findall(r"^set-cookie: profefe_session=(.*)$", (front.folder.parent / "head").read_text(), re.M | re.I)
    return cookie.split("; ")[1:]


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_a_session_behind_tls_of_nginx_is_secure(behind, start, nginx, ask, tmp_path, http):
    token = Token("me", ("query",))
    file = AuthFile(tmp_path, token)
    server, front = behind(file.flag)
    attributes = ["Path=/profefe", "Max-Age=604800", "HttpOnly", "SameSite=Lax"]
    assert signed_in(ask, front, token, http) == [*attributes, "Secure"]
    silent = nginx(f"127.0.0.1:{server.port}", {"proxy_set_header X-Forwarded-Proto $scheme;": ""})
    assert signed_in(ask, silent, token, http) == attributes
    stranger = start(f"-http.base-path={BASE}", file.flag)  # to which nginx is anybody
    assert signed_in(ask, nginx(f"127.0.0.1:{stranger.port}"), token, http) == attributes


class Login(ThreadingHTTPServer):
    """Whom nginx asks, as oauth2-proxy answers: 202 and a name for a right cookie, else 401. It reads the body that it is told of."""

    def __init__(self):
        self.user, self.asked = "ann@example.org", []
        super().__init__(("127.0.0.1", 0), self.Asked)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.server.asked.append(self.path)
            known = "sso=right" in (self.headers.get("Cookie") or "").split("; ")
            self.send_response(202 if known else 401)
            if known and self.server.user:
                self.send_header("X-Auth-Request-User", self.server.user)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass


@pytest.fixture
def login():
    one = Login()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture
def single_sign_on(start, nginx, login, tmp_path):
    """(server, nginx that asks `login`, a token that may push, one that may all)"""
    agent, root = Token("agent", ("push",)), Token("root", ("admin",))
    proxied = next(
        block for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/operations.md").read_text(), re.M | re.S) if block.startswith("proxy_login")
    )
    flags = AuthFile(tmp_path, agent, root, more=proxied).flag, f"-http.base-path={BASE}", "-http.trusted-proxies=127.0.0.1"
    server = start(*flags)
    return server, nginx(f"127.0.0.1:{server.port}", login=login.server_port), agent, root


KNOWN = ("-H", "Cookie: a=b; sso=right")
AGENTS = "/profefe-agents"
SESSION, SERVICES = "/api/0/session", "/api/0/services"


def who(answer):
    status, said = answer
    assert status == 200, answer
    return json.loads(said)["body"]["name"]


def bearer(token):
    return "-H", f"Authorization: Bearer {token.secret}"


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_who_is_logged_in_at_nginx_may_what_the_file_says(single_sign_on, ask, push, login, http):
    server, front, agent, _ = single_sign_on
    status, said = ask(front, BASE + SESSION, *KNOWN, http=http)
    assert json.loads(said)["body"] == {"name": "ann@example.org", "rights": ["query"], "signed_in": False, "required": True}
    assert ask(front, BASE + SERVICES, *KNOWN, http=http)[0] == 404
    status, said = push(front, encode(small()), *KNOWN, http=http)  # with a body, which whom nginx asks never gets
    assert status == 403 and "lacks the right push" in json.loads(said)["error"]
    assert ask(front, BASE + "/metrics", *KNOWN, http=http)[0] == 403
    login.user = "bob"
    assert who(ask(front, BASE + SESSION, *KNOWN, http=http)) == "bob"
    wait_for(lambda: len(server.access_lines()) == 5, "the access lines")
    names = ["login:ann@example.org"] * 4 + ["login:bob"]  # not to be taken for a token of that name
    assert [line.rpartition(" who=")[2] for line in server.access_lines()] == names
    assert len(login.asked) == 5


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_who_is_not_logged_in_gets_no_further_than_nginx(single_sign_on, ask, push, http):
    server, front, _, root = single_sign_on
    for more in ((), ("-H", "Cookie: sso=wrong"), ("-H", "X-Forwarded-User: ann@example.org"), ("-H", "X-Auth-Request-User: ann"), bearer(root)):
        for path in (SESSION, SERVICES, "/", "/healthz"):
            status, said = ask(front, BASE + path, *more, http=http)
            assert status == 401 and b"nginx" in said, (more, path)
        assert push(front, encode(small()), *more, http=http)[0] == 401
    assert ask(front, "/oauth2/auth", *KNOWN, http=http)[0] == 404  # internal
    who(ask(front, BASE + SESSION, *KNOWN, http=http))
    wait_for(server.access_lines, "an access line")
    assert len(server.access_lines()) == 1  # the rest never came


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_what_a_client_says_of_itself_is_not_believed(single_sign_on, ask, login, http):
    """nginx puts its own word in the header's place, or nothing."""
    _, front, agent, _ = single_sign_on
    for name in ("X-Forwarded-User", "x-forwarded-user", "X_Forwarded_User", "X-Auth-Request-User"):
        lie = ("-H", f"{name}: root", "-H", f"{name}: eve")
        assert who(ask(front, BASE + SESSION, *KNOWN, *lie, http=http)) == "ann@example.org", name
        assert ask(front, AGENTS + SERVICES, *KNOWN, *lie, http=http)[0] == 401, name
        assert who(ask(front, AGENTS + SESSION, *KNOWN, *lie, http=http)) == "", name
        assert who(ask(front, AGENTS + SESSION, *bearer(agent), *lie, http=http)) == "agent", name
    login.user = ""  # it knows them, and has no name for them
    assert ask(front, BASE + SERVICES, *KNOWN, "-H", "X-Forwarded-User: eve", http=http)[0] == 401


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_agents_pass_with_tokens(single_sign_on, ask, login, tmp_path, http):
    server, front, agent, root = single_sign_on
    (tmp_path / "body").write_bytes(encode(small()))
    target = AGENTS + "/api/0/profiles" + query(service="shop", type="cpu", labels="host=web-1,a=b%2Bc")
    for way in (bearer(agent), ("-u", f"me:{agent.secret}")):
        pushed(ask(front, target, "--data-binary", "@body", *way, http=http))
    status, said = ask(front, target, "--data-binary", "@body", "-H", f"Authorization: Bearer {'x' * 20}", http=http)
    assert (status, json.loads(said)["kind"]) == (401, "unauthenticated")
    assert ask(front, AGENTS + SERVICES, *bearer(agent), http=http)[0] == 403
    assert login.asked == []
    # a token counts more than nginx's word
    assert who(ask(front, BASE + SESSION, *KNOWN, *bearer(root), http=http)) == "root"
    assert who(ask(front, BASE + SESSION, *KNOWN, http=http)) == "ann@example.org"
    status, found = ask(front, PREFIX + query(service="shop", from_="0", to="now"), *KNOWN, http=http)
    assert (status, len(json.loads(found)["body"])) == (200, 2)


def test_pprof_passes_with_a_token(single_sign_on, ask, go_profiles, root_ca, tmp_path):
    """It posts to symbolz beside what it reads, and ids joined by + must get through."""
    _, front, _, root = single_sign_on
    (tmp_path / "body").write_bytes(go_profiles["cpu"])
    target = AGENTS + "/api/0/profiles" + query(service="shop", type="cpu")
    ids = [pushed(ask(front, target, "--data-binary", "@body", *bearer(root))) for _ in range(2)]
    done = subprocess.run(
        ["go", "tool", "pprof", "-top", f"https://me:{root.secret}@localhost:{front.port}{AGENTS}/api/0/profiles/{'+'.join(ids)}"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env={**tool_environment(tmp_path), "SSL_CERT_FILE": str(root_ca.cert)},
    )  # fmt: skip
    assert done.returncode == 0 and "flat%" in done.stdout, done.stderr


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_another_sites_page_is_refused_behind_nginx(behind, single_sign_on, ask, push, tmp_path, http):
    """nginx passes on what the browser says; the page's own origin has nginx's scheme and port, which Host has not."""
    body = encode(small())
    open_, front = behind()
    pages = {"https://evil.example": 403, f"https://localhost:{front.port}": 200}
    for origin, status in pages.items():
        assert push(front, body, "-H", f"Origin: {origin}", http=http)[0] == status
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert push(front, body, "-H", f"Sec-Fetch-Site: {site}", http=http)[0] == status
    assert found(open_) == 2
    _, front, _, root = single_sign_on  # with the cookie of the login, too
    for way in (KNOWN, bearer(root)):
        for page in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
            assert ask(front, BASE + SERVICES, *KNOWN, *way, "-H", page, http=http)[0] == 403
            assert push(front, body, *KNOWN, *way, "-H", page, http=http)[0] == 403
    assert ask(front, BASE + SERVICES, *bearer(root), *KNOWN, http=http)[0] == 404
