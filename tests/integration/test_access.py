"""Who may do what: tokens with rights and services, and every way in which they come."""

import base64
import re
import signal
import socket
import time
import urllib.parse

import openapi
import pytest
from access import RIGHTS, AuthFile, Token
from certificates import client_context
from server import FROM, PATIENCE, TO, query, run_server, wait_for

RANGE = {"from_": FROM, "to": TO}
ID = "dc1eq3c8akc1ptfubjn0"
SHOP = query(service="shop", type="cpu", **RANGE)

# method, target, the rights of which one must be there; () is open to all. An allowed request gets another status than 401, 403.
ROUTES = [
    ("POST", "/api/0/profiles?service=shop&type=cpu", ("push",)),
    ("GET", f"/api/0/profiles{SHOP}", ("query",)),
    ("GET", f"/api/0/profiles/merge{SHOP}", ("query",)),
    ("GET", f"/api/0/profiles/merge{SHOP}&format=top", ("query",)),
    ("GET", f"/api/0/profiles/{ID}", ("query",)),
    ("GET", f"/api/0/profiles/{ID}+{ID}", ("query",)),
    ("DELETE", f"/api/0/profiles{SHOP}", ("delete",)),
    ("DELETE", f"/api/0/profiles/{ID}", ("delete",)),
    ("GET", f"/api/0/profiles/diff{SHOP}&base_from=1&base_to=2", ("query",)),
    ("GET", f"/api/0/types{SHOP}", ("query",)),
    ("GET", f"/api/0/sample_types{SHOP}", ("query",)),
    ("GET", f"/api/0/labels{SHOP}", ("query",)),
    ("GET", f"/api/0/series{SHOP}", ("query",)),
    ("GET", "/api/0/services", ("query",)),
    ("GET", "/api/0/store", ("admin",)),
    ("GET", "/metrics", ("admin",)),
    ("GET", "/debug/metrics", ("admin",)),
    ("GET", "/api/0/version", RIGHTS),
    ("GET", "/api/0/", RIGHTS),
    ("GET", "/api/0/openapi.json", RIGHTS),
    ("POST", "/symbolz", RIGHTS),
    ("POST", "/api/0/profiles/a/symbolz", RIGHTS),
    ("GET", "/symbolz", RIGHTS),
    ("GET", "/healthz", ()),
    ("GET", "/readyz", ()),
    ("GET", "/", ()),
    ("GET", "/assets/none.js", ()),
    ("GET", "/speedscope/none.js", ()),
    ("GET", "/api/0/ui/config", ()),
    ("GET", "/api/0/session", ()),
    ("DELETE", "/api/0/session", ()),
]
TOKENS = {right: Token(f"may-{right}", (right,)) for right in RIGHTS}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with a token for each right alone."""
    from server import Server

    directory = tmp_path_factory.mktemp("guarded")
    file = AuthFile(directory, *TOKENS.values())
    one = Server(directory, file.flag).start()
    yield one
    one.stop()


def refusal(answer):
    kind = {401: "unauthenticated", 403: "forbidden"}[answer.status]
    if answer.headers["content-type"] == "application/json":
        assert answer.error and answer.json["kind"] == kind
    if answer.status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="profefe"'
    return answer.status


def test_the_table_has_every_route(guarded):
    """Each path of the index, and each method that it has there."""
    index = guarded.request("GET", "/api/0/", headers=TOKENS["admin"].bearer).result

    def label(target):
        path = urllib.parse.urlsplit(target).path.rstrip("/") or "/"
        return re.sub(rf"/profiles/{ID}.*", "/profiles/__pid__", path)

    known = {(label(target), method) for method, target, _ in ROUTES}
    for route in index["routes"]:
        for method in set(route["methods"]) - {"HEAD"}:
            wanted = (route["path"], method)
            assert wanted in known or wanted == ("/api/0/session", "POST"), wanted


@pytest.mark.parametrize("method, target, rights", ROUTES, ids=[f"{m} {t[:40]}" for m, t, _ in ROUTES])
def test_each_right_against_each_route(guarded, method, target, rights):
    body = b"x" if method == "POST" else None
    for right, token in TOKENS.items():
        answer = guarded.request(method, target, body, token.bearer)
        if not rights or right in rights or right == "admin":
            assert answer.status not in (401, 403), (right, answer)
        else:
            assert refusal(answer) == 403, right
            if answer.headers["content-type"] == "application/json":
                assert answer.error == f'the token "may-{right}" lacks the right {rights[0]}'
        if method == "GET":
            assert guarded.request("HEAD", target, headers=token.bearer).status == answer.status
    answer = guarded.request(method, target, body)
    assert refusal(answer) == 401 if rights else answer.status not in (401, 403), answer


def test_the_description_tells_the_same_rights():
    """Of every method of the table, whatever it is asked for."""
    for method, target, rights in ROUTES:
        path = urllib.parse.urlsplit(target).path
        template = openapi.template_of(path)
        operation = openapi.DOCUMENT["paths"][template][method.lower()]
        told = {tuple(roles) for scheme in operation.get("security", openapi.DOCUMENT["security"]) for roles in scheme.values()}
        assert told == ({()} if rights == RIGHTS else {rights} if rights else set()), target


def test_an_unknown_path_and_method_are_no_secret(guarded):
    assert guarded.get("/api/0/nothing").status == 404
    assert guarded.request("PUT", "/api/0/services").status == 405


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_bearer_and_basic(guarded):
    secret = TOKENS["query"].secret
    status = lambda headers: guarded.request("GET", "/api/0/services", headers=headers).status
    good = [
        {"Authorization": f"Bearer {secret}"}, {"Authorization": f"bearer {secret}"}, {"Authorization": f"BEARER   {secret}"},
        basic("me", secret), basic("", secret), {"authorization": basic("a", secret)["Authorization"].replace("Basic", "bAsIc")},
    ]  # fmt: skip
    assert [status(headers) for headers in good] == [404] * len(good)  # there are no services
    bad = [
        {"Authorization": secret}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {secret}x"}, {"Authorization": f"Bearer {secret[:-1]}"},
        {"Authorization": f"Bearer {secret} {secret}"}, {"Authorization": f"Digest {secret}"}, {"Authorization": "Basic ???"},
        basic(secret, "x"), {"Authorization": f"Bearer {'x' * 5000}"}, {},
    ]  # fmt: skip
    assert [status(headers) for headers in bad] == [401] * len(bad)


def test_no_answer_and_no_log_line_has_a_secret(start, tmp_path):
    token, wrong = Token("me", ("push",)), "wrong-" + "s" * 30
    server = start(AuthFile(tmp_path, token).flag, "-log.level=debug")
    seen = b""
    for headers in (token.bearer, basic("u", token.secret), {"Authorization": f"Bearer {wrong}"}, basic(wrong, wrong)):
        for method, target, _ in ROUTES if headers in (token.bearer, basic("u", token.secret)) else ROUTES[:3]:
            answer = server.request(method, target, b"x" if method == "POST" else None, headers)
            seen += answer.body + repr(answer.headers).encode()
    server.request("POST", "/api/0/session", headers=token.bearer)
    server.stop()
    everything = seen.decode(errors="replace") + server.log_text() + server.access_path.read_text()
    assert token.secret not in everything and wrong not in everything
    for coded in (basic("u", token.secret), basic(wrong, wrong)):
        assert coded["Authorization"][6:] not in everything
    assert any(line["who"] == "me" and line["result"] == "forbidden" for line in server.logged("audit"))
    assert any(line["result"] == "unauthenticated" for line in server.logged("audit"))
    assert any(line.endswith(" who=me") for line in server.access_lines())


# --- services ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_services(start, tmp_path, go_profiles):
    """(server, token for shop-* alone, {service: id}): there are profiles of shop-web and of bank."""
    ours = Token("shop", ("push", "query"), services=("shop", "shop-*"))
    root = Token("root", ("admin",))
    server = start(AuthFile(tmp_path, ours, root).flag)
    ids = {}
    for service in ("shop-web", "bank"):
        target = "/api/0/profiles" + query(service=service, type="cpu", labels="host=a")
        ids[service] = server.request("POST", target, go_profiles["cpu"], root.bearer).result["id"]
    return server, ours, root, ids


def test_a_token_pushes_to_its_services_alone(two_services, go_profiles):
    server, ours, root, _ = two_services

    def push(service):
        target = "/api/0/profiles" + query(service=service, type="cpu")
        return server.request("POST", target, go_profiles["cpu"], ours.bearer)

    assert [push(s).status for s in ("shop", "shop-", "shop-a/b")] == [200] * 3
    for service in ("bank", "Shop", "shopping", "", "shop\u202e"):
        answer = push(service)
        assert answer.status == (403 if service else 400), service
    assert push("bank").error == 'the token "shop" is not for service "bank"' and push("bank").json["param"] == "service"
    assert server.request("GET", "/api/0/services", headers=root.bearer).result == ["bank", "shop", "shop-", "shop-a/b", "shop-web"]


def test_a_service_that_can_not_be_read_for_want_of_memory_is_not_pushed_to(start, tmp_path, go_profiles):
    """Its name is escaped, behind much else that is, and others hold just so much memory that it can't be unescaped before
    the body comes. Whatever they hold, the push is refused."""
    token, root = Token("ours", ("push",), services=("shop",)), Token("root", ("admin",))
    server = start(AuthFile(tmp_path, token, root).flag, "-memory.max-inflight=1MiB", "-http.threads=1")
    padding = "&".join(f"%61{i}=1" for i in range(3000))
    body = go_profiles["block"]
    hidden = f"POST /api/0/profiles?{padding}&service=%62ank&type=block HTTP/1.1\r\nHost: localhost\r\n"
    hidden += f"Authorization: Bearer {token.secret}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    told = set()
    for held in range(600_000, 1_000_000, 16_384):
        with socket.create_connection((server.host, server.port), timeout=PATIENCE) as holder:
            holder.sendall(f"POST /api/0/profiles?service=shop&type=trace HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nAuthorization: Bearer {token.secret}\r\nContent-Length: {held}\r\n\r\n".encode())
            holding = holder.recv(12).endswith(b"100")
            if holding:
                holder.sendall(b"x" * (held - 1))
            with socket.create_connection((server.host, server.port), timeout=PATIENCE) as asker:
                asker.sendall(hidden.encode())
                answer = asker.recv(4096)
                if answer.startswith(b"HTTP/1.1 100"):
                    holder.close()
                    wait_for(lambda: server.get("/healthz").status == 200, "its memory is free")
                    asker.sendall(body)
                    answer = asker.recv(4096)
                told.add(answer[9:12])
    assert told <= {b"403", b"503", b"413"} and b"403" in told, told
    assert server.request("GET", "/api/0/services", headers=root.bearer).status == 404


def as_seen(server, target, token):
    """What a client can tell apart; the name that it asked for is its own word."""
    answer = server.request("GET", target, headers=token.bearer)
    body = re.sub(rb'"request_id":"[^"]*"', b"", answer.body)
    for name in (b"bank", b"none"):
        body = body.replace(name, b"NAME")
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id", "content-length")}
    return answer.status, headers, body


NAMING = [
    "/api/0/profiles?service={s}&from=0&to=now",
    "/api/0/profiles?service={s}&from=0&to=now&totals=true",
    "/api/0/profiles?service={s}&from=0&to=now&limit=1&labels=host=a",
    "/api/0/profiles?service={s}&from=never&to=now",
    "/api/0/profiles/merge?service={s}&type=cpu&from=0&to=now",
    "/api/0/profiles/merge?service={s}&type=x&from=0&to=now",
    *(f"/api/0/profiles/merge?service={{s}}&type=cpu&from=0&to=now&format={f}" for f in "flamegraph top folded svg dot pgo".split()),
    "/api/0/profiles/merge?service={s}&type=cpu&from=0&to=now&format=top&sample_type=nonsense",
    "/api/0/profiles/merge?service={s}&type=cpu&from=0&to=now&focus=main",
    "/api/0/profiles/diff?service={s}&type=cpu&from=0&to=now&base_from=0",
    "/api/0/profiles/diff?service=shop-web&type=cpu&from=0&to=now&base_service={s}",
    "/api/0/profiles/diff?service={s}&type=cpu&from=0&to=now&base_service=shop-web&format=top",
    "/api/0/types?service={s}",
    "/api/0/sample_types?service={s}&type=cpu",
    "/api/0/labels?service={s}",
    "/api/0/series?service={s}&type=cpu&from=now-1h&to=now",
    "/api/0/series?service={s}&type=cpu&from=now-1h&to=now&group_by=host&function=main.main",
]


@pytest.mark.parametrize("target", NAMING)
def test_anothers_service_is_as_absent_as_one_that_never_was(two_services, target):
    server, ours, root, _ = two_services
    assert as_seen(server, target.format(s="bank"), ours) == as_seen(server, target.format(s="none"), ours)
    if "never" not in target and "type=x" not in target and "nonsense" not in target:
        assert as_seen(server, target.format(s="bank"), root)[0] == 200  # there is something to hide
        assert as_seen(server, target.format(s="shop-web"), ours)[0] == 200


BY_ID = [
    "/api/0/profiles/{i}",
    "/api/0/profiles/{i}?format=top",
    "/api/0/profiles/{o}+{i}",
    "/api/0/profiles/{i}+{i}?format=flamegraph",
    "/api/0/profiles/diff?id={i}&base_id={o}",
    "/api/0/profiles/diff?id={o}&base_id={i}",
]


@pytest.mark.parametrize("target", BY_ID)
def test_anothers_profile_is_as_absent_as_one_that_never_was(two_services, target):
    server, ours, root, ids = two_services
    absent = ids["bank"][:-4] + "0000"
    assert absent not in ids.values()
    hidden = as_seen(server, target.format(i=ids["bank"], o=ids["shop-web"]), ours)
    never = as_seen(server, target.format(i=absent, o=ids["shop-web"]), ours)
    assert hidden[0] == never[0] == 404
    assert hidden[2].replace(ids["bank"].encode(), b"ID") == never[2].replace(absent.encode(), b"ID")
    assert as_seen(server, target.format(i=ids["bank"], o=ids["shop-web"]), root)[0] == 200


def test_the_list_of_services_is_ones_own(two_services):
    server, ours, root, _ = two_services
    assert server.request("GET", "/api/0/services", headers=ours.bearer).result == ["shop-web"]
    assert server.request("GET", "/api/0/services", headers=root.bearer).result == ["bank", "shop-web"]
    assert server.request("GET", "/api/0/session", headers=ours.bearer).result["services"] == ["shop", "shop-*"]


# --- other ways in ------------------------------------------------------------------------------------------------


def cookie_of(answer):
    return re.match(r"(profefe_session=[^;]*); (.*)$", answer.headers["set-cookie"]).groups()


def test_a_browser_signs_in_and_out(start, tmp_path):
    token, other = Token("me", ("query",), services=("a",)), Token("other", ("query",))
    file = AuthFile(tmp_path, token, other)
    server = start(file.flag, "-http.base-path=/p")
    assert server.get("/api/0/session").result == {"name": "", "rights": [], "signed_in": False, "required": True}
    assert server.request("POST", "/api/0/session").status == 401
    assert server.request("POST", "/api/0/session", headers={"Authorization": "Bearer " + "x" * 20}).error == "wrong token"
    signed = server.request("POST", "/api/0/session", headers=token.bearer)
    me = {"name": "me", "rights": ["query"], "services": ["a"], "signed_in": True, "required": True}
    assert signed.result == me and signed.headers["cache-control"] == "no-store"
    cookie, attributes = cookie_of(signed)
    assert attributes == "Path=/p; Max-Age=604800; HttpOnly; SameSite=Lax" and token.secret not in cookie
    sent = {"Cookie": f"a=b; {cookie}; c=d"}
    assert server.request("GET", "/api/0/session", headers=sent).result == me
    assert server.request("GET", "/p/api/0/services", headers=sent).status == 404
    assert server.request("GET", "/metrics", headers=sent).status == 403
    for i in range(len("profefe_session="), 42):  # what is signed; access_auth_test goes through all of it
        broken = cookie[:i] + ("0" if cookie[i] != "0" else "1") + cookie[i + 1 :]
        assert server.request("GET", "/api/0/services", headers={"Cookie": broken}, timeout=60).status == 401, broken
    gone, attributes = cookie_of(server.request("DELETE", "/api/0/session", headers=sent))
    assert gone == "profefe_session=" and "Max-Age=0" in attributes
    # another collector with the same file takes it, also one that has just started
    twin = start(file.flag)
    assert twin.request("GET", "/api/0/session", headers=sent).result == me
    file.write(other)  # the token goes, and its sessions with it
    for one in (server, twin):
        wait_for(lambda one=one: one.request("GET", "/api/0/services", headers=sent).status == 401, "it is revoked")


def test_a_session_makes_no_session(start, tmp_path):
    token = Token("me", ("query",))
    server = start(AuthFile(tmp_path, token).flag)
    cookie, _ = cookie_of(server.request("POST", "/api/0/session", headers=token.bearer))
    for more in ({}, {"Authorization": ""}):
        answer = server.request("POST", "/api/0/session", headers={"Cookie": cookie, **more})
        assert answer.status == 401 and "set-cookie" not in answer.headers


def test_a_session_that_is_none_any_more_is_taken_from_the_browser(start, tmp_path):
    server = start(AuthFile(tmp_path, Token("me", ("query",))).flag)
    answer = server.request("GET", "/api/0/services", headers={"Cookie": "profefe_session=1.0.0.0"})
    assert answer.status == 401 and cookie_of(answer) == ("profefe_session=", "Path=/; Max-Age=0; HttpOnly; SameSite=Lax")


def test_there_is_nothing_to_sign_in_to_without_a_file(server):
    assert server.request("POST", "/api/0/session", headers={"Authorization": "Bearer " + "x" * 20}).status == 403
    session = server.get("/api/0/session").result
    assert session == {"name": "", "rights": list(RIGHTS), "signed_in": False, "required": False}
    assert server.get("/api/0/ui/config").result["auth"] is False


def test_a_certificate_stands_for_a_token(start_tls, pairs, root_ca, tmp_path):
    ci = Token("ci", ("query",), subject="CN=ci,O=shop")
    other = Token("other", ("admin",))
    server = start_tls(pairs["p256"], f"-tls.client-ca={root_ca.cert}", AuthFile(tmp_path, ci, other).flag)

    def ask(subject, target="/api/0/services", method="GET", headers=None):
        pair = root_ca.issue(subject, use="client") if subject else None
        server.context = client_context(pair=pair)
        return server.request(method, target, headers=headers)

    assert ask("/O=shop/CN=ci").status == 404
    assert ask("/O=shop/CN=ci", "/metrics").status == 403
    assert ask("/O=shop/CN=cj").status == ask(None).status == 401
    assert ask(None, "/metrics", headers=other.bearer).status == 200
    assert ask("/O=shop/CN=ci", "/metrics", headers=other.bearer).status == 200  # a token counts more
    assert ask("/O=shop/CN=ci", headers={"Authorization": "Bearer " + "x" * 20}).status == 401
    assert ask("/O=shop/CN=ci", "/api/0/session").result["signed_in"] is False
    assert ask("/O=shop/CN=ci", "/api/0/session", "POST").status == 401
    signed = ask(None, "/api/0/session", "POST", headers=other.bearer)
    assert signed.headers["set-cookie"].endswith("; Secure")


def test_a_proxys_login_is_believed_of_trusted_proxies_alone(start, tmp_path):
    file = AuthFile(tmp_path, Token("t", ("admin",)), more="proxy_login:\n  user_header: X-Forwarded-User\n  rights: [query]\n")
    trusting, other = start(file.flag, "-http.trusted-proxies=127.0.0.1"), start(file.flag)
    user = {"X-Forwarded-User": "ann@example.org"}
    assert trusting.request("GET", "/api/0/services", headers=user).status == 404
    assert trusting.request("GET", "/metrics", headers=user).status == 403
    assert trusting.request("GET", "/api/0/session", headers=user).result["name"] == "ann@example.org"
    assert trusting.get("/api/0/services").status == 401
    assert other.request("GET", "/api/0/services", headers=user).status == 401
    assert trusting.request("GET", "/api/0/services", headers={**user, "Authorization": "Bearer " + "x" * 20}).status == 401
    assert wait_for(lambda: [l for l in trusting.access_lines() if l.endswith(" who=login:ann@example.org")], "the access log")
    twice = trusting.client(PATIENCE)
    twice.putrequest("GET", "/api/0/services")
    for user in ("ann", "eve"):  # one of them may be the client's own word
        twice.putheader("X-Forwarded-User", user)
    twice.endheaders()
    assert twice.getresponse().status == 401


# --- the file -----------------------------------------------------------------------------------------------------


def status_of(server, token):
    return server.request("GET", "/api/0/services", headers=token.bearer).status


def test_a_bad_file_keeps_the_old_rules(start, tmp_path):
    root, new = Token("root", ("admin",)), Token("new", ("query",))
    file = AuthFile(tmp_path, root)
    server = start(file.flag)
    whole = AuthFile.text(root, new)
    bad = {
        "empty": "", "half a token": whole[: whole.index("rights")], "no yaml": "tokens: [", "another right": whole.replace("query", "quer"),
        "no tokens": "tokens: []\n", "twice": AuthFile.text(root, root),
    }  # fmt: skip
    for count, (what, text) in enumerate(bad.items(), 1):
        file.put(text)
        server.process.send_signal(signal.SIGHUP)
        problem = wait_for(
            lambda: (lambda a: a.body.decode() if count and b"auth file" in a.body else None)(
                server.request("GET", "/readyz", headers=root.bearer)
            ),
            f"readyz tells of {what}",
        )
        assert problem.startswith("ok\n") and re.search(r"auth\.yaml(:\d+)?: ", problem), problem
        assert server.get("/readyz").body == b"ok\n"
        assert status_of(server, root) == 404 and status_of(server, new) == 401 and server.get("/api/0/services").status == 401
        file.put(AuthFile.text(root))
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: server.request("GET", "/readyz", headers=root.bearer).body == b"ok\n", "it is good again")
    file.path.unlink()
    wait_for(lambda: b"auth file" in server.request("GET", "/readyz", headers=root.bearer).body, "readyz tells of none")
    assert status_of(server, root) == 404 and server.get("/api/0/services").status == 401
    file.write(root, new)
    wait_for(lambda: status_of(server, new) == 404, "the new token is in force")


def test_a_bad_file_at_start_ends_it(tmp_path):
    path = tmp_path / "auth.yaml"
    for text, why in {"": "the file is empty", "tokens: []\n": "no token", "tokens:\n  - name: a\n": "auth.yaml:"}.items():
        path.write_text(text)
        done = run_server("-addr=127.0.0.1:0", f"-local.dir={tmp_path}/d", f"-auth.file={path}")
        assert done.returncode == 1 and why in done.stderr, done.stderr
    done = run_server("-addr=127.0.0.1:0", f"-local.dir={tmp_path}/d", f"-auth.file={tmp_path}/none")
    assert done.returncode == 1 and "none" in done.stderr


def test_an_empty_name_opens_nothing(tmp_path):
    """As $AUTH_FILE gives it where it is not set."""
    for flags, environment in ((["-auth.file="], {}), ([], {"PROFEFE_AUTH_FILE": ""})):
        done = run_server("-addr=127.0.0.1:0", f"-local.dir={tmp_path}/d", *flags, environment=environment)
        assert done.returncode == 2 and '"" names no file' in done.stderr, done.stderr


def test_a_file_of_10_000_tokens(start, tmp_path):
    tokens = [Token(f"t{i}", ("query",), services=(f"s{i}",)) for i in range(10_000)]
    server = start(AuthFile(tmp_path, *tokens).flag)
    for i in (0, 1, 4999, 9999):
        session = server.request("GET", "/api/0/session", headers=tokens[i].bearer).result
        assert session["name"] == f"t{i}" and session["services"] == [f"s{i}"]
    assert status_of(server, Token("none", ())) == 401


def test_a_token_expires(start, tmp_path):
    past = Token("past", ("query",), expires="2001-01-01")
    soon = Token("soon", ("query",), expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8)))
    later = Token("later", ("query",), expires="2100-01-01")
    server = start(AuthFile(tmp_path, past, soon, later).flag)
    assert server.request("GET", "/api/0/services", headers=past.bearer).error == "the token has expired"
    assert status_of(server, later) == status_of(server, soon) == 404
    cookie, attributes = cookie_of(server.request("POST", "/api/0/session", headers=later.bearer))
    assert "Max-Age=604800" in attributes
    wait_for(lambda: status_of(server, soon) == 401, "it has expired")
    assert server.request("GET", "/api/0/services", headers=soon.bearer).error == "the token has expired"
    assert status_of(server, later) == 404


def test_a_push_under_way_ends_with_its_token(start, tmp_path, go_profiles):
    token, root = Token("ci", ("push",)), Token("root", ("admin",))
    file = AuthFile(tmp_path, token, root)
    server = start(file.flag)
    body = go_profiles["cpu"]
    connection = server.client(PATIENCE)
    connection.putrequest("POST", "/api/0/profiles?service=app&type=cpu")
    for name, value in {**token.bearer, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body[:100])
    wait_for(lambda: "profefe_http_requests_in_flight 2" in server.request("GET", "/metrics", headers=root.bearer).body.decode(), "its head is read")
    file.write(root)
    wait_for(lambda: status_of(server, token) == 401, "it is revoked")
    connection.send(body[100:])
    answer = connection.getresponse()
    assert answer.status == 401 and b"revoked" in answer.read()
    assert server.request("GET", "/api/0/services", headers=root.bearer).status == 404  # nothing is stored


def push_with_long_labels(server, n, labels, headers, go_profiles):
    """A list of them is longer than what the kernel keeps for a client that doesn't read."""
    text = ",".join(f"{i}=" + "x" * 1000 for i in range(labels))
    target = "/api/0/profiles" + query(service="app", type="block", labels=text)
    connection = server.client(PATIENCE)
    for _ in range(n):
        connection.request("POST", target, go_profiles["block"], headers)
        response = connection.getresponse()
        assert response.read() and response.status == 200


