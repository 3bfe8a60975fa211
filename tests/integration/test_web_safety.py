"""What a page of another site may have a browser do here: next to nothing (src/server/access/origin.h).

The requests are those that browsers send; web/test/e2e/safety.test.ts has a real one send them. Every test runs against
a server that is open to all and against one with an auth file; there each request brings a right token, so that nothing
but what is tested here can refuse it.
"""
# variants: release, asan

import base64
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass

import http2
import pytest
from access import AuthFile, Token
from builders import small
from namespaces import FAR, NEAR, Network, inside
from pprof_wire import encode
from raw_http import exchange, read_all
from server import PATIENCE, Server, query, wait_for

BODY = encode(small())
PUSH = "/api/0/profiles" + query(service="stolen", type="cpu")
LIST = "/api/0/services"
EVIL = "https://evil.example"
GRAFANA = "https://grafana.example"
ROOT = Token("root", ("admin",))


@dataclass
class Reply:
    """An answer with each line of its headers."""

    status: int
    lines: list
    body: bytes

    def all(self, name):
        return [value for key, value in self.lines if key == name]

    def one(self, name):
        """The value of a header that comes at most once."""
        values = self.all(name)
        assert len(values) <= 1, self
        return values[0] if values else None

    @property
    def cors(self):
        return {key.removeprefix("access-control-"): value for key, value in self.lines if key.startswith("access-control-")}


def parse(response):
    head, found, body = response.partition(b"\r\n\r\n")
    assert found, response
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    return Reply(int(first.split(" ")[1]), pairs, body)


