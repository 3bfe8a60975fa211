"""The query API for people: views held against `go tool pprof`, and what keeps them safe."""

import re
import shutil
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree
from dataclasses import replace

import pytest
from builders import everything, small
from pprof_tool import difference, our_rows, tool_rows
from pprof_wire import Function, Label, Line, Location, Mapping, Sample, ValueType, encode, parse
from server import FROM, TO, query
from views import FAMILIES, Tree, family, flame, push_all, services, top, view


@pytest.fixture(scope="session")
def tool_home(tmp_path_factory):
    return tmp_path_factory.mktemp("pprof-tool")


FILTERS = {
    "none": {},
    "focus": {"focus": r"runtime\.mallocgc"},
    "ignore": {"ignore": "gc|malloc"},
    "hide": {"hide": r"^runtime\."},
    "show": {"show": "profefe|compile|collector|parser"},
    "show a file": {"show": r"\.s$|proc\.go"},
    "show from": {"show_from": r"net/http.*Serve|gc\.Main|checkFiles"},
    "all at once": {"focus": "malloc|gc", "ignore": "memclr", "hide": "internal", "show": "[a-z]", "show_from": "serve|main"},
    "nothing matches": {"focus": "no such function anywhere"},
    "case folds": {"focus": "(?i)MALLOCGC"},
    "a binary": {"hide": "profefe-go$|collector-service$|parser$"},
}


@pytest.mark.parametrize("granularity", ["functions", "files", "lines", "addresses"])
@pytest.mark.parametrize("name", FAMILIES)
def test_top_is_that_of_go_tool_pprof(shared_server, corpus, tool_home, name, granularity):
    service, files, kind, unit, index = family(shared_server, corpus, name)
    expected = tool_rows(tool_home, *files, unit=unit, index=index, flags=[f"-{granularity}"])
    body = top(shared_server, service, type=kind, sample_type=index, granularity=granularity)
    assert our_rows(body, granularity) == expected
    assert body["missing"] == {"rows": 0, "flat": 0}
    assert body["profiles"] == len(files)


@pytest.mark.parametrize("name", ["cpu", "heap", "compiler"])
@pytest.mark.parametrize("filter", FILTERS)
def test_filters_mean_what_they_mean_to_go_tool_pprof(shared_server, corpus, tool_home, name, filter):
    service, files, kind, unit, index = family(shared_server, corpus, name)
    given = FILTERS[filter]
    flags = [f"-{key}={value}" for key, value in given.items()]
    expected = tool_rows(tool_home, *files, unit=unit, index=index, flags=flags)
    assert our_rows(top(shared_server, service, type=kind, sample_type=index, **given)) == expected


def test_filters_apply_to_pprof_too(shared_server, corpus, tool_home, tmp_path):
    service, files, kind, unit, index = family(shared_server, corpus, "cpu")
    answer = shared_server.merge(service=service, focus="mallocgc", hide="memclr")
    assert answer.headers["content-type"] == "application/octet-stream"
    path = tmp_path / "filtered.pb.gz"
    path.write_bytes(answer.body)
    expected = tool_rows(tool_home, *files, unit=unit, index=index, flags=["-focus=mallocgc", "-hide=memclr"])
    assert tool_rows(tool_home, path, unit=unit, index=index) == expected
    assert len(parse(answer.body).locations) < len(parse(shared_server.merge(service=service).body).locations)


def test_a_flame_graph_adds_up_and_agrees_with_folded_and_top(shared_server, corpus):
    for name in ("cpu", "heap", "goroutine"):
        service, _, kind, _, index = family(shared_server, corpus, name)
        tree = Tree(flame(shared_server, service, type=kind, sample_type=index, max_nodes=200000))
        tree.check_sums()
        tree.check_order()
        assert tree.body["truncated"] == {"nodes": 0, "value": 0}
        assert tree.nodes["total"][0] == tree.body["total"]
        folded = view(shared_server, service, "folded", type=kind, sample_type=index)
        assert folded.headers["content-type"].startswith("text/plain")
        stacks = {}
        for line in folded.body.decode().splitlines():
            stack, value = line.rsplit(" ", 1)
            path = () if stack == "(no stack)" else tuple(stack.split(";"))
            assert path not in stacks, "equal stacks are joined"
            stacks[path] = int(value)
        assert stacks == {tuple(n.replace(";", ":") for n in path): v for path, v in tree.stacks().items()}
        flat, cum = {}, {}
        for path, value in tree.stacks().items():
            if path:
                flat[path[-1]] = flat.get(path[-1], 0) + value
            for frame in set(path):
                cum[frame] = cum.get(frame, 0) + value
        rows = our_rows(top(shared_server, service, type=kind, sample_type=index))
        assert rows == sorted((n, flat.get(n, 0), cum[n]) for n in cum if flat.get(n) or cum[n])