def test_revoking_a_token_ends_its_running_queries(start, tmp_path, go_profiles):
    """A list that its client takes slowly, of three pages of 10 MB: the last one is made when the first has been taken."""
    going, staying = Token("going", ("push", "query")), Token("staying", ("push", "query"))
    file = AuthFile(tmp_path, going, staying)
    server = start(file.flag)
    push_with_long_labels(server, 2100, 10, going.bearer, go_profiles)
    listing = "/api/0/profiles" + query(service="app", from_=FROM, to=TO)
    slow = {}
    for token in (going, staying):
        s = slow[token.name] = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        s.sendall(f"GET {listing} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token.secret}\r\n\r\n".encode())
        assert s.recv(12) == b"HTTP/1.1 200"
    file.write(staying)
    wait_for(lambda: status_of(server, going) == 401, "it is revoked")

    def rest(s):
        got = b""
        try:
            while piece := s.recv(1 << 20):
                got = got[-100:] + piece
                if got.endswith(b"\r\n0\r\n\r\n"):
                    return True
        except ConnectionResetError:
            pass
        return False

    assert rest(slow["staying"]) is True
    assert rest(slow["going"]) is False


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(start, tmp_path):
    """The order of answers on two connections tells, no clock: the wrong one was sent first."""
    good = Token("good", ("query",))
    server = start(AuthFile(tmp_path, good).flag)
    wrong = {"Authorization": "Bearer " + "x" * 20}
    for _ in range(10):
        assert server.request("GET", "/api/0/services", headers=wrong).status == 401
    connection = server.client(PATIENCE)
    connection.request("GET", "/api/0/services", headers=wrong)
    connection.sock.setblocking(False)
    assert status_of(server, good) == 404
    with pytest.raises(BlockingIOError):  # it is two seconds late by now
        connection.sock.recv(1)
    connection.sock.settimeout(PATIENCE)
    assert connection.getresponse().status == 401
    metrics = server.request("GET", "/metrics", headers=good.bearer)
    assert metrics.status == 403