def written(method, target, headers, body=None):
    """headers: {name: value, or a list of the values of several lines}; with `Host: None` there is none."""
    lines = [f"{method} {target} HTTP/1.1", "Connection: close"]
    for name, values in {"Host": "localhost", "Accept": "*/*", **headers}.items():
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if value is not None:
                lines.append(f"{name}: {value}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def ask(server, method, target, headers=None, body=None):
    return parse(exchange(server, written(method, target, headers or {}, body)))


class Site:
    """A server, and what its operator's clients send to be let in."""

    def __init__(self, server, headers):
        self.server, self.headers = server, headers

    def ask(self, method, target, headers=None, body=None):
        return ask(self.server, method, target, {**self.headers, **(headers or {})}, body)

    def push(self, headers=None):
        return self.ask("POST", PUSH, headers, BODY)

    def services(self):
        """What is stored, as its operator sees it."""
        reply = self.ask("GET", LIST)
        assert reply.status in (200, 404), reply
        return re.findall(rb'"([^"]+)"', reply.body.partition(b'"body":')[2]) if reply.status == 200 else []

    def found(self):
        return self.ask("GET", "/api/0/profiles" + query(service="stolen", from_="0", to="now")).status


def refused(reply, kind, *words):
    """The answer is of that kind, and its message has these words."""
    assert reply.status == {"misdirected": 421, "forbidden": 403}[kind], reply
    assert f'"kind":"{kind}"'.encode() in reply.body or reply.one("content-type").startswith("text/plain"), reply
    for word in words:
        assert word.encode() in reply.body, reply


@pytest.fixture(params=["open", "guarded"])
def launch(request, start, tmp_path):
    """launch(*flags) -> a running Site, with and without an auth file."""

    def run(*flags, **how):
        if request.param == "open":
            return Site(start(*flags, **how), {})
        return Site(start(AuthFile(tmp_path, ROOT).flag, *flags, **how), ROOT.bearer)

    return run


@pytest.fixture(scope="module", params=["open", "guarded"])
def site(request, tmp_path_factory):
    """One without flags, for tests that store nothing."""
    directory = tmp_path_factory.mktemp(request.param)
    guard = [AuthFile(directory, ROOT).flag] if request.param == "guarded" else []
    server = Server(directory, *guard).start()
    yield Site(server, ROOT.bearer if guard else {})
    server.stop()


# --- whose name it is: DNS rebinding ----------------------------------------------------------------------------

FOREIGN = ["evil.example", "evil.example:10100", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "127.0.0.1.nip.io",
           "local", "profefe", "0x7f.1.example", "xn--lcalhost-n1a"]  # fmt: skip
OWN = ["localhost", "LocalHost:10100", "localhost.", "a.localhost", "a.b.localhost:1", "127.0.0.1", "127.0.0.1:10100", "127.8.9.10", "[::1]",
       "[::1]:10100", "10.1.2.3", "[2001:db8::1]:80", "", None]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_name_on_loopback_is_misdirected(site, host):
    for method, target in (("GET", LIST), ("HEAD", LIST), ("GET", "/"), ("GET", "/healthz"), ("GET", "/none"), ("OPTIONS", LIST)):
        reply = site.ask(method, target, {"Host": host})
        assert reply.status == 421, (method, target)
    refused(site.ask("GET", LIST, {"Host": host}), "misdirected", f'this server is not \\"{host}\\"', "-http.hosts")
    refused(site.push({"Host": host}), "misdirected", host, "-http.hosts")
    assert site.services() == [] and site.found() == 404


def test_its_page_would_be_no_other_sites(site):
    """What the browser says of a rebound page: it asks its own server. The name alone tells."""
    own = {"Host": "evil.example:10100", "Origin": "http://evil.example:10100", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    refused(site.push(own), "misdirected", "evil.example:10100")
    refused(site.ask("GET", LIST, own), "misdirected")
    assert site.services() == []


@pytest.mark.parametrize("host", OWN)
def test_its_own_names_and_addresses_pass(site, host):
    reply = site.ask("GET", LIST, {"Host": host})
    assert reply.status == (404 if host is not None else 400), reply  # HTTP/1.1 needs one; nothing is stored


def test_http_1_0_without_a_host_passes(site):
    lines = "".join(f"{name}: {value}\r\n" for name, value in site.headers.items())
    assert parse(exchange(site.server, f"GET {LIST} HTTP/1.0\r\n{lines}\r\n".encode())).status == 404


def test_the_error_is_of_the_routes_form(site):
    own = {"Host": "evil.example"}
    merge = "/api/0/profiles/merge" + query(service="a", type="cpu", from_="0", to="now")
    for target in (merge, "/healthz", "/"):
        reply = site.ask("GET", target, {**own, "Accept": None})
        assert (reply.status, reply.one("content-type")) == (421, "text/plain; charset=utf-8"), target
        assert b"-http.hosts" in reply.body
    assert site.ask("GET", merge, own).one("content-type") == "application/json"


def test_the_absolute_form_names_the_host(site):
    """A server must take the target's host and not the header's (RFC 9112, 3.2.2)."""
    for target_host, header, status in (
        ("evil.example", "localhost", 421), ("localhost", "evil.example", 404), ("evil.example:80", "127.0.0.1", 421), ("127.0.0.1", "a.localhost", 404),
    ):  # fmt: skip
        reply = site.ask("GET", f"http://{target_host}{LIST}", {"Host": header})
        assert reply.status == status, (target_host, header, reply)


def test_several_hosts_are_none(site):
    assert site.ask("GET", LIST, {"Host": ["localhost", "localhost"]}).status == 400
    assert site.push({"Host": ["localhost", "evil.example"]}).status == 400
    assert site.services() == []


def h2_ask(site, method, authority, body=None, headers=()):
    with http2.Client(f"127.0.0.1:{site.server.port}") as client:
        fields = [(":method", method), (":scheme", "http"), (":path", PUSH if body else LIST)]
        fields += [(":authority", authority)] if authority is not None else []
        fields += [(name.lower(), value) for name, value in {**site.headers, **dict(headers)}.items()]
        stream = client.open(fields, end=body is None)
        if body:
            client.data(stream, body, end=True)
        return client.answer(stream)


def test_http2_names_the_host_by_authority(site):
    for authority, status in (("evil.example", 421), ("evil.example:443", 421), ("a.localhost:1", 404), ("127.0.0.1", 404), ("[::1]:9", 404)):
        answer = h2_ask(site, "GET", authority)
        assert answer.status == status, authority
    answer = h2_ask(site, "GET", "evil.example")
    assert answer.json()["kind"] == "misdirected" and 'not "evil.example" (-http.hosts' in answer.json()["error"]
    assert h2_ask(site, "GET", None, headers=[("host", "evil.example")]).status == 421
    answer = h2_ask(site, "POST", "evil.example", BODY)
    assert answer.status == 421 and site.services() == []


def test_the_names_of_the_flag_pass(launch):
    site = launch("-http.hosts=profefe.example, *.lan")
    for host in ("profefe.example", "PROFEFE.example.", "profefe.example:8443", "a.lan", "b.a.lan:1", "localhost", "127.0.0.1"):
        assert site.ask("GET", LIST, {"Host": host}).status == 404, host
    for host in ("lan", "evil.example", "xprofefe.example", "a.profefe.example", "profefe.example.evil.example", "a.lan.evil"):
        refused(site.ask("GET", LIST, {"Host": host}), "misdirected", host)
    assert h2_ask(site, "GET", "a.lan").status == 404 and h2_ask(site, "GET", "lan").status == 421


@pytest.mark.parametrize("address", ["[::1]:0", "127.0.0.2:0", ":0", "0.0.0.0:0"])
def test_every_loopback_address_is_one(launch, address):
    """Also where the server listens on all addresses, and IPv4 arrives at an IPv6 socket."""
    if address in ("[::1]:0", ":0"):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("THERE IS NO IPV6 HERE")
    site = launch(address=address)
    peers = {"[::1]:0": ["::1"], "127.0.0.2:0": ["127.0.0.2"], ":0": ["127.0.0.1", "::1"], "0.0.0.0:0": ["127.0.0.1", "127.3.2.1"]}
    for peer in peers[address]:
        site.server.host = peer
        refused(site.ask("GET", LIST, {"Host": "evil.example"}), "misdirected")
        assert site.ask("GET", LIST).status == 404


@contextmanager
def by_socket(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(path))
    yield connection
    connection.close()


def test_a_socket_of_unix_is_no_loopback(launch, tmp_path):
    """A browser can't be led to one; a proxy that forgets -http.hosts works."""
    def ask_at(path, headers):
        with by_socket(path) as connection:
            connection.sendall(written("GET", LIST, headers))
            return parse(read_all(connection))

    any_name, named = (launch(f"-addr=unix:{tmp_path}/{n}.sock", *flags) for n, flags in enumerate(((), ("-http.hosts=profefe.example",))))
    at = lambda n, host: ask_at(tmp_path / f"{n}.sock", {**any_name.headers, "Host": host}).status
    assert [at(0, "evil.example"), at(0, "localhost")] == [404, 404]
    assert [at(1, "evil.example"), at(1, "profefe.example"), at(1, "localhost")] == [421, 404, 404]
    # the same server's loopback address knows no mercy
    refused(any_name.ask("GET", LIST, {"Host": "evil.example"}), "misdirected")
    assert named.ask("GET", LIST, {"Host": "profefe.example"}).status == 404


def test_beyond_loopback_names_count_once_they_are_set(tmp_path):
    """A team's server behind a name that its operator has not told it."""
    with Network() as network:
        for flags, status in (((), 404), (("-http.hosts=profefe.example",), 421)):
            directory = tmp_path / f"near{len(flags)}"
            directory.mkdir()
            with inside(network.near):
                server = Server(directory, *flags, address=f"{NEAR}:0").start()
            try:
                with inside(network.far):
                    connection = socket.create_connection((NEAR, server.port), PATIENCE, (f"{FAR}2", 0))
                with connection:
                    connection.sendall(written("GET", LIST, {"Host": "what.ever"}))
                    assert parse(read_all(connection)).status == status, flags
            finally:
                server.stop()


# --- whose page asks ------------------------------------------------------------------------------------------

# What browsers say of a page of another site that writes: fetch(), a form, an old browser, a sandboxed frame, a port beside this one.
WRITES = {
    "fetch": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty", "Content-Type": "text/plain"},
    "fetch with cors": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "a form": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
               "Sec-Fetch-User": "?1", "Content-Type": "multipart/form-data; boundary=x"},
    "a form without Origin": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    "another subdomain": {"Origin": "https://evil.localhost", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    "an older browser": {"Origin": EVIL},
    "a sandboxed frame": {"Origin": "null"},
    "another port": {"Origin": "http://localhost:1", "Host": "localhost:2"},
    "another host": {"Origin": "http://127.0.0.1:2", "Host": "localhost:2"},
    "two origins": {"Origin": ["http://localhost", EVIL]},
    "two origins, the own one last": {"Origin": [EVIL, "http://localhost"], "Sec-Fetch-Site": "same-origin"},
    "a value that is none": {"Origin": EVIL, "Sec-Fetch-Site": "same-origin, cross-site"},
    "a beacon": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Content-Type": "application/octet-stream"},
}  # fmt: skip


@pytest.mark.parametrize("what", WRITES)
def test_another_sites_page_stores_nothing(site, what):
    reply = site.push(WRITES[what])
    refused(reply, "forbidden")
    assert reply.cors == {}
    assert site.services() == [] and site.found() == 404
    for method in ("POST", "DELETE"):
        assert site.ask(method, "/api/0/session", WRITES[what], b"" if method == "POST" else None).status == 403
        assert site.ask(method, "/symbolz", WRITES[what], b"1" if method == "POST" else None).status == 403
    assert site.ask("PUT", "/api/0/none", WRITES[what], b"x").status == 403


def test_the_refusal_names_the_origin_and_the_flag(site):
    refused(site.push(WRITES["fetch"]), "forbidden", f'a page of \\"{EVIL}\\"', "-http.cors-origins")
    refused(site.push(WRITES["a form without Origin"]), "forbidden", "Sec-Fetch-Site: cross-site", "-http.cors-origins")
    long = site.push({"Origin": "https://" + "x" * 20_000})
    refused(long, "forbidden", "xxx")
    assert len(long.body) < 1000


def test_a_large_body_of_another_site_is_not_read(site):
    """The answer comes before it: the refusal needs the head alone."""
    request = written("POST", PUSH, {**site.headers, **WRITES["fetch"], "Content-Length": "50000000"})
    assert parse(exchange(site.server, request)).status == 403


OWN_PAGES = {
    "its own page": {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    "typed in": {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    "its own page, an older browser": {"Origin": "http://localhost:8080", "Host": "localhost:8080"},
    "its own page, behind a proxy with TLS": {"Origin": "https://localhost", "Host": "localhost"},
    "no browser": {},
}


@pytest.mark.parametrize("what", OWN_PAGES)
def test_its_own_page_and_programs_do_as_they_may(launch, what):
    site = launch()
    assert site.push(OWN_PAGES[what]).status == 200
    assert site.services() == [b"stolen"] and site.found() == 200
    assert site.ask("GET", LIST, OWN_PAGES[what]).status == 200


# What a page can have loaded without a form or a script that asks.
READS = {
    dest: {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    for dest, mode in {
        "image": "no-cors", "script": "no-cors", "style": "no-cors", "video": "no-cors", "audio": "no-cors", "track": "cors", "font": "cors",
        "iframe": "navigate", "frame": "navigate", "embed": "navigate", "object": "navigate", "empty": "cors", "worker": "same-origin",
        "websocket": "websocket", "manifest": "cors",
    }.items()
}  # fmt: skip
READS |= {
    "a frame of a subdomain": {**READS["iframe"], "Sec-Fetch-Site": "same-site"},
    "fetch() without cors": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    "fetch() of an older browser": {"Origin": EVIL},
    "a sandboxed frame's": {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
}


@pytest.mark.parametrize("what", READS)
def test_another_sites_page_reads_nothing(site, what):
    for target in (LIST, "/", "/healthz", "/metrics", "/api/0/session", "/api/0/openapi.json", "/api/0/none", "/assets/none.js"):
        for method in ("GET", "HEAD", "OPTIONS"):
            reply = site.ask(method, target, READS[what])
            assert reply.status == 403, (method, target, reply)
            assert reply.cors == {}


@pytest.mark.parametrize("from_", ["cross-site", "same-site"])
def test_a_link_may_be_followed(site, from_):
    """From a chat, or from Grafana; the page that has it never sees the answer."""
    link = {"Sec-Fetch-Site": from_, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
    for target, status in (("/", 200), ("/?service=shop&type=cpu", 200), (LIST, 404), ("/healthz", 200)):
        reply = site.ask("GET", target, link)
        assert reply.status == status and reply.cors == {}, target
    assert site.push(link).status == 403
    assert site.services() == []


# --- who is allowed -----------------------------------------------------------------------------------------------

PREFLIGHT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
LEFT_OUT = "X-Request-Id, X-Profefe-Left-Out, X-Go-Pprof, Retry-After, ETag, Location"


def preflight(site, origin, method="POST", target=PUSH, **more):
    """As a browser sends it, without a token."""
    headers = {**PREFLIGHT, "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    return ask(site.server, "OPTIONS", target, {**headers, **more})


def test_a_preflight_of_an_allowed_origin(launch):
    site = launch(f"-http.cors-origins={GRAFANA}, http://localhost:3000")
    for origin in (GRAFANA, "http://localhost:3000"):
        for target in (PUSH, LIST, "/metrics", "/api/0/none"):
            reply = preflight(site, origin, target=target)
            assert (reply.status, reply.body, reply.all("vary")) == (204, b"", ["Origin"]), reply
            assert reply.cors == {
                "allow-origin": origin,
                "allow-credentials": "true",
                "allow-methods": "GET, HEAD, POST, DELETE",
                "allow-headers": "Authorization, Content-Type, Content-Encoding, Idempotency-Key, X-Request-Id",
                "max-age": "600",
            }
            assert "content-length" not in dict(reply.lines)  # RFC 9110, 8.6


def test_a_preflight_of_others_is_refused(launch):
    site = launch(f"-http.cors-origins={GRAFANA}")
    others = (EVIL, "null", "http://grafana.example", GRAFANA + ":8443", GRAFANA + ".evil.example", "https://a.grafana.example", GRAFANA + "/",
              [GRAFANA, EVIL], [GRAFANA, GRAFANA])  # fmt: skip
    for origin in others:
        reply = preflight(site, origin)
        refused(reply, "forbidden")
        assert reply.cors == {}, reply
        assert reply.all("vary") == ["Origin"], reply
    reply = preflight(site, GRAFANA, Host="evil.example")  # the name comes first
    assert reply.status == 421


def test_without_the_flag_no_preflight_passes(site):
    for origin in (EVIL, GRAFANA, "null", "http://localhost"):
        reply = preflight(site, origin)
        refused(reply, "forbidden")
        assert reply.cors == {} and reply.all("vary") == []


def test_an_allowed_origin_writes_and_reads(launch):
    site = launch(f"-http.cors-origins={GRAFANA}")
    page = {"Origin": GRAFANA, **PREFLIGHT}
    told = {"allow-origin": GRAFANA, "allow-credentials": "true", "expose-headers": LEFT_OUT}
    for reply, status in (
        (site.push(page), 200), (site.ask("GET", LIST, page), 200), (site.ask("GET", LIST, {"Origin": GRAFANA}), 200),
        (site.ask("GET", "/api/0/none", page), 404), (site.ask("PUT", LIST, page, b""), 405), (site.ask("POST", PUSH, page, b"x"), 400),
        (site.ask("GET", "/api/0/profiles?service=stolen&from=never&to=now", page), 400),
    ):  # fmt: skip
        assert (reply.status, reply.cors) == (status, told), reply
        assert "Origin" in reply.all("vary"), reply
    for page in ({"Origin": EVIL, **PREFLIGHT}, {"Origin": [GRAFANA, EVIL]}):
        assert site.push(page).status == site.ask("GET", LIST, page).status == 403
    assert site.ask("GET", "/api/0/profiles" + query(service="stolen", from_="0", to="now")).body.count(b'"id"') == 1


def test_every_answer_varies_with_the_origin(launch):
    """A cache must not give one origin what was answered to another: also what has no Origin, is refused or compressed."""
    site = launch(f"-http.cors-origins={GRAFANA}")
    for headers in ({}, {"Origin": EVIL}, {"Host": "evil.example"}, {"Accept-Encoding": "gzip"}, {"Origin": GRAFANA, "Accept-Encoding": "gzip"}):
        for target in ("/", LIST, "/none", "/api/0/openapi.json", "/healthz"):
            reply = site.ask("GET", target, headers)
            varies = re.split(r",\s*", ", ".join(reply.all("vary")))
            assert "Origin" in varies, (headers, target, reply)
            if reply.one("content-encoding"):
                assert "Accept-Encoding" in varies, reply


def test_an_allowed_page_can_read_why_it_is_not_let_in(start, tmp_path):
    token = Token("mine", ("query",), services=("shop",))
    server = start(AuthFile(tmp_path, token).flag, f"-http.cors-origins={GRAFANA}")
    page = {"Origin": GRAFANA, **PREFLIGHT}
    for headers, target, status in (
        ({}, LIST, 401), ({"Authorization": "Bearer " + "x" * 20}, LIST, 401), (token.bearer, "/metrics", 403), (token.bearer, LIST, 404),
        (token.bearer, "/api/0/none", 404),
    ):  # fmt: skip
        reply = ask(server, "GET", target, {**page, **headers})
        assert reply.status == status and reply.cors["allow-origin"] == GRAFANA, reply


def basic(secret):
    return {"Authorization": "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()}


def session_of(server, token):
    reply = ask(server, "POST", "/api/0/session", token.bearer, b"")
    assert reply.status == 200, reply
    return {"Cookie": reply.one("set-cookie").partition(";")[0]}


def test_what_the_browser_adds_is_nobodys_word_where_all_may_ask(start, tmp_path):
    """`*`: a page of anybody's may ask, with a token that it has; with what the browser knows of the user it may not."""
    server = start(AuthFile(tmp_path, ROOT, more="proxy_login:\n  user_header: X-Forwarded-User\n  rights: [query]\n").flag,
                   "-http.cors-origins=*", "-http.trusted-proxies=127.0.0.1")  # fmt: skip
    page = {"Origin": EVIL, **PREFLIGHT}
    added = {"cookie": session_of(server, ROOT), "basic": basic(ROOT.secret), "a proxy's login": {"X-Forwarded-User": "ann"}}
    for what, headers in added.items():
        assert ask(server, "GET", LIST, headers).status == 404, what  # it is right
        for origin in (EVIL, "null", "http://localhost:1"):
            reply = ask(server, "GET", LIST, {**page, "Origin": origin, **headers})
            assert reply.status == 401 and reply.cors["allow-origin"] == "*", (what, reply)
            assert ask(server, "POST", PUSH, {**page, "Origin": origin, **headers}, BODY).status == 401, what
        session = ask(server, "GET", "/api/0/session", {**page, **headers})
        assert b'"signed_in":false' in session.body and b'"name":""' in session.body, session
        assert session.one("set-cookie") is None
    assert ask(server, "GET", LIST, ROOT.bearer).status == 404  # nothing was stored
    token = ask(server, "GET", LIST, {**page, **ROOT.bearer})
    assert token.status == 404 and token.cors == {"allow-origin": "*", "expose-headers": LEFT_OUT}
    assert ask(server, "POST", PUSH, {**page, **ROOT.bearer}, BODY).status == 200
    assert ask(server, "GET", LIST, {**page, **ROOT.bearer, **session_of(server, ROOT)}).status == 200
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert ask(server, "GET", LIST, {**own, **session_of(server, ROOT)}).status == 200  # its own page


def test_all_may_ask_but_never_with_credentials(launch):
    site = launch("-http.cors-origins=*")
    for origin in (EVIL, "null", "http://localhost:1"):
        reply = preflight(site, origin)
        assert reply.status == 204 and reply.cors["allow-origin"] == "*" and "allow-credentials" not in reply.cors, reply
        reply = site.ask("GET", LIST, {"Origin": origin, **PREFLIGHT})
        assert reply.cors == {"allow-origin": "*", "expose-headers": LEFT_OUT}, reply
    # pages can't load what has no Origin: images, scripts, frames; nor does a form without one pass
    for what, headers in READS.items():
        if "Origin" not in headers:
            assert site.ask("GET", LIST, headers).status == 403, what
    assert site.push(WRITES["a form without Origin"]).status == 403
    assert site.push(WRITES["two origins"]).status == 403
    assert site.services() == []


def test_an_allowed_origin_comes_with_the_session(start, tmp_path):
    server = start(AuthFile(tmp_path, ROOT).flag, f"-http.cors-origins={GRAFANA}")
    cookie = session_of(server, ROOT)
    page = {"Origin": GRAFANA, **PREFLIGHT, **cookie}
    assert ask(server, "GET", LIST, page).status == 404
    assert ask(server, "POST", PUSH, page, BODY).status == 200
    assert ask(server, "GET", LIST, {**page, "Origin": EVIL}).status == 403


def test_a_session_pushes_for_no_other_site(start, tmp_path):
    """SameSite=Lax keeps the cookie out of these; a subdomain's page is of the same site, and brings it."""
    server = start(AuthFile(tmp_path, ROOT).flag)
    cookie = session_of(server, ROOT)
    for what, headers in WRITES.items():
        assert ask(server, "POST", PUSH, {**headers, **cookie}, BODY).status == 403, what
    assert ask(server, "GET", LIST, cookie).status == 404
    assert ask(server, "POST", PUSH, {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost", **cookie}, BODY).status == 200


# --- what is left of it --------------------------------------------------------------------------------------


def test_refusals_are_counted_and_audited(launch):
    site = launch(f"-http.cors-origins={GRAFANA}")
    site.push(WRITES["fetch"])
    site.push({"Host": "evil.example"})
    site.ask("GET", LIST, READS["image"])
    preflight(site, EVIL)
    preflight(site, GRAFANA)
    site.ask("GET", LIST)
    lines = wait_for(lambda: (lambda found: found if len(found) == 4 else None)(site.server.logged("audit")), "four audit lines")
    for line in lines:
        assert line["what"] == "request of another site" and line["level"] == "warn" and line["ip"] == "127.0.0.1", line
        assert line["rid"] and line["who"] == "", line  # before anybody is asked who they are
    told = [(line["result"], line["method"], line["path"]) for line in lines]
    assert told == [
        ("forbidden", "POST", "/api/0/profiles"), ("misdirected", "POST", "/api/0/profiles"), ("forbidden", "GET", LIST),
        ("forbidden", "OPTIONS", "/api/0/profiles"),
    ]  # fmt: skip
    metrics = site.ask("GET", "/metrics").body.decode()
    counted = dict(re.findall(r'^(profefe_api_requests_total\{.*"(?:403|421)"\}) (\S+)$', metrics, re.M))
    assert sum(map(float, counted.values())) == 4 and sum('"421"' in key for key in counted) == 1, counted
