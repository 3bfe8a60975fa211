"""Routes, methods, headers, the access line, metrics, and every row of docs/api.md's error table."""

import gzip
import http.client
import os
import re

import pytest
from builders import small
from pprof_wire import ValueType, encode
from raw_http import exchange, head, status
from server import FROM, TO, query, wait_for

BODY = encode(small())
ABSENT = "00000000000000000000"  # well-formed, in no store
PLAIN_ROUTES = ["/", "/api/0/version", "/api/0/services", "/debug/metrics", "/metrics", "/healthz", "/readyz"]


def targets(one):
    span = query(service="app", type="cpu", from_=FROM, to=TO)
    own = [f"/api/0/profiles/{one}", f"/api/0/profiles/{one}+{one}"]
    return [*PLAIN_ROUTES, *own, "/api/0/profiles" + span, "/api/0/profiles/merge" + span]


def with_slash(target):
    path, mark, rest = target.partition("?")
    return path.rstrip("/") + "/" + mark + rest


def test_every_route_answers_get_and_head_and_forgives_a_slash(server):
    for target in targets(server.push(BODY)):
        got = server.get(target)
        assert got.status == 200 and got.body, target
        headed = server.request("HEAD", target)
        assert (headed.status, headed.body) == (200, b""), target
        assert headed.headers["content-type"] == got.headers["content-type"], target
        assert headed.headers.get("content-disposition") == got.headers.get("content-disposition"), target
        if "metrics" not in target:
            assert headed.headers["content-length"] == str(len(got.body)), target
        assert server.get(with_slash(target)).status == 200, target


def test_json_is_said_to_be_json_and_ends_with_a_newline(server):
    one = server.push(BODY)
    for target in ("/api/0/version", "/api/0/services", f"/api/0/profiles{query(service='app', from_=FROM, to=TO)}"):
        assert server.get(target).result
    for target in ("/api/0/nothing", "/api/0/profiles", f"/api/0/profiles/{ABSENT}", f"/api/0/profiles/{one}++{one}"):
        assert server.get(target).error


def test_the_version_says_what_was_built(server):
    version = server.get("/api/0/version").result
    assert {"version", "commit", "build_time"} <= set(version) and all(version.values())
    assert re.fullmatch(r"\d+\.\d+\.\d+", version["version"])


def test_the_front_page_shows_the_first_curl_line(server):
    page = server.get("/")
    assert page.headers["content-type"].startswith("text/plain")
    assert b"curl" in page.body and b"/api/0/profiles" in page.body


def allowed(target, one):
    if target.startswith("/api/0/profiles?"):
        return "GET, HEAD, POST, DELETE"
    return "GET, HEAD, DELETE" if one in target else "GET, HEAD"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get"])
def test_other_methods_are_not_allowed(server, method):
    one = server.push(BODY)
    for target in targets(one):
        expected = allowed(target, one)
        if method in expected.split(", "):
            continue
        answer = server.request(method, target, b"")
        assert answer.status == 405, (method, target)
        assert answer.headers["allow"] == expected
    assert len(server.find().result) == 1


def test_post_is_allowed_where_it_does_something_only(server):
    one = server.push(BODY)
    for target in targets(one):
        if not target.startswith("/api/0/profiles?"):
            answer = server.request("POST", target, BODY)
            assert (answer.status, answer.headers["allow"]) == (405, allowed(target, one)), target


@pytest.mark.parametrize("path", ["/api/0/nothing", "/api/1/profiles", "/api/", "/api/0/profilesx", "/API/0/version"])
def test_unknown_paths_are_404(server, path):
    for method in ("GET", "POST", "DELETE"):
        answer = server.request(method, path, b"")
        assert answer.status == 404
        if path.startswith("/api/"):
            assert answer.error


def test_unknown_paths_outside_of_the_api_need_not_be_json(server):
    for path in ("/favicon.ico", "/../../etc/passwd", "///a", "/debug", "/%2e%2e/x"):
        assert server.get(path).status == 404


# --- the error table ----------------------------------------------------------------------------------------