# --- rates --------------------------------------------------------------------------------------------------------


def test_a_push_over_its_rate_is_told_when_to_try_again(start, go_profiles):
    server = start("-limits.push-rate=3")
    answers = [server.post(go_profiles["block"], type="block") for _ in range(20)]
    assert {a.status for a in answers} == {200, 503} and answers[0].status == 200
    refused = next(a for a in answers if a.status == 503)
    assert int(refused.headers["retry-after"]) >= 1 and refused.json["kind"] == "rate_limit"
    assert "-limits.push-rate" in refused.error and "3" in refused.error
    assert server.post(go_profiles["block"], service="another", type="block").status == 200
    metrics = server.metrics()
    assert metrics["profefe_limits_push_rate"] == 3
    assert metrics['profefe_limits_refused_total{limit="push_rate",of="service"}'] >= 1
    assert server.post(b"no profile", service="third").status == 400


def test_a_token_has_a_rate_over_all_of_its_services(start, tmp_path, go_profiles):
    one, two = Token("one", ("push",)), Token("two", ("push",))
    server = start(AuthFile(tmp_path, one, two).flag, "-limits.push-bytes=10KB")
    body = go_profiles["cpu"]

    def push(token, service):
        target = "/api/0/profiles" + query(service=service, type="cpu")
        return server.request("POST", target, body, token.bearer)

    statuses = [push(one, f"s{i}").status for i in range(1 + 30_000 // len(body))]
    assert 200 in statuses and 503 in statuses
    refused = push(one, "another")
    assert refused.status == 503 and '"one"' in refused.error and "-limits.push-bytes" in refused.error
    assert push(two, "yet-another").status == 200


def test_queries_at_once_are_bounded(start, tmp_path, go_profiles):
    """One is held open by a client that takes its list slowly."""
    server = start("-limits.query-concurrency=1")
    push_with_long_labels(server, 800, 28, {}, go_profiles)
    listing = "/api/0/profiles" + query(service="app", from_=FROM, to=TO)
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as slow:
        slow.sendall(f"GET {listing} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert slow.recv(12) == b"HTTP/1.1 200"
        refused = server.get(listing)
        assert refused.status == 429 and refused.json["kind"] == "rate_limit" and refused.headers["retry-after"] == "1"
        assert "-limits.query-concurrency" in refused.error
        assert server.find(service="other").status == 404
        assert server.post(go_profiles["block"], type="block").status == 200
    wait_for(lambda: server.get(listing + "&limit=1").status == 200, "its place is free again")


def test_a_limit_of_a_hidden_service_tells_nothing_and_is_not_used_up(start, tmp_path, go_profiles):
    ours, theirs = Token("ours", ("push", "query"), services=("shop",)), Token("theirs", ("push", "query"), services=("app",))
    server = start(AuthFile(tmp_path, ours, theirs).flag, "-limits.query-concurrency=1")
    push_with_long_labels(server, 800, 28, theirs.bearer, go_profiles)
    listing = "/api/0/profiles" + query(service="app", from_=FROM, to=TO)
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as slow:
        slow.sendall(f"GET {listing} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {theirs.secret}\r\n\r\n".encode())
        assert slow.recv(12) == b"HTTP/1.1 200"
        assert server.request("GET", listing, headers=theirs.bearer).status == 429
        assert server.request("GET", listing, headers=ours.bearer).error == "nothing found"


def test_strangers_do_not_keep_audit_lines_from_being_written(start, tmp_path):
    """Of strangers at most a hundred a second are written; that one of somebody known is, is what counts."""
    known = Token("known", ("push",))
    server = start(AuthFile(tmp_path, known).flag)
    connection = server.client(PATIENCE)

    def flood():
        """Ends with more in a second than are written."""
        for _ in range(300):
            connection.request("GET", "/api/0/version", headers={"Host": "evil.example"})
            connection.getresponse().read()
        return [l for l in server.logged("audit") if l.get("left_out", 0) > 0]

    wait_for(flood, "lines of strangers are left out")
    assert server.request("GET", "/metrics", headers=known.bearer).status == 403
    wait_for(lambda: [l for l in server.logged("audit") if l["who"] == "known"], "the line is there")
