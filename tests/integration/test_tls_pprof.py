"""The clients of profefe over TLS: curl, every `go tool pprof` that there is, the page's text, HTTP/2."""
# variants: release, asan

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from pprof_tool import tool_environment
from pprof_wire import differences, parse
from server import query

GOES = sorted({str(Path(path).resolve()) for path in (shutil.which("go"), "/usr/lib/go/bin/go") if path and Path(path).exists()})


@pytest.fixture
def server(start_tls, pairs):
    return start_tls(pairs["p256"])


def top(go, home, source, **environment):
    """The rows of `go tool pprof -top`."""
    done = subprocess.run(
        [go, "tool", "pprof", "-top", "-nodecount=0", "-symbolize=none", str(source)],
        capture_output=True, text=True, timeout=120, cwd=home, env={**tool_environment(home), "GOTOOLCHAIN": "local", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, mark, rows = done.stdout.partition("cum%\n")
    assert mark, done.stdout
    return rows


@pytest.mark.parametrize("go", GOES)
def test_pprof_reads_over_tls(server, go_profiles, root_ca, tmp_path, go):
    ids = [server.push(go_profiles["cpu"], service="shop") for _ in range(2)]
    merge = server.merge_target(service="shop")
    plain = tmp_path / "plain.pb.gz"
    for target in (f"/api/0/profiles/{ids[0]}", merge):
        plain.write_bytes(server.get(target).body)
        expected = top(go, tmp_path, plain)
        assert expected.count("\n") > 5
        insecure = server.url.replace("https:", "https+insecure:")
        assert top(go, tmp_path, insecure + target) == expected
        assert top(go, tmp_path, server.url + target, SSL_CERT_FILE=str(root_ca.cert)) == expected


@pytest.mark.parametrize("go", GOES)
def test_pprof_refuses_an_authority_that_it_does_not_know(server, go_profiles, tmp_path, go):
    server.push(go_profiles["cpu"], service="shop")
    with pytest.raises(AssertionError, match="certificate"):
        top(go, tmp_path, server.url + server.merge_target(service="shop"))


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_curl_pushes_and_gets_over_tls(server, curl, go_profiles, root_ca, tmp_path, http):
    (tmp_path / "cpu.pb.gz").write_bytes(go_profiles["cpu"])
    base = [http, "--cacert", root_ca.cert]
    target = server.url + "/api/0/profiles" + query(service="shop", type="cpu", labels="host=web-1")
    pushed = json.loads(curl(*base, "--data-binary", "@cpu.pb.gz", target))
    assert pushed["code"] == 200
    got = curl(*base, server.url + "/api/0/profiles/" + pushed["body"]["id"])
    assert differences(parse(go_profiles["cpu"]), parse(got)) == []
    assert b"shop" in curl(*base, server.url + "/api/0/services")
    (line,) = [line for line in server.access_lines() if "method=POST" in line]
    assert "code=200" in line