def query_errors():
    """(parameters of find and merge, the message)"""
    span = {"service": "app", "from_": FROM, "to": TO}
    yield {**span, "service": None}, 'bad request: missing "service"'
    yield {**span, "service": ""}, 'bad request: missing "service"'
    yield {**span, "from_": None}, 'bad request: missing "from"'
    yield {**span, "to": None}, 'bad request: missing "to"'
    yield {**span, "from_": "x"}, 'bad request: bad "from" timestamp "x": '
    yield {**span, "to": "x"}, 'bad request: bad "to" timestamp "x": '
    yield {**span, "limit": "x"}, 'bad request: bad "limit" "x"'
    yield {**span, "limit": "1.5"}, 'bad request: bad "limit" "1.5"'
    yield {**span, "limit": "9" * 30}, 'bad request: bad "limit" "999'
    yield {**span, "labels": "a=%zz"}, 'bad request: bad "labels" "a=%zz'
    yield {**span, "from_": "2020-01-01T00:00:01", "to": "2020-01-01T00:00:00"}, 'bad request: "from" '


@pytest.mark.parametrize("parameters, message", query_errors())
def test_bad_queries_are_400_and_name_the_parameter(server, parameters, message):
    for path in ("/api/0/profiles", "/api/0/profiles/merge"):
        answer = server.get(path + query(type="cpu", **parameters))
        assert answer.status == 400
        assert answer.error.startswith(message)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"service": None}, 'bad request: missing "service"'),
        ({"service": ""}, 'bad request: missing "service"'),
        ({"type": None}, "bad request: unknown profile type"),
        ({"type": "wall"}, "bad request: unknown profile type"),
        ({"type": "unknown"}, "bad request: unknown profile type"),
        ({"created_at": "x"}, 'bad request: bad "created_at" timestamp "x": '),
        ({"labels": "%zz=a"}, 'bad request: bad "labels" "%zz=a'),
    ],
)
def test_bad_pushes_are_400_and_name_the_parameter(server, parameters, message):
    answer = server.post(BODY, **parameters)
    assert answer.status == 400
    assert answer.error.startswith(message)
    assert server.get("/api/0/services").status == 404


def test_merging_wants_a_type_that_can_be_merged(server):
    server.push(BODY)
    server.push(b"bytes", type="trace")
    for word, name in ((None, "unknown"), ("", "unknown"), ("wall", "unknown"), ("trace", "trace")):
        answer = server.merge(type=word)
        assert (answer.status, answer.error) == (405, f"can't merge profiles of {name} type")


def test_a_trace_among_the_ids_is_405(server):
    profile, trace = server.push(BODY), server.push(b"bytes", type="trace")
    for ids in ((profile, trace), (trace, profile), (trace, trace)):
        answer = server.get("/api/0/profiles/" + "+".join(ids))
        assert answer.status == 405 and answer.error


@pytest.mark.parametrize("one", ["x", "0" * 19, "0" * 21, "W" * 20, "w" * 20, "000000000000000000\xe4\xe4", "0" * 19 + "1", "%00" * 20])
def test_malformed_ids_are_400(server, one):
    good = server.push(BODY)
    escaped = one if "%" in one else "".join(f"%{byte:02x}" for byte in one.encode())
    for path in (escaped, f"{good}+{escaped}", f"{escaped}+{good}"):
        answer = server.get("/api/0/profiles/" + path)
        assert answer.status == 400, path
        assert answer.error


def test_absent_ids_are_404_and_named_among_others(server):
    good = server.push(BODY)
    answer = server.get("/api/0/profiles/" + ABSENT)
    assert (answer.status, answer.error) == (404, "nothing found")
    for path in (f"{good}+{ABSENT}", f"{ABSENT}+{good}"):
        answer = server.get("/api/0/profiles/" + path)
        assert answer.status == 404 and ABSENT in answer.error


@pytest.mark.parametrize("pattern", ["{0}++{0}", "+{0}", "{0}+", "+", "++", "{0}+%20+{0}"])
def test_empty_ids_in_a_list_are_400(server, pattern):
    assert server.get("/api/0/profiles/" + pattern.format(server.push(BODY))).status == 400


