"""What an error tells a program, and a person who sees it through go tool pprof."""

import subprocess

import pytest

import pprof_tool
from server import query

MERGE = "/api/0/profiles/merge"
RANGE = {"from_": "2020-01-01T00:00:00", "to": "2040-01-01T00:00:00"}


def problem(answer):
    assert answer.error  # and all that every error has
    return answer.status, answer.json["kind"], answer.json.get("param")


@pytest.mark.parametrize(
    "target, expected",
    [
        (query(**RANGE), (400, "invalid_request", "service")),
        (query(service="x" * 256, **RANGE), (400, "invalid_request", "service")),
        (query(service="a", from_="soon", to="2040-01-01T00:00:00"), (400, "invalid_request", "from")),
        (query(service="a", to="2040-01-01T00:00:00"), (400, "invalid_request", "from")),
        (query(service="a", from_="2020-01-01T00:00:00"), (400, "invalid_request", "to")),
        (query(service="a", limit="many", **RANGE), (400, "invalid_request", "limit")),
        (query(service="a", totals="maybe", **RANGE), (400, "invalid_request", "totals")),
        (query(service="a", labels="a=~(", **RANGE), (400, "invalid_request", "labels")),
        ("?service=%zz", (400, "invalid_request", "service")),
        (query(service="nobody", **RANGE), (404, "not_found", None)),
    ],
)
def test_a_query_names_what_is_wrong(shared_server, target, expected):
    assert problem(shared_server.get("/api/0/profiles" + target)) == expected


@pytest.mark.parametrize(
    "target, expected",
    [
        ("/api/0/profiles/merge" + query(service="a", **RANGE), (405, "not_allowed", "type")),
        ("/api/0/profiles/merge" + query(service="a", type="cpu", format="pie", **RANGE), (400, "invalid_request", "format")),
        ("/api/0/profiles/merge" + query(service="a", type="cpu", focus="(", **RANGE), (400, "invalid_request", "focus")),
        ("/api/0/profiles/merge" + query(service="a", type="cpu", format="top", rows="x", **RANGE), (400, "invalid_request", "rows")),
        ("/api/0/profiles/a++b", (400, "invalid_request", "id")),
        ("/api/0/profiles/diff" + query(id="a"), (400, "invalid_request", "base_id")),
        ("/api/0/profiles/diff" + query(service="a", type="cpu", **RANGE), (400, "invalid_request", "base_from")),
        ("/api/0/series" + query(service="a", **RANGE), (400, "invalid_request", "type")),
        ("/api/0/series" + query(service="a", type="cpu", step="x", **RANGE), (400, "invalid_request", "step")),
        ("/api/0/nothing", (404, "not_found", None)),
    ],
)
def test_a_view_names_what_is_wrong(shared_server, target, expected):
    assert problem(shared_server.get(target)) == expected


def test_a_push_names_what_is_wrong(shared_server):
    push = shared_server.post
    assert problem(push(b"no profile")) == (400, "malformed_body", None)
    assert problem(push(b"", headers={"Content-Encoding": "br"})) == (415, "unsupported", None)
    assert problem(push(b"x", headers={"Content-Encoding": "gzip"})) == (400, "malformed_body", None)
    assert problem(push(b"x", type="wall")) == (400, "invalid_request", "type")
    assert push(b"x", type="wall").error.startswith('bad request: unknown profile type "wall": there are cpu, heap')
    assert push(b"x", type="allocs").error == 'bad request: unknown profile type "allocs": use heap, which holds both'
    assert problem(shared_server.request("DELETE", "/api/0/services")) == (405, "not_allowed", None)


def test_an_external_id_is_looked_at(shared_server, go_profiles):
    body = go_profiles["cpu"]

    def push(parameter=None, header=None):
        target = "/api/0/profiles" + query(service="app", type="cpu", external_id=parameter)
        return shared_server.request("POST", target, body, {"Idempotency-Key": header})

    assert push("x" * 128).status == push(header=("ü" * 64).encode().decode("latin-1")).status == push("a", "a").status == push("", "a").status == 200
    assert problem(push("x" * 129)) == (400, "invalid_request", "external_id")
    assert problem(push("a\nb")) == (400, "invalid_request", "external_id")
    assert problem(push("\udcff")) == (400, "invalid_request", "external_id")
    assert problem(push(header="x" * 129)) == (400, "invalid_request", "Idempotency-Key")
    assert problem(push("a", "b")) == (400, "invalid_request", "external_id")


OPTIONS = "tagfocus tagignore tagshow taghide tagroot tagleaf prune_from noinlines unit nodecount divide_by mean sort".split()


@pytest.mark.parametrize("route", [MERGE, "/api/0/profiles/dc1eq3c8akc1ptfubjn0", "/api/0/profiles/diff"])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_pprof_that_is_not_there_is_refused(shared_server, route, option):
    """Without it the answer would show another picture than was asked for."""
    target = route + query(service="a", type="cpu", base_from="1", base_to="2", **RANGE)
    for form in ("", "&format=top", "&format=flamegraph"):
        answer = shared_server.get(f"{target}{form}&{option}=x")
        assert problem(answer) == (400, "invalid_request", option)
        assert f'"{option}" is not supported here' in answer.error
        assert problem(shared_server.get(f"{target}{form}&{option}=&instance_id=7"))[0] == 404


def test_go_tool_pprof_gets_text_where_it_would_have_got_a_profile(shared_server):
    target = MERGE + query(service="nobody", type="cpu", **RANGE)
    for path in (target, target + "&format=pprof", "/api/0/profiles/dc1eq3c8akc1ptfubjn0"):
        answer = shared_server.get(path, Accept=None)
        assert (answer.status, answer.body) == (404, b"nothing found\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8" and answer.headers["x-go-pprof"] == "1"
        assert "x-go-pprof" not in shared_server.get(path).headers and shared_server.get(path).error == "nothing found"
    assert shared_server.get(target + "&format=top", Accept=None).error == "nothing found"
    assert shared_server.get("/api/0/services", Accept=None).status in (200, 404)
    assert shared_server.request("POST", "/api/0/profiles", b"", {"Accept": None}).error  # a push stays JSON
    assert shared_server.get("/api/0/profiles" + query(service="nobody", **RANGE), Accept=None).error  # and a list


def test_go_tool_pprof_prints_why(shared_server, tmp_path):
    target = shared_server.url + MERGE + query(service="nobody", type="cpu", from_="soon", to="2040-01-01T00:00:00")
    command = [pprof_tool.tool(), "-top", target]
    environment = pprof_tool.tool_environment(tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode != 0
    assert 'bad request: bad "from" timestamp "soon"' in done.stderr
