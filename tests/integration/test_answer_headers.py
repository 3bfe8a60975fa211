"""What every answer says to browsers: take the content type at its word, and run nothing of it."""
# variants: release, asan

import re

import pytest
from builders import small
from pprof_wire import encode
from raw_http import connected, exchange, head, status
from server import FROM, TO, query, wait_for

BODY = encode(small())
PUSH = "/api/0/profiles?service=app&type=cpu"
RANGE = query(service="app", type="cpu", from_=FROM, to=TO)
SEALED = "default-src 'none'; sandbox"


def fields(response):
    """{lower-case name: [value, ...]} of a raw answer."""
    lines = response.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
    found = {}
    for line in lines:
        name, _, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


def policies(response):
    found = fields(response)
    assert found.get("x-content-type-options") == ["nosniff"], response[:500]
    return found.get("content-security-policy")


@pytest.fixture(scope="module")
def full(shared_server):
    """A server with a profile, and its id."""
    return shared_server, shared_server.push(BODY)


ANSWERED = {
    "pushed": (200, head("POST", PUSH, f"Content-Length: {len(BODY)}") + BODY),
    "a malformed profile": (400, head("POST", PUSH, "Content-Length: 5") + b"hello"),
    "found": (200, head("GET", "/api/0/profiles" + RANGE)),
    "nothing found": (404, head("GET", "/api/0/profiles" + RANGE + "&labels=a=b")),
    "a bad parameter": (400, head("GET", "/api/0/profiles" + RANGE + "&limit=x")),
    "merged": (200, head("GET", "/api/0/profiles/merge" + RANGE)),
    "HEAD": (200, head("HEAD", "/api/0/profiles/merge" + RANGE)),
    **{
        f"format={format}": (200, head("GET", "/api/0/profiles/merge" + RANGE + "&format=" + format))
        for format in ("flamegraph", "top", "folded", "svg", "dot", "pgo", "pprof")
    },
    "a comparison": (200, head("GET", "/api/0/profiles/diff" + RANGE + f"&base_from={FROM}")),
    "series": (200, head("GET", "/api/0/series" + RANGE + "&step=10000d")),
    "services": (200, head("GET", "/api/0/services")),
    "version": (200, head("GET", "/api/0/version")),
    "the page's configuration": (200, head("GET", "/api/0/ui/config")),
    "an unknown path": (404, head("GET", "/api/0/none")),
    "an unknown path of no API": (404, head("GET", "/none")),
    "another method": (405, head("PUT", PUSH, "Content-Length: 0")),
    "metrics": (200, head("GET", "/debug/metrics")),
    "health": (200, head("GET", "/healthz")),
    "text at the root": (200, head("GET", "/", "Accept: */*")),
    "no such file": (404, head("GET", "/assets/none.js")),
    "an unknown coding": (415, head("POST", PUSH, "Content-Encoding: br", "Content-Length: 5") + b"hello"),
    # the transport's own
    "a body that is announced too long": (413, head("POST", PUSH, "Content-Length: 99999999999999")),
    "a body that grows too long": (413, head("POST", PUSH, "Transfer-Encoding: chunked") + b"10000\r\n" + b"x" * 0x10000 + b"\r\n" * 2),
    "a body that breaks off": (400, head("POST", PUSH, "Content-Length: 50") + b"x"),
    "two lengths": (400, head("POST", PUSH, "Content-Length: 5", "Content-Length: 6") + b"hello"),
    "another transfer coding": (501, head("POST", PUSH, "Transfer-Encoding: gzip") + b"hello"),
    "headers too long": (431, head("GET", "/healthz", "X: " + "x" * 40_000)),
    "a target too long": (414, head("GET", "/" + "x" * 40_000)),
    "a malformed header": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_every_answer_is_sealed(start, full, name):
    expected, request = ANSWERED[name]
    server, _ = full
    if "grows" in name:
        server = start("-http.max-body-size=60000")
    response = exchange(server, request, half_close="breaks" in name)
    assert status(response) == expected, response[:500]
    assert policies(response) == [SEALED]


def test_one_profile_and_its_views(full):
    server, id = full
    for target in (f"/api/0/profiles/{id}", f"/api/0/profiles/{id}+{id}", f"/api/0/profiles/{id}?format=svg"):
        response = exchange(server, head("GET", target))
        assert status(response) == 200 and policies(response) == [SEALED]


def test_a_connection_too_many(start):
    server = start("-http.max-connections=1")

    def refused():
        with connected(server) as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            first.recv(1)
            response = exchange(server, head("GET", "/healthz"))
        return response if status(response) == 503 else None

    assert policies(wait_for(refused, "a connection is refused")) == [SEALED]


def test_a_base_path_without_its_slash(start):
    server = start("-http.base-path=/profefe")
    response = exchange(server, head("GET", "/profefe"))
    assert status(response) == 308 and policies(response) == [SEALED]


def test_the_pages_files_have_their_own_policy(full):
    server, _ = full
    page = exchange(server, head("GET", "/", "Accept: text/html"))
    if "text/html" not in fields(page)["content-type"][0]:
        pytest.skip("this build is without the page")
    files = [b"/"] + re.findall(rb'(?:src|href)="\.?/?((?:assets|speedscope)/[^"]+)"', page)
    assert len(files) > 2
    for file in files:
        target = "/" + file.decode().lstrip("/")
        response = exchange(server, head("GET", target, "Accept: text/html"))
        (policy,) = policies(response)
        assert policy.startswith("default-src 'none'; script-src 'self'") and "sandbox" not in policy
        etag = fields(response)["etag"][0]
        again = exchange(server, head("GET", target, "Accept: text/html", f"If-None-Match: {etag}"))
        assert status(again) == 304 and policies(again) == [policy]