def test_nothing_found_is_404(server):
    server.push(BODY)
    for answer in (server.find(service="other"), server.merge(service="other"), server.find(type="heap"),
                   server.find(to="1980-01-01T00:00:00")):
        assert (answer.status, answer.error) == (404, "nothing found")


def test_bodies_over_the_limits_are_413_and_nothing_is_stored(start):
    server = start("-http.max-body-size=20000", "-http.max-inflated-size=50000")
    noise = os.urandom(40_000)
    for body in (noise, gzip.compress(noise), gzip.compress(encode(small(b"x" * 60_000)))):
        assert server.post(body).status == 413
        assert server.post(body).error
    assert server.find().status == 404
    assert server.post(gzip.compress(encode(small(b"x" * 40_000)))).status == 200


# --- headers, access lines, metrics -------------------------------------------------------------------------


def test_every_answer_carries_a_request_id(server):
    seen = set()
    for target in ["/", "/api/0/nothing", "/api/0/profiles", "/api/0/version", "/nothing"]:
        for method in ("GET", "HEAD", "DELETE"):
            seen.add(server.request(method, target).headers["x-request-id"])
    assert len(seen) == 15
    assert server.get("/api/0/version", X_Request_Id="abc-123").headers["x-request-id"] == "abc-123"
    for strange in ("a b", "x" * 129, "ä", ""):
        answer = server.request("GET", "/", headers={"X-Request-Id": strange.encode()})
        assert re.fullmatch(r"[!-~]{1,128}", answer.headers["x-request-id"])
        assert answer.headers["x-request-id"] != strange


ACCESS = re.compile(
    r"rid=(?P<rid>\S+) ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ method=(?P<method>\S+) uri=(?P<uri>\S+) "
    r"code=(?P<code>\d+) host=(?P<host>\S*) ip=(?P<ip>\S+) rtime=[\d.]+(s|ms|µs)"
)


def test_every_request_leaves_an_access_line(server):
    requests = [
        ("GET", "/api/0/version", 200),
        ("DELETE", "/api/0/version", 405),
        ("GET", "/api/0/services", 404),
        ("GET", "/api/0/profiles?service=a&from=x", 400),
        ("GET", "/nothing%20here", 404),
    ]
    for n, (method, target, _) in enumerate(requests):
        server.request(method, target, headers={"X-Request-Id": f"request-{n}"})
    lines = wait_for(lambda: len(server.access_lines()) >= len(requests) and server.access_lines(), "access lines")
    found = {}
    for line in lines:
        match = ACCESS.fullmatch(line)
        assert match, line
        found[match["rid"]] = (match["method"], match["uri"], int(match["code"]))
        assert (match["host"], match["ip"]) == ("127.0.0.1", "127.0.0.1")
    for n, request in enumerate(requests):
        assert found[f"request-{n}"] == request


def test_an_access_line_can_not_be_forged(server):
    assert status(exchange(server, head("GET", '/a"b\x0b', "X-Request-Id: r1\tcode=200 forged"))) == 400
    assert status(exchange(server, b'GET /x"\xc3\xa4 HTTP/1.1\r\nHost: a"b code=1\r\nConnection: close\r\n\r\n')) == 400
    assert status(exchange(server, b"GET /no-host code=200 HTTP/1.1\r\n\r\n")) == 400
    assert server.get("/last").status == 404
    lines = wait_for(lambda: any("/last" in one for one in server.access_lines()) and server.access_lines(), "lines")
    found = []
    for line in lines:
        match = ACCESS.fullmatch(line)
        assert match, line
        found.append((match["method"], match["uri"], match["code"], match["host"]))
    assert sorted(found) == [
        ("-", "-", "400", ""),
        ("GET", "/last", "404", "127.0.0.1"),
        ("GET", "/no-host", "400", ""),
        ("GET", "/x%22%C3%A4", "400", "a%22b%20code=1"),
    ]


