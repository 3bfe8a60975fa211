"""Profiles without a sample, as Go's block and mutex profiles are until something waits: stored, found, merged and shown
like any other."""
# variants: release, asan

import gzip
import itertools
import subprocess

import pytest
from builders import everything, small
from conftest import corpus_files
from pprof_merge import merge, merge_differences
from pprof_tool import tool_environment
from pprof_wire import Function, Line, Location, Mapping, Profile, Sample, ValueType, differences, encode, parse, tag
from server import check_store, query
from strict_formats import read_dot, read_svg, strict

T0 = 1_700_000_000_000_000_000
services = (f"empty-{n}" for n in itertools.count())


def block(n=0, **changes):
    """As runtime/pprof writes it where nothing has waited."""
    fields = {
        "sample_types": [ValueType(b"contentions", b"count"), ValueType(b"delay", b"nanoseconds")],
        "mappings": [Mapping(1, 0x400000, 0x500000, 0, b"/bin/app", b"", True)],
        "time_nanos": T0 + n * 1_000_000_000,
        "duration_nanos": 10_000_000_000,
        "period_type": ValueType(b"contentions", b"count"),
        "period": 1,
    }
    return Profile(**{**fields, **changes})


def waited(n=0):
    return block(
        n,
        samples=[Sample([1], [2, 300])],
        locations=[Location(1, 1, 0x401000, [Line(1, 7)])],
        functions=[Function(1, b"main.wait", b"main.wait", b"/src/main.go", 5)],
    )


KINDS = {
    "as Go writes it": block(),
    "a CPU profile": small(samples=[], locations=[], functions=[]),
    "with symbols that nothing uses": small(samples=[]),
    "every other field in use": everything(),
    "types alone": Profile(sample_types=[ValueType(b"a", b"b")]),
    "types without a name": Profile(sample_types=[ValueType(), ValueType()]),
}
KINDS["every other field in use"].samples = []
BODIES = {name: encode(profile) for name, profile in KINDS.items()}
BODIES["kept as it came"] = encode(block()) + tag(100, 1)  # a field that profile.proto does not define


@pytest.mark.parametrize("name", BODIES)
def test_it_comes_back_equal(start, name):
    server = start()
    body = BODIES[name]
    pushed = parse(body)
    ids = [server.push(body, type="block"), server.push(gzip.compress(body), type="block")]
    for one in ids:
        assert differences(parse(server.fetch(one)), pushed) == []
    assert sorted(one["id"] for one in server.find(type="block").result) == sorted(ids)
    both = parse(server.fetch(*ids))
    assert both.samples == [] and both.sample_types == pushed.sample_types
    server.stop()
    check_store(server.data)
    server.start()
    for one in ids:
        assert differences(parse(server.fetch(one)), pushed) == []


@pytest.mark.parametrize("path", corpus_files("profefe/collector_cpu_no-samples.prof"))
def test_a_real_one_comes_back_equal(shared_server, path):
    body = path.read_bytes()
    assert differences(parse(shared_server.fetch(shared_server.push(body, service="real"))), parse(body)) == []


MERGES = {
    "none has any": [block(0), block(1), block(2)],
    "the first has none": [block(0), waited(1)],
    "the last has none": [waited(0), block(1)],
    "in between": [waited(0), block(1), waited(2), block(3)],
    "of other binaries": [block(0, mappings=[]), block(1), block(2, mappings=[Mapping(1, 1 << 20, 1 << 21, 0, b"/bin/b")])],
    "with symbols that go": [block(0, locations=[Location(1, 1, 0x401000)]), waited(1)],
}


@pytest.mark.parametrize("name", MERGES)
def test_merges_are_those_of_google_pprof(shared_server, name):
    profiles, service = MERGES[name], next(services)
    ids = [shared_server.push(encode(one), service=service, type="block") for one in profiles]
    expected = merge(profiles)
    assert merge_differences(expected, parse(shared_server.fetch(*ids))) == []
    answer = shared_server.merge(service=service, type="block")
    assert answer.status == 200 and merge_differences(expected, parse(answer.body)) == []


def test_merges_over_a_restart_and_of_raw_ones(start):
    server = start()
    bodies = [encode(block(0)), BODIES["kept as it came"], encode(block(2))]
    ids = [server.push(bodies[0], type="block"), server.push(bodies[1], type="block")]
    server.restart()
    ids.append(server.push(bodies[2], type="block"))
    merged = parse(server.fetch(*ids))
    assert merge_differences(merge([parse(body) for body in bodies]), merged) == []
    assert merged.samples == [] and merged.duration_nanos == 30_000_000_000


@pytest.fixture(scope="module", params=["one", "merged"])
def nothing(request, shared_server):
    """ask(format, …): the answer about one profile without samples, or about three."""
    service = next(services)
    n = 1 if request.param == "one" else 3
    ids = [shared_server.push(encode(block(k)), service=service, type="block") for k in range(n)]

    def ask(format, **parameters):
        if n == 1:
            answer = shared_server.get(f"/api/0/profiles/{ids[0]}" + query(format=format, **parameters))
        else:
            answer = shared_server.merge(service=service, type="block", format=format, **parameters)
        return answer

    ask.service, ask.ids, ask.n = service, ids, n
    return ask