def test_build_ids_go_with_binaries(shared_server):
    def built(name, build_id):
        body = small(name=name)
        body.functions.append(Function(2, b"main.both", b"main.both", b"/src/app/main.go", 1))
        body.locations.append(Location(2, 1, 0x402000, [Line(2, 2)]))
        body.samples.append(Sample([1, 2], [1, 10]))
        body.mappings[0] = replace(body.mappings[0], build_id=build_id)
        return encode(body)

    def build_ids(body):
        assert len(body["build_ids"]) == len(body["binaries"])
        tree = Tree(body)
        at = tree.nodes["binary"]
        return {name: (body["binaries"][at[i]], body["build_ids"][at[i]]) for i, name in enumerate(tree.names)}

    service, ids = push_all(shared_server, [built(b"main.old", b"0a1b"), built(b"main.new", b"2c3d")])
    app = "/usr/bin/app"
    both = {"root": ("", ""), "main.old": (app, "0a1b"), "main.new": (app, "2c3d"), "main.both": (app, "")}
    assert build_ids(flame(shared_server, service)) == both
    single = shared_server.get(f"/api/0/profiles/{ids[1]}?format=flamegraph").result
    assert build_ids(single) == {"root": ("", ""), "main.new": (app, "2c3d"), "main.both": (app, "2c3d")}
    diff = shared_server.get(f"/api/0/profiles/diff?id={ids[0]}&base_id={ids[1]}&format=flamegraph").result
    assert build_ids(diff) == both


@pytest.mark.parametrize("most", [1, 2, 10, 500])
def test_a_cut_flame_graph_keeps_the_largest_and_every_sum(shared_server, corpus, most):
    service, _, _, _, _ = family(shared_server, corpus, "cpu")
    whole = Tree(flame(shared_server, service, max_nodes=200000))
    cut = Tree(flame(shared_server, service, max_nodes=most))
    cut.check_sums()
    cut.check_order()
    assert cut.nodes["total"][0] == whole.nodes["total"][0]
    others = [node for node in range(cut.n) if cut.nodes["folded"][node]]
    assert cut.n - len(others) == most
    assert all(cut.names[node] == "(other)" for node in others)
    left_out = sum(cut.nodes["folded"][node] for node in others)
    assert left_out == whole.n - most == cut.body["truncated"]["nodes"]
    assert cut.body["truncated"]["value"] == sum(cut.nodes["total"][node] for node in others)
    kept = sorted((cut.nodes["total"][n] for n in range(cut.n) if not cut.nodes["folded"][n]), reverse=True)
    assert kept == sorted(whole.nodes["total"], reverse=True)[:most]


