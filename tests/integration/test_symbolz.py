"""`go tool pprof URL`, as people call it: for each binary without functions it asks the server for names, and gives the
profile up on anything but a 200. Every Go on this machine is tried: older tools ask at /symbolz, newer ones beside the
profile's path."""
# variants: release, asan

import shutil
import subprocess
from pathlib import Path

import pytest
from builders import small
from conftest import corpus_files
from pprof_tool import tool_environment
from pprof_wire import Location, Mapping, Sample, encode
from raw_http import exchange, head, status

GOES = sorted({Path(found).resolve() for found in [shutil.which("go") or "/none", "/usr/bin/go"] if Path(found).exists()})
ASKED = "/api/0/profiles/symbolz"


def addresses(at=0x401000):
    """Two binaries and a frame of neither, and no names; as profilers without symbols write them."""
    return small(
        mappings=[
            Mapping(1, 0x400000, 0x500000, 0, b"/usr/bin/app", b"0123abcd"),
            Mapping(2, 0x7F0000000000, 0x7F0000100000, 0, b"/lib/libc.so.6"),
        ],
        locations=[Location(1, 1, at), Location(2, 2, 0x7F0000001000), Location(3, 0, 0xFFFFFFFF81000000)],
        functions=[],
        samples=[Sample([1, 2, 3], [1, 10])],
    )


@pytest.fixture(params=GOES, ids=str)
def tool(request, tmp_path):
    """tool(*sources): what `go tool pprof -top` prints of them; it must end well."""

    def run(*sources):
        environment = {**tool_environment(tmp_path), "GOTOOLCHAIN": "local"}
        environment.pop("GOROOT", None)
        done = subprocess.run(
            [request.param, "tool", "pprof", "-top", *sources],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_there_is_a_tool():
    assert GOES


@pytest.mark.parametrize("base", ["", "/tools/profefe"])
def test_profiles_without_names_open_from_their_url(start, tool, base):
    server = start(f"-http.base-path={base}") if base else start()
    ids = [server.push(encode(addresses(0x401000 + 16 * n))) for n in range(2)]
    url = server.url + base
    merged = url + server.merge_target()
    for source in (f"{url}/api/0/profiles/{ids[0]}", f"{url}/api/0/profiles/{ids[0]}/", f"{url}/api/0/profiles/{'+'.join(ids)}", merged):
        assert "0000000000401000" in tool(source) or "[app]" in tool(source)
    tool(f"{url}/api/0/profiles/diff?id={ids[0]}&base_id={ids[1]}")
    tool(f"-diff_base={url}/api/0/profiles/{ids[0]}", f"{url}/api/0/profiles/{ids[1]}")
    tool(f"{merged}&format=pprof&focus=app")
    posts = {name: n for name, n in server.metrics().items() if name.startswith('profefe_api_requests_total{method="POST"')}
    asked = posts.pop('profefe_api_requests_total{method="POST",path="/symbolz",code="200"}')
    assert asked >= 8, "the tool did ask"
    assert posts == {'profefe_api_requests_total{method="POST",path="/api/0/profiles",code="200"}': 2}, "and nowhere else"


@pytest.mark.parametrize("path", corpus_files("go-compiler/mem.*"))
def test_real_profiles_without_names(shared_server, tool, path):
    one = shared_server.push(path.read_bytes(), service=path.name, type="heap")
    assert "Type: inuse_space" in tool(f"{shared_server.url}/api/0/profiles/{one}")


@pytest.mark.parametrize("target", ["/symbolz", "/debug/pprof/symbolz", "/debug/pprof/symbol", ASKED, "/api/0/profiles/P0.a/1/symbolz"])
def test_nothing_is_known_and_that_is_no_error(shared_server, target):
    body = b"0x401000+0x7f0000001000"
    for method in ("POST", "GET", "HEAD"):
        answer = shared_server.request(method, target, body if method == "POST" else None)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    refused = shared_server.request("PUT", target, b"")
    assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD, POST"
    assert shared_server.get(target + "x").status in (400, 404), "an id, or nothing"


def test_what_it_sends_is_bounded(start):
    server = start()
    many = b"+".join(b"0x%x" % (0x7F0000000000 + n) for n in range(300_000))
    assert server.request("POST", ASKED, many).status == 200
    assert status(exchange(server, head("POST", ASKED, f"Content-Length: {(16 << 20) + 1}"))) == 413
    small_server = start("-http.max-body-size=1000")
    assert small_server.request("POST", ASKED, many[:1000]).status == 200
    assert status(exchange(small_server, head("POST", ASKED, "Content-Length: 1001"))) == 413