FILTERS = [{}, {"focus": "x"}, {"ignore": "x"}, {"hide": "x"}, {"show": "x"}, {"show_from": "x"}, {"direction": "up"},
           {"granularity": "addresses"}, {"sample_type": "contentions"}, {"max_nodes": 1}]  # fmt: skip


@pytest.mark.parametrize("filter", FILTERS, ids=str)
def test_views_of_nothing_are_no_errors(nothing, filter):
    tree = strict(nothing("flamegraph", **filter))
    assert tree["total"] == 0 and tree["names"] == ["root"] and tree["profiles"] == nothing.n
    assert {key: len(column) for key, column in tree["nodes"].items()} == dict.fromkeys(tree["nodes"], 1)
    assert tree["duration_nanos"] == nothing.n * 10_000_000_000
    rows = strict(nothing("top", **filter))
    assert (rows["total"], rows["rows"], rows["missing"]["rows"]) == (0, [], 0)
    folded = nothing("folded", **filter)
    assert (folded.status, folded.body) == (200, b"")
    unit = "0" if "sample_type" in filter else "0ns"
    shown = "contentions" if "sample_type" in filter else "delay"
    assert read_svg(nothing("svg", **filter).body) == [f"{shown}: {unit}", "No samples with a value"]
    nodes, edges = read_dot(nothing("dot", **filter).body)
    assert list(nodes) == ['"legend"'] and not edges
    assert nodes['"legend"'] == [f"Type: {shown}", "Showing 0 nodes, 0 left out", f"Total: {unit}", "No samples with a value", ""]
    left = parse(nothing("pprof", **filter).body)
    assert left.samples == [] and left.sample_types == block().sample_types


def test_what_is_asked_for_and_not_there_is_404(nothing):
    for parameters in ({"root": "main"}, {"function": "main"}):
        assert nothing("flamegraph", **parameters).status == 404
    assert "there are contentions, delay" in nothing("top", sample_type="cpu").error


@pytest.mark.parametrize("normalize", [None, "true"])
def test_comparisons_with_nothing(nothing, shared_server, normalize):
    busy = shared_server.push(encode(waited()), service=next(services), type="block")
    empty = nothing.ids[0]
    for ids, sums in (((empty, empty), (0, 0)), ((busy, empty), (300, 0)), ((empty, busy), (0, 300))):
        target = "/api/0/profiles/diff" + query(id=ids[0], base_id=ids[1], normalize=normalize)
        for format in ("flamegraph", "top"):
            body = strict(shared_server.get(target + f"&format={format}"))
            assert body["base_total_sum"] == sums[1]
            assert body["total"] == (0 if normalize and sums[1] == 0 else sums[0])
        assert shared_server.get(target).status == 200


def test_lists_and_time_lines_count_them(nothing, shared_server):
    listed = strict(shared_server.find(service=nothing.service, totals="true"))
    assert [[total["value"] for total in one["totals"]] for one in listed] == [[0, 0]] * nothing.n
    assert strict(shared_server.get("/api/0/types" + query(service=nothing.service)))[0]["count"] == nothing.n
    kinds = strict(shared_server.get("/api/0/sample_types" + query(service=nothing.service, type="block")))
    assert [one["type"] for one in kinds] == ["contentions", "delay"]
    at = T0 // 1_000_000_000
    line = {"service": nothing.service, "type": "block", "from_": at, "to": at + 59, "step": "10000d"}
    (group,) = strict(shared_server.get("/api/0/series" + query(**line)))["groups"]
    assert (group["sum"], group["count"], group["duration"]) == ([0], [nothing.n], [10 * nothing.n])
    (group,) = strict(shared_server.get("/api/0/series" + query(**line, function="main.wait")))["groups"]
    assert (group["self"], group["total"]) == ([0], [0])


def test_go_tool_pprof_opens_it(nothing, shared_server, tmp_path):
    one = f"/api/0/profiles/{nothing.ids[0]}"
    target = one if nothing.n == 1 else shared_server.merge_target(service=nothing.service, type="block")
    command = ["go", "tool", "pprof", "-top", shared_server.url + target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=tool_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Type: delay" in done.stdout and "0% of 0 total" in done.stdout


def test_a_build_takes_it_for_pgo(shared_server, tmp_path):
    one = shared_server.push(BODIES["a CPU profile"], service=next(services))
    answer = shared_server.get(f"/api/0/profiles/{one}?format=pgo")
    assert answer.status == 200 and parse(answer.body).samples == []
    (tmp_path / "default.pgo").write_bytes(answer.body)
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True, env=tool_environment(tmp_path))
    if tuple(map(int, version.stdout.strip().removeprefix("go").split(".")[:2])) < (1, 21):
        pytest.skip("this Go has no -pgo, or refuses empty profiles")
    (tmp_path / "go.mod").write_text("module m\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { println(1) }\n")
    environment = {**tool_environment(tmp_path), "GOTOOLCHAIN": "local"}
    done = subprocess.run(["go", "build", "-pgo=default.pgo", "."], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