def test_what_was_folded_away_opens_at_its_root(shared_server, corpus):
    service, _, _, _, _ = family(shared_server, corpus, "cpu")
    whole = Tree(flame(shared_server, service, max_nodes=200000))
    for node in (1, whole.n // 10, whole.n // 2, whole.n - 1):
        path = whole.path(node)
        root = ";".join(urllib.parse.quote(name, safe="") for name in path)
        part = Tree(flame(shared_server, service, max_nodes=200000, root=root))
        part.check_sums()
        assert part.nodes["total"][0] == whole.nodes["total"][node]
        assert part.body["total"] == whole.body["total"]
        expected = {p[len(path) :]: v for p, v in whole.stacks().items() if p[: len(path)] == path}
        assert part.stacks() == expected
    assert view(shared_server, service, "flamegraph", root="nothing;like;this").status == 404


def test_top_says_what_is_missing(shared_server, corpus):
    service, _, _, _, _ = family(shared_server, corpus, "cpu")
    whole, part = top(shared_server, service), top(shared_server, service, rows=5)
    assert part["rows"] == whole["rows"][:5]
    assert part["missing"] == {
        "rows": len(whole["rows"]) - 5,
        "flat": sum(row["flat"] for row in whole["rows"][5:]),
    }
    flats = [row["flat"] for row in whole["rows"]]
    assert flats == sorted(flats, reverse=True)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name, given", [("cpu", {}), ("heap", {}), ("cpu", {"focus": "malloc"})])
def test_a_comparison_is_that_of_diff_base(shared_server, corpus, tool_home, tmp_path, name, given, normalize):
    pattern, _, kind, unit, index = FAMILIES[name]
    files = sorted(corpus.glob(pattern))
    ours, base = files[:4], files[6:9]
    service = next(services)
    for host, list in (("a", ours), ("b", base)):
        for path in list:
            shared_server.push(path.read_bytes(), service=service, type=kind, labels=f"host={host}")
    base_path = tmp_path / "base.pb.gz"
    base_path.write_bytes(shared_server.merge(service=service, type=kind, labels="host=b").body)
    flags = [f"-diff_base={base_path}", *(["-normalize"] if normalize else [])]
    flags += [f"-{key}={value}" for key, value in given.items()]
    expected = tool_rows(tool_home, *ours, unit=unit, index=index, flags=flags)

    common = dict(service=service, type=kind, from_=FROM, to=TO, labels="host=a", base_labels="host=b", **given)
    common["normalize"] = "true" if normalize else None

    def diff(**parameters):
        return shared_server.get("/api/0/profiles/diff" + query(**common, **parameters))

    body = diff(format="top", rows=0, sample_type=index).result
    assert our_rows(body, value=difference) == expected
    tree = Tree(diff(format="flamegraph", max_nodes=200000, sample_type=index).result)
    tree.check_sums()
    tree.check_sums("base_")
    assert tree.body["total"] == tree.nodes["total"][0] == body["total"]
    assert tree.body["base_total_sum"] == tree.nodes["base_total"][0]
    cut = Tree(diff(format="flamegraph", max_nodes=30, sample_type=index).result)
    cut.check_sums()
    cut.check_sums("base_")
    path = tmp_path / "diff.pb.gz"
    path.write_bytes(diff().body)
    assert tool_rows(tool_home, path, unit=unit, index=index) == expected
    sides = {True: 0, False: 0}
    for sample in parse(path.read_bytes()).samples:
        sides[Label(b"pprof::base", b"true") in sample.labels] += 1
    assert sides[True] and sides[False]


def test_a_comparison_by_ids_and_its_mistakes(shared_server):
    service, (a, b) = push_all(shared_server, [encode(small(value=5)), encode(small(value=3))])

    def diff(**parameters):
        return shared_server.get("/api/0/profiles/diff" + query(**parameters))

    body = diff(id=a, base_id=b, format="top", sample_type="samples").result
    assert [(row["flat"], row["base_flat"]) for row in body["rows"]] == [(5, 3)]
    assert diff(id=f"{a}+{a}", base_id=b, format="top", sample_type="samples").result["total"] == 10
    assert "base_id" in diff(id=a).error
    assert "base_from" in diff(service=service, type="cpu", from_=FROM, to=TO).error
    assert diff(service=service, type="cpu", from_=FROM, to=TO, base_labels="a=b").status == 404
    assert "format" in diff(id=a, base_id=b, format="folded").error
    assert "normalize" in diff(id=a, base_id=b, normalize="perhaps").error
    assert diff(id=a, base_id="bo51acqs8snb9srq3p10").status == 404
    other = shared_server.push(encode(small(sample_types=[ValueType(b"x", b"y"), ValueType(b"z", b"y")])), service=service)
    assert "sample types" in diff(id=a, base_id=other).error


def test_one_profile_by_its_id_and_several(shared_server, corpus, tool_home):
    path = sorted(corpus.glob("collector-service/cpu.*"))[0]
    _, ids = push_all(shared_server, [path.read_bytes()] * 2)
    one = shared_server.get(f"/api/0/profiles/{ids[0]}?format=top&rows=0").result
    assert our_rows(one) == tool_rows(tool_home, path)
    both = shared_server.get(f"/api/0/profiles/{ids[0]}+{ids[1]}?format=top&rows=0").result
    assert our_rows(both) == tool_rows(tool_home, path, path)
    assert both["profiles"] == 2


@pytest.mark.parametrize("language", ["languages"])
def test_other_languages(shared_server, corpus, tool_home, language):
    for path in sorted(corpus.glob(f"{language}/*")):
        one = shared_server.push(path.read_bytes(), service=next(services), type="other")
        for index, kind in enumerate(parse(path.read_bytes()).sample_types):
            body = shared_server.get(f"/api/0/profiles/{one}" + query(format="top", rows=0, sample_type=kind.type.decode())).result
            unit = {b"nanoseconds": "ns", b"bytes": "B"}.get(kind.unit, kind.unit.decode())
            assert our_rows(body) == tool_rows(tool_home, path, unit=unit, index=index), (path, kind)


def pruned_profile(drop, keep=b""):
    """main -> malloc -> sbrk, and malloc alone."""
    names = [b"main", b"malloc(int)", b"sbrk", b"operator()(long)"]
    return small(
        samples=[Sample([3, 2, 1], [1, 100]), Sample([2], [10, 1000]), Sample([4, 1], [100, 10000])],
        functions=[Function(n + 1, name, name, b"/src/a.cc", 1) for n, name in enumerate(names)],
        locations=[Location(n + 1, 1, 0x401000 + n, [Line(n + 1, 7)]) for n in range(4)],
        drop_frames=drop,
        keep_frames=keep,
    )


@pytest.mark.parametrize("drop, keep", [(b"malloc", b""), (b"malloc|sbrk", b"mal.*"), (b".*", b"main"), (b"(", b""), (b"operator\\(\\)", b"")])
def test_uninteresting_frames_are_left_out_for_people_only(shared_server, tool_home, tmp_path, drop, keep):
    body = encode(pruned_profile(drop, keep))
    path = tmp_path / "pruned.pb"
    path.write_bytes(body)
    service, (one,) = push_all(shared_server, [body])
    assert our_rows(top(shared_server, service)) == tool_rows(tool_home, path)
    assert parse(shared_server.fetch(one)).functions


HOSTILE = [
    "<script>alert(1)</script>",
    "a;b;c 12",
    'quote " backslash \\ newline \n tab \t',
    "\u202ertl\u202c",
    "🔥" * 10,
    "x" * 10_000,
    "",
    "(other)",
    "root",
    "%41%zz+",
]


def chain_of(names, repeat=1):
    """One stack that goes through all names, leaf last."""
    functions = [Function(n + 1, name, name, b"/src/\x80.go", 1) for n, name in enumerate(names)]
    return small(
        functions=functions,
        locations=[Location(n + 1, 1, 0x401000 + n, [Line(n + 1, 7)]) for n in range(len(names))],
        samples=[Sample(list(range(len(names), 0, -1)) * repeat, [1, 10])],
    )


def test_hostile_names_are_text(shared_server):
    names = [name.encode() for name in HOSTILE] + [b"\xff\xfe not utf-8"]
    service, _ = push_all(shared_server, [encode(chain_of(names))])
    tree = Tree(flame(shared_server, service))
    shown = [name if name else "[app]" for name in HOSTILE] + ["\ufffd\ufffd not utf-8"]
    assert tree.path(tree.n - 1) == tuple(shown)
    assert {row["name"] for row in top(shared_server, service)["rows"]} == set(shown)
    root = ";".join(urllib.parse.quote(name, safe="") for name in shown[:-1])
    assert Tree(flame(shared_server, service, root=root)).path(1) == (shown[-1],)
    folded = view(shared_server, service, "folded").body.split(b"\n")
    assert len(folded) == 2 and folded[1] == b""
    assert folded[0].count(b";") == len(names) - 1


def test_deep_stacks(shared_server):
    names = [b"f%d" % n for n in range(3000)]
    service, _ = push_all(shared_server, [encode(chain_of(names))])
    tree = Tree(flame(shared_server, service))
    assert tree.n == 3001 and tree.nodes["total"][3000] == 10
    assert len(view(shared_server, service, "folded").body.split(b";")) == 3000
    service, _ = push_all(shared_server, [encode(chain_of([b"again"], 10_000))])
    tree = Tree(flame(shared_server, service, max_nodes=100000))
    assert tree.n == 10_001 and set(tree.nodes["total"]) == {10}
    assert top(shared_server, service)["rows"][0]["cum"] == 10, "a frame counts once a stack"
    cut = Tree(flame(shared_server, service, max_nodes=10))
    assert cut.nodes["folded"][10] == 10_001 - 10 and cut.nodes["total"][10] == 10


def test_odd_profiles(shared_server, tool_home, tmp_path):
    """Empty stacks, zero and negative values, folded and inlined lines, locations without lines or binary."""
    one = everything()
    one.samples[-1].values = [1 << 50, -(1 << 50)]  # the tool prints through a double
    path = tmp_path / "odd.pb"
    for granularity in ("functions", "lines", "addresses", "files"):
        if granularity == "files":  # the tool tells functions of one file apart by where they start
            one.functions = [replace(function, start_line=0) for function in one.functions]
        path.write_bytes(encode(one))
        service, _ = push_all(shared_server, [encode(one)], type="heap")
        for index, unit in (("alloc_objects", "count"), ("alloc_space", "B")):
            expected = tool_rows(tool_home, path, unit=unit, index=index, flags=[f"-{granularity}"])
            ours = our_rows(top(shared_server, service, type="heap", sample_type=index, granularity=granularity), granularity)
            assert ours == expected, (granularity, index)
    tree = Tree(flame(shared_server, service, type="heap", sample_type="alloc_objects"))
    tree.check_sums()
    assert tree.nodes["self"][0] == 5, "the sample without a stack"
    inlined = [node for node in range(tree.n) if tree.nodes["inlined"][node]]
    assert {tree.names[node] for node in inlined} == {"inlined"}


@pytest.mark.parametrize(
    "parameters, word",
    [
        ({"format": "html"}, "format"),
        ({"focus": "("}, "focus"),
        ({"ignore": "a{2,1}"}, "ignore"),
        ({"hide": "[z-a]"}, "hide"),
        ({"show": "*"}, "show"),
        ({"show_from": "\\"}, "show_from"),
        ({"focus": "x" * 2000}, "focus"),
        ({"granularity": "lines and more"}, "granularity"),
        ({"sample_type": "inuse_space"}, "samples, cpu"),
        ({"max_nodes": "0"}, "max_nodes"),
        ({"max_nodes": "many"}, "max_nodes"),
        ({"rows": "-1"}, "rows"),
    ],
)
def test_mistakes_are_named(shared_server, parameters, word):
    service, _ = push_all(shared_server, [encode(small())])
    answer = view(shared_server, service, parameters.pop("format", "flamegraph"), **parameters)
    assert answer.status == 400 and word in answer.error, answer


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(?:a?){500}a{500}", "(x+x+)+y|(a*)*b"])
def test_no_pattern_burns_the_server(shared_server, pattern):
    names = [b"a" * 500 + b"%d!" % n for n in range(300)]
    service, _ = push_all(shared_server, [encode(chain_of(names))])
    answer = view(shared_server, service, "top", focus=pattern)
    assert answer.status == 200 or "focus" in answer.error


def test_svg_is_xml_that_says_what_the_flame_graph_says(shared_server, corpus):
    service, _, _, _, _ = family(shared_server, corpus, "cpu")
    answer = view(shared_server, service, "svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    root = xml.etree.ElementTree.fromstring(answer.body)
    svg = "{http://www.w3.org/2000/svg}"
    titles = [group.find(svg + "title").text for group in root.iter(svg + "g")]
    tree = Tree(flame(shared_server, service))
    assert titles[0].startswith("root (") and titles[0].endswith(", 100%)")
    wide = [n for n in range(tree.n) if tree.nodes["total"][n] * 1000 > tree.nodes["total"][0]]
    assert {tree.names[node] for node in wide} <= {title.rsplit(" (", 1)[0] for title in titles}
    assert b"<script" not in answer.body and b"href" not in answer.body
    hostile, _ = push_all(shared_server, [encode(chain_of([name.encode() for name in HOSTILE if name] + [b"\xff\x01"]))])
    root = xml.etree.ElementTree.fromstring(view(shared_server, hostile, "svg").body)
    assert any("<script>alert(1)</script>" in title.text for title in root.iter(svg + "title"))
    deep, _ = push_all(shared_server, [encode(chain_of([b"again"], 10_000))])
    assert len(list(xml.etree.ElementTree.fromstring(view(shared_server, deep, "svg", max_nodes=20000).body).iter(svg + "g"))) == 10_001


def test_dot_is_what_graphviz_takes(shared_server, corpus):
    service, _, _, _, _ = family(shared_server, corpus, "cpu")
    hostile, _ = push_all(shared_server, [encode(chain_of([name.encode() for name in HOSTILE] + [b"\xff\x01"]))])
    for one, most in ((service, None), (service, 5), (hostile, None)):
        answer = view(shared_server, one, "dot", max_nodes=most)
        assert answer.headers["content-type"].startswith("text/vnd.graphviz")
        text = answer.body.decode()
        nodes = re.findall(r"^N(\d+) \[label", text, re.M)
        edges = re.findall(r"^N(\d+) -> N(\d+) ", text, re.M)
        assert len(nodes) == (most or min(80, len(nodes))) and edges
        assert {end for edge in edges for end in edge} <= set(nodes)
        if shutil.which("dot"):
            done = subprocess.run(["dot", "-Tcanon"], input=answer.body, capture_output=True, timeout=60)
            assert done.returncode == 0 and not done.stderr, done.stderr


def call_edges(profile, index=0, innermost=None):
    """{(caller, callee, line of the call - first line of the caller): weight}, as Go's compiler reads them: of whole stacks in
    1.20, since then of the `innermost` two locations."""
    functions = {one.id: one for one in profile.functions}
    locations = {one.id: one for one in profile.locations}
    edges = {}
    for sample in profile.samples:
        value, seen, parent = sample.values[index], set(), None
        for at in reversed(sample.location_ids[:innermost]):
            for line in reversed(locations[at].lines):
                function = functions[line.function_id]
                node = (function.name, function.start_line, line.line, locations[at].address)
                if parent is not None and parent != node and (parent, node) not in seen and value:
                    seen.add((parent, node))
                    key = (parent[0], node[0], parent[2] - parent[1])
                    edges[key] = edges.get(key, 0) + value
                parent = node
    return edges


def with_start_lines(body):
    """Debian's Go does not record where functions start."""
    profile = parse(body)
    for function in profile.functions:
        function.start_line = 10 + len(function.name) % 7
    return encode(profile)


@pytest.mark.parametrize("name", ["cpu", "compiler"])
def test_pgo_has_every_call_edge_of_the_full_profile(shared_server, corpus, tool_home, tmp_path, name):
    pattern, count, _, _, _ = FAMILIES[name]
    service, _ = push_all(shared_server, [with_start_lines(path.read_bytes()) for path in sorted(corpus.glob(pattern))[:count]])
    full = shared_server.merge(service=service).body
    answer = view(shared_server, service, "pgo")
    assert answer.headers["content-disposition"] == 'attachment; filename="default.pgo"'
    for innermost in (None, 2):
        expected, found = (call_edges(parse(body), innermost=innermost) for body in (full, answer.body))
        assert found == expected and len(found) > 100
    small_one = parse(answer.body)
    assert [one.type for one in small_one.sample_types] == [b"samples"]
    assert not small_one.mappings and all(function.start_line for function in small_one.functions)
    assert len(answer.body) < len(full) * 0.75, (len(answer.body), len(full))
    path = tmp_path / "default.pgo"
    path.write_bytes(answer.body)
    assert tool_rows(tool_home, path, unit="count")


def test_pgo_of_recursion_and_of_what_is_no_cpu_profile(shared_server):
    def frames(*lines):
        return [Location(n + 1, 1, 0x401000 + n, [Line(1, line)]) for n, line in enumerate(lines)]

    again = small(locations=frames(7, 7, 9), samples=[Sample([3, 2, 1, 2, 1], [4, 40])])
    service, _ = push_all(shared_server, [encode(again)])
    found = parse(view(shared_server, service, "pgo").body)
    assert call_edges(found) == call_edges(again) == {(b"main.work", b"main.work", 2): 12}
    heap = small(sample_types=[ValueType(b"alloc_space", b"bytes"), ValueType(b"inuse_space", b"bytes")])
    service, _ = push_all(shared_server, [encode(heap)], type="heap")
    assert "CPU" in view(shared_server, service, "pgo", type="heap").error


def ids_of(server, service, labels, **parameters):
    answer = server.find(service=service, labels=labels, **parameters)
    return [] if answer.status == 404 else [one["id"] for one in answer.result]


LABELS = ["host=web-1,zone=eu", "host=web-2,zone=eu", "host=db-1", "host=~odd", "", "host=a%2Cb"]
MATCHERS = {
    "host=web-1": [0],
    "host!=web-1": [1, 2, 3, 4, 5],
    "host=~web-.": [0, 1],
    "host=~web": [],
    "host=~(web|db)-1": [0, 2],
    "host!~web-.*": [2, 3, 4, 5],
    "zone=eu,host!=web-1": [1],
    "zone=~eu|": [0, 1, 2, 3, 4, 5],
    "zone!=": [0, 1],
    "zone!=eu": [2, 3, 4, 5],
    "host=%7Eodd": [3],
    "host=~%7Eodd": [3],
    "host=~.odd": [3],
    "host=~a%2Cb": [5],
    "host=~.*,zone!~eu": [2, 3, 4, 5],
    "host = ~ .*": [],
    "nothing=~.+": [],
    "nothing!~.+": [0, 1, 2, 3, 4, 5],
    "HOST=~.+": [],
    "host=~.+": [0, 1, 2, 3, 5],
    "host!~.+": [4],
    "host=~(?i)WEB-1": [0],
}


def test_matchers(shared_server):
    service = next(services)
    at = 1_700_000_000 * 10**9
    ids = [
        shared_server.push(encode(small(time_nanos=at + n, value=1 << n)), service=service, labels=labels.replace("~", "%7E"))
        for n, labels in enumerate(LABELS)
    ]
    for text, expected in MATCHERS.items():
        assert ids_of(shared_server, service, text) == [ids[n] for n in expected], text
        assert ids_of(shared_server, service, text, limit=2) == [ids[n] for n in expected[-2:]], text
        merged = shared_server.merge(service=service, labels=text)
        total = sum(1 << n for n in expected)
        assert merged.status == 404 if not expected else parse(merged.body).samples[0].values[0] == total, text
        line = series(shared_server, service, labels=text, from_="1699999990")
        assert line.status == 404 if not expected else sum(line.result["groups"][0]["sum"]) == total, text
    for bad in ("host=~(", "host!~*", "host=~" + "x" * 2000, "host!=%zz"):
        assert "labels" in shared_server.find(service=service, labels=bad).error
    for pattern in ("(a*)*b", "(x+x+)+y"):
        assert shared_server.find(service=service, labels=f"host=~{pattern}").status in (400, 404)


def test_times_relative_to_now(shared_server):
    service = next(services)
    now = time.time()
    ids = [shared_server.push(encode(small(time_nanos=int((now - ago) * 1e9))), service=service) for ago in (90, 3000, 90000)]
    for from_, to, expected in [
        ("now-2m", "now", [0]),
        ("now-1h", "now", [1, 0]),
        ("now-1h30m", "now-5m", [1]),
        ("now-2d", "now-1h", [2]),
        ("now-1w", "now+5m", [2, 1, 0]),
        ("now-1w", "now 5m", [2, 1, 0]),
    ]:
        answer = shared_server.find(service=service, from_=from_, to=to)
        assert [one["id"] for one in answer.result] == [ids[n] for n in expected], (from_, to)
    for bad in ("now-", "now-1", "now-h", "now-1y", "now1h", "then", "now-1h-"):
        assert "from" in shared_server.find(service=service, from_=bad, to="now").error
    assert "from" in shared_server.find(service=service, from_="now", to="now-1h").error
    assert "created_at" in shared_server.post(encode(small()), service=service, created_at="now-1h").error


def test_an_empty_store_and_absent_things(server):
    assert view(server, "nobody", "flamegraph").status == 404
    assert server.get("/api/0/types?service=nobody").status == 404
    assert server.get("/api/0/sample_types?service=nobody&type=cpu").status == 404
    assert server.get("/api/0/labels?service=nobody").status == 404
    assert server.get("/api/0/series" + query(service="nobody", type="cpu", from_=FROM, to="1970-01-02T00:00:00")).status == 404
    panel = server.get("/api/0/store").result
    assert panel["profiles"] == 0 and panel["oldest"] is None and panel["newest"] is None
    trace = server.push(b"go 1.19 trace\0\0\0" + b"x" * 100, type="trace", service="t")
    assert server.get(f"/api/0/profiles/{trace}?format=top").status == 405


def hour_of(server, service):
    """20 CPU profiles and 20 heap profiles, 10 s apart, of two hosts; value n + 1 in the n-th."""
    for n in range(20):
        at = (1_700_000_000 + 10 * n) * 10**9
        labels = None if n == 19 else f"host=web-{n % 2},zone=z"
        server.push(encode(small(value=n + 1, time_nanos=at, duration_nanos=2 * 10**9)), service=service, labels=labels)
        heap = small(sample_types=[ValueType(b"alloc_space", b"bytes"), ValueType(b"inuse_space", b"bytes")], time_nanos=at)
        heap.samples[0].values = [n + 1, 1000 * (n + 1)]
        server.push(encode(heap), service=service, type="heap", labels=labels)


def test_types_sample_types_and_labels(shared_server):
    service = next(services)
    hour_of(shared_server, service)
    shared_server.push(encode(small()), service=service, type="heap", created_at="2023-11-14T22:13:20")
    types = shared_server.get(f"/api/0/types?service={service}").result
    assert [(one["type"], one["count"]) for one in types] == [("heap", 21), ("cpu", 20)]
    assert types[1]["first"] == "2023-11-14T22:13:20Z" and types[1]["last"] == "2023-11-14T22:16:30Z"
    narrowed = shared_server.get("/api/0/types" + query(service=service, from_="1700000000", to="1700000010")).result
    assert {one["type"]: one["count"] for one in narrowed} == {"heap": 3, "cpu": 2}
    sample_types = shared_server.get(f"/api/0/sample_types?service={service}&type=cpu").result
    assert sample_types == [
        {"type": "samples", "unit": "count", "default": False, "cumulative": True},
        {"type": "cpu", "unit": "nanoseconds", "default": True, "cumulative": True},
    ]
    heap = shared_server.get(f"/api/0/sample_types?service={service}&type=heap").result
    cumulative = {one["type"]: one["cumulative"] for one in heap}
    assert cumulative["alloc_space"] is True and cumulative["inuse_space"] is False
    labels = shared_server.get(f"/api/0/labels?service={service}&type=cpu").result
    assert labels == [
        {"key": "host", "values": [{"value": "web-0", "count": 10}, {"value": "web-1", "count": 9}], "truncated": False},
        {"key": "zone", "values": [{"value": "z", "count": 19}], "truncated": False},
    ]
    assert len(shared_server.get(f"/api/0/labels?service={service}&labels=host=web-1").result[0]["values"]) == 1


def series(server, service, **parameters):
    given = dict(service=service, type="cpu", from_="1700000000", to="1700000199", sample_type="samples")
    given.update(parameters)
    return server.get("/api/0/series" + query(**given))


def test_finding_with_totals(shared_server, corpus, go_profiles):
    service = next(services)
    bodies = [path.read_bytes() for path in sorted(corpus.glob("collector-service/cpu.*"))[:40]]
    for at, body in enumerate(bodies):
        shared_server.push(body, service=service, labels=[("host", f"h{at % 2}")])
    huge = small(value=1, samples=[Sample([1], [1, (1 << 63) - 1]), Sample([1], [2, 1])])
    shared_server.push(encode(huge), service=service, type="heap")
    shared_server.push(go_profiles["trace"], service=service, type="trace")

    def find(**parameters):
        return shared_server.find(service=service, **parameters)

    def totals(body):
        profile = parse(body)
        sums = [sum(column) for column in zip(*(sample.values for sample in profile.samples))]
        return profile.duration_nanos, [
            {"type": kind.type.decode(), "unit": kind.unit.decode(), "value": total}
            for kind, total in zip(profile.sample_types, sums)
        ]

    found = find(totals="true", type="cpu").result
    assert [(one.pop("duration_nanos"), one.pop("totals")) for one in found] == [
        totals(shared_server.fetch(one["id"])) for one in found
    ]
    assert found == find(type="cpu").result == find(type="cpu", totals="false").result
    assert len(found) == len(bodies)
    assert [one["id"] for one in find(totals=1, type="cpu", labels="host=h1", limit=3).result] == [
        one["id"] for one in find(type="cpu", labels="host=h1").result
    ][-3:]
    heap = find(totals="true", type="heap").result[0]
    assert [total["value"] for total in heap["totals"]] == [3, None]
    trace = find(totals="true", type="trace").result[0]
    assert trace["totals"] is None and trace["duration_nanos"] is None
    assert find(totals="true", type="goroutine").status == 404
    assert "totals" in find(totals="perhaps").error


def test_series(shared_server):
    service = next(services)
    hour_of(shared_server, service)
    body = series(shared_server, service, step="20").result
    (group,) = body["groups"]
    assert body["start"] == 1_700_000_000 and body["step"] == 20 and body["points"] == 10
    assert body["cumulative"] is True and body["sample_type"] == {"type": "samples", "unit": "count"}
    assert group["value"] is None and "mean" not in group
    assert group["sum"] == [4 * n + 3 for n in range(10)]
    assert group["count"] == [2] * 10 and group["duration"] == [4] * 10
    body = series(shared_server, service, group_by="host", step="1m").result
    assert body["start"] == 1_699_999_980 and body["points"] == 4
    assert [(one["value"], sum(one["sum"])) for one in body["groups"]] == [("web-0", 100), ("web-1", 90), (None, 20)]
    body = series(shared_server, service, type="heap", sample_type="inuse_space", step="100s").result
    assert body["cumulative"] is False
    assert body["groups"][0]["mean"] == [5500, 15500]
    assert series(shared_server, service, sample_type=None, step="1h").result["sample_type"]["type"] == "cpu"
    assert sum(series(shared_server, service, labels="host=web-1").result["groups"][0]["sum"]) == 90
    assert series(shared_server, service).result["step"] == 2


@pytest.mark.parametrize(
    "parameters, word",
    [
        ({"step": "0"}, "step"),
        ({"step": "soon"}, "step"),
        ({"step": "1", "from_": "1600000000"}, "points"),
        ({"type": "nonsense"}, "type"),
        ({"sample_type": "nonsense"}, "sample_type"),
        ({"from_": None}, "from"),
    ],
)
def test_mistakes_in_series_are_named(shared_server, parameters, word):
    service = next(services)
    hour_of(shared_server, service)
    answer = series(shared_server, service, **parameters)
    assert answer.status == 400 and word in answer.error


def test_series_of_one_function(shared_server, corpus):
    service = next(services)
    for n, path in enumerate(sorted(corpus.glob("collector-service/cpu.*"))[:12]):
        shared_server.push(path.read_bytes(), service=service, labels=f"host=h{n % 2}" if n % 3 else None)
    name = "runtime.mallocgc"
    times = [one["created_at"] for one in shared_server.find(service=service).result]
    given = dict(from_=times[0], to=times[-1], step="10s", sample_type="cpu", function=name, group_by="host")
    body = series(shared_server, service, **given).result
    whole = {row["name"]: row for row in top(shared_server, service, sample_type="cpu")["rows"]}[name]
    assert {group["value"] for group in body["groups"]} == {"h0", "h1", None}
    assert sum(sum(group["self"]) for group in body["groups"]) == whole["flat"]
    assert sum(sum(group["total"]) for group in body["groups"]) == whole["cum"]
    for group in body["groups"]:
        labels = f"host={group['value']}" if group["value"] else "host!~.+"
        rows = {row["name"]: row for row in top(shared_server, service, sample_type="cpu", labels=labels)["rows"]}
        assert sum(group["total"]) == rows[name]["cum"]
        assert len(group["self"]) == len(group["total"]) == body["points"]
    del given["group_by"]
    assert sum(series(shared_server, service, **given).result["groups"][0]["total"]) == whole["cum"]
    given["function"] = "nobody.calls.this"
    assert set(series(shared_server, service, **given).result["groups"][0]["total"]) == {0}


def test_series_of_one_function_keeps_groups_apart(shared_server):
    """An empty value is not no value, and a label that stands twice counts by its first."""
    service = next(services)
    pushed = {None: 1, "host=": 2, "host=a,host=b": 8, "host=b": 16}
    for labels, value in pushed.items():
        body = encode(small(value=value, time_nanos=1_700_000_000_000_000_000))
        shared_server.push(body, service=service, labels=labels)
    given = dict(from_=1_700_000_000, to=1_700_000_001, step=10, sample_type="samples", group_by="host")
    groups = series(shared_server, service, function="main.work", **given).result["groups"]
    assert {group["value"]: group["total"] for group in groups} == {None: [1], "": [2], "a": [8], "b": [16]}
    assert all(group["sum"] == group["total"] for group in groups)


def test_many_groups_are_joined(shared_server):
    service = next(services)
    for n in range(60):
        body = encode(small(value=n + 1, time_nanos=1_700_000_000 * 10**9))
        shared_server.push(body, service=service, labels=f"pod=p{n}")
    body = series(shared_server, service, group_by="pod").result
    assert body["truncated"] is True and len(body["groups"]) == 51
    assert body["groups"][0]["value"] == "p59"
    other = body["groups"][50]
    assert other["value"] == "(other)" and other["other"] is True
    assert sum(other["sum"]) == sum(range(1, 11)) and sum(other["count"]) == 10


def test_the_store_panel(server):
    server.push(encode(small(time_nanos=1_700_000_000 * 10**9)))
    panel = server.get("/api/0/store").result
    assert panel["profiles"] == 1 and panel["partitions"] == 1 and panel["bytes"] > 0
    assert panel["oldest"] == panel["newest"] == "2023-11-14T22:13:20Z"
    assert panel["retention_seconds"] > 0 and panel["version"] and panel["now"]


@pytest.mark.parametrize("target", ["types?service=s", "labels?service=s", "store", "sample_types?service=s&type=cpu"])
def test_head_and_other_methods(shared_server, target):
    shared_server.push(encode(small()), service="s")
    head = shared_server.request("HEAD", f"/api/0/{target}")
    assert head.status == 200 and head.body == b""
    refused = shared_server.request("POST", f"/api/0/{target}")
    assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD"