def test_the_host_in_the_target_counts(start):
    """RFC 9112 3.2.2: not the one in the header, which a proxy may have left as it was."""
    server = start("-http.hosts=shop.example")
    page = exchange(server, b"GET http://shop.example:81/ HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
    assert status(page) == 200 and b"http://shop.example:81/" in page and b"other" not in page
    line = wait_for(server.access_lines, "an access line")[0]
    assert ACCESS.fullmatch(line)["host"] == "shop.example"


def test_the_access_log_can_be_turned_off(start):
    server = start("-log.access=false")
    server.get("/api/0/version")
    server.stop()
    assert server.access_lines() == []


FAMILIES = ["requests_total", "request_duration_seconds", "request_size_bytes", "response_size_bytes"]


def test_metrics_have_the_originals_families(server):
    one = server.push(BODY)
    server.get(f"/api/0/profiles/{one}")
    server.get(f"/api/0/profiles/{one}+{one}")
    server.get(f"/api/0/profiles/{ABSENT}")
    for n in range(5):
        server.request(f"BREW{n}", f"/nothing/{n}")

    def counted():
        metrics = server.metrics()
        got = {key: value for key, value in metrics.items() if key.startswith("profefe_api_requests_total{")}
        return got if sum(got.values()) >= 9 else None

    got = wait_for(counted, "nine requests in the metrics")
    own = 'method="GET",path="/api/0/profiles/__pid__",code='
    assert got[f'profefe_api_requests_total{{{own}"200"}}'] == 2
    assert got[f'profefe_api_requests_total{{{own}"404"}}'] == 1
    assert got['profefe_api_requests_total{method="POST",path="/api/0/profiles",code="200"}'] == 1
    unknown = [key for key in got if "nothing" in key or "BREW" in key]
    assert unknown == [], "paths and methods from outside make no labels"
    text = server.get("/metrics").body.decode()
    for family in FAMILIES:
        assert f"# TYPE profefe_api_{family} " in text and f"# HELP profefe_api_{family} " in text
    assert 'profefe_api_request_duration_seconds_bucket{' in text and 'le="+Inf"' in text


def test_metrics_are_well_formed_prometheus_text(server):
    server.push(BODY)
    text = server.get("/debug/metrics").body.decode()
    sample = re.compile(r'[a-zA-Z_:][\w:]*(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? (-?[\d.]+(e[+-]?\d+)?|[+-]Inf|NaN)')
    typed = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, f"{name} has two TYPE lines"
            typed.add(name)
        elif not line.startswith("# HELP "):
            assert sample.fullmatch(line), line
            name = re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0])
            assert name in typed or line.split("{")[0].split(" ")[0] in typed, line
    assert len(typed) > 10


def test_health_and_readiness(server):
    assert server.get("/healthz").status == 200
    assert server.get("/readyz").status == 200


def test_a_connection_is_kept_for_many_requests(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    for n in range(50):
        connection.request("POST", f"/api/0/profiles?service=keep&type=cpu&labels=n={n}", BODY)
        response = connection.getresponse()
        assert response.status == 200 and response.read()
    connection.close()
    assert len(server.find(service="keep").result) == 50


def test_expect_100_continue_is_understood(server, curl, tmp_path):
    (tmp_path / "big").write_bytes(encode(small(b"x" * 2_000_000)))
    out = curl("-H", "Expect: 100-continue", "--data-binary", "@big", f"{server.url}/api/0/profiles?service=a&type=cpu")
    assert b'"code":200' in out


def test_chunked_bodies_are_taken(server, curl, tmp_path):
    (tmp_path / "body").write_bytes(BODY)
    out = curl("-H", "Transfer-Encoding: chunked", "--data-binary", "@body", f"{server.url}/api/0/profiles?service=a&type=cpu")
    assert b'"code":200' in out


def test_http_1_0_is_answered(server):
    assert status(exchange(server, b"GET /api/0/version HTTP/1.0\r\n\r\n")) == 200


def test_two_types_that_differ_still_store(server):
    """Whether profiles can be merged is asked when they are merged, not when they are pushed."""
    server.push(BODY)
    server.push(encode(small(period_type=ValueType(b"wall", b"nanoseconds"))))
    assert len(server.find().result) == 2
