"""Flame graphs from the leaf up and around one function, against `go tool pprof` and against the tree that goes down."""

import re
import subprocess
import urllib.parse
import xml.etree.ElementTree

import pytest
from builders import small
from pprof_tool import INLINE, number, tool, tool_environment, tool_rows
from pprof_wire import encode
from server import FROM, TO, query
from views import FAMILIES, Tree, family, flame, push_all, services, view

NAMES = ["cpu", "heap", "goroutine", "compiler"]
ALL = 200000


@pytest.fixture(scope="session")
def tool_home(tmp_path_factory):
    return tmp_path_factory.mktemp("pprof-tool")


@pytest.fixture
def look(shared_server, corpus):
    """look(family, **parameters): the whole tree, or what of it is asked for, sums and order checked."""

    def tree(name, **parameters):
        service, _, kind, _, index = family(shared_server, corpus, name)
        parameters.setdefault("max_nodes", ALL)
        made = Tree(flame(shared_server, service, type=kind, sample_type=index, **parameters))
        made.check_sums()
        made.check_order()
        return made

    return tree


def add(stacks, path, value):
    stacks[path] = stacks.get(path, 0) + value


def upwards(stacks):
    found = {}
    for path, value in stacks.items():
        add(found, path[::-1], value)
    return found


def around(stacks, function):
    """({callers' path: value}, {callees' path: value}), both from the outermost occurrence."""
    up, down = {}, {}
    for path, value in stacks.items():
        if function in path:
            at = path.index(function)
            add(up, path[:at][::-1], value)
            add(down, path[at + 1 :], value)
    return up, down


def functions_of(tree, most=12):
    """Some: the largest, and evenly of all others."""
    names = list(dict.fromkeys(tree.names[1:]))
    return names[:most] + names[most :: max(1, len(names) // most)]


def nonzero(stacks):
    return {path: value for path, value in stacks.items() if value}


@pytest.mark.parametrize("name", NAMES)
def test_leaf_up_is_the_same_stacks_upside_down(look, name):
    down, up = look(name), look(name, direction="up")
    assert up.stacks() == nonzero(upwards(down.stacks()))
    assert up.names[0] == "root" and up.nodes["total"][0] == down.nodes["total"][0]
    assert look(name, direction="down").body == down.body


@pytest.mark.parametrize("name", NAMES)
def test_callers_and_callees_are_those_of_the_tree(look, name):
    whole = look(name)
    for function in functions_of(whole):
        up, down = around(whole.stacks(), function)
        callers = look(name, function=function, direction="up")
        callees = look(name, function=function)
        assert callers.stacks() == nonzero(up)
        assert callees.stacks() == nonzero(down)
        assert callers.names[0] == callees.names[0] == function
        assert callers.nodes["total"][0] == callees.nodes["total"][0]
        assert callers.body["total"] == whole.body["total"], "the whole view's, to count shares by"


@pytest.mark.parametrize("granularity", ["functions", "files"])
@pytest.mark.parametrize("name", NAMES)
def test_a_function_comes_to_what_the_tool_calls_cum(shared_server, corpus, look, tool_home, name, granularity):
    _, files, _, unit, index = family(shared_server, corpus, name)
    cum = {row[0]: row[2] for row in tool_rows(tool_home, *files, unit=unit, index=index, flags=[f"-{granularity}"])}
    checked = 0
    for function in functions_of(look(name, granularity=granularity), 8):
        if function in cum:
            for direction in ("up", "down"):
                tree = look(name, function=function, direction=direction, granularity=granularity)
                assert tree.nodes["total"][0] == cum[function], (function, direction)
            checked += 1
    assert checked > 5


def peek(home, files, unit, index, function):
    """({caller: value}, {callee: value}) as `go tool pprof -peek` prints them."""
    flags = ["-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-symbolize=none", f"-unit={unit}"]
    command = [tool(), f"-peek=^{re.escape(function)}$", f"-sample_index={index}", *flags, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=home, env=tool_environment(home))
    assert done.returncode == 0, done.stderr
    sides, at = ({}, {}), 0
    for line in done.stdout.splitlines():
        before, bar, one = line.partition(" | ")
        if not bar or before.startswith("---"):
            continue
        one = INLINE.sub("", one.strip())
        if len(before.split()) > 2:
            assert one == function
            at = 1
        else:
            sides[at][one] = number(before.split()[0], unit)
    return sides


@pytest.mark.parametrize("name", ["cpu", "heap", "compiler"])
def test_direct_callers_and_callees_are_those_of_peek(shared_server, corpus, look, tool_home, name):
    _, files, _, unit, index = family(shared_server, corpus, name)
    stacks = look(name).stacks()
    checked = 0
    for function in functions_of(look(name), 20):
        if any(path.count(function) > 1 for path in stacks):
            continue  # pprof's edges count every call of itself, these trees the outermost
        expected = peek(tool_home, files, unit, index, function)
        for direction, side in (("up", 0), ("down", 1)):
            tree = look(name, function=function, direction=direction)
            direct = {tree.names[child]: tree.nodes["total"][child] for child in tree.children[0]}
            assert direct == expected[side], (function, direction)
        checked += 1
        if checked == 8:
            break
    assert checked > 4


@pytest.mark.parametrize("around_one", [{}, {"function": "runtime.mallocgc"}])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_what_is_folded_away_opens(look, direction, around_one):
    asked = dict(direction=direction, **around_one)
    whole = look("cpu", **asked)
    cut = look("cpu", max_nodes=20, **asked)
    assert cut.nodes["total"][0] == whole.nodes["total"][0]
    others = [node for node in range(cut.n) if cut.nodes["folded"][node]]
    assert cut.n - len(others) == 20 and others
    assert sum(cut.nodes["folded"][node] for node in others) == whole.n - 20 == cut.body["truncated"]["nodes"]
    stacks = whole.stacks()
    for node in [one for one in others if cut.nodes["parent"][one]][:5]:
        path = cut.path(cut.nodes["parent"][node])
        root = ";".join(urllib.parse.quote(part, safe="") for part in path)
        part = look("cpu", root=root, **asked)
        assert part.stacks() == {p[len(path) :]: v for p, v in stacks.items() if p[: len(path)] == path}
        assert part.names[0] == "root"


def test_filters_come_first(look):
    function = "runtime.mallocgc"
    given = {"focus": "Handler|serve", "hide": "^runtime.(newobject|growslice)$"}
    up, down = around(look("cpu", **given).stacks(), function)
    assert look("cpu", function=function, direction="up", **given).stacks() == nonzero(up)
    assert look("cpu", function=function, **given).stacks() == nonzero(down)


def test_lines_of_a_function_are_all_meant_or_the_one_that_is_named(shared_server, corpus, look):
    service, files, kind, unit, index = family(shared_server, corpus, "cpu")
    function = "runtime.mallocgc"
    whole = look("cpu", function=function)
    lines = look("cpu", function=function, granularity="lines", direction="up")
    assert lines.nodes["total"][0] == whole.nodes["total"][0]
    rows = view(shared_server, service, "top", rows=0, granularity="lines", sample_type=index).result["rows"]
    own = [row for row in rows if row["name"] == function and row["cum"]]
    assert len(own) > 3
    for row in own[:3]:
        one = look("cpu", function=f"{function} {row['file']}:{row['line']}", granularity="lines")
        assert one.nodes["total"][0] == row["cum"]
        assert one.nodes["line"][0] == row["line"]


def test_comparisons_have_both_sides(shared_server, corpus):
    files = sorted(corpus.glob(FAMILIES["cpu"][0]))[:8]
    service = next(services)
    for at, path in enumerate(files):
        shared_server.push(path.read_bytes(), service=service, labels=f"host={'ab'[at % 2]}")
    common = dict(service=service, type="cpu", from_=FROM, to=TO, max_nodes=ALL, format="flamegraph")

    def diff(**parameters):
        target = "/api/0/profiles/diff" + query(labels="host=a", base_labels="host=b", **common, **parameters)
        return Tree(shared_server.get(target).result)

    def side(host, **parameters):
        return Tree(shared_server.get("/api/0/profiles/merge" + query(labels=f"host={host}", **common, **parameters)).result)

    for asked in ({"direction": "up"}, {"function": "runtime.mallocgc"}, {"function": "runtime.mallocgc", "direction": "up"}):
        both = diff(**asked)
        both.check_sums()
        both.check_sums("base_")
        for host, prefix in (("a", ""), ("b", "base_")):
            assert both.stacks(prefix) == side(host, **asked).stacks()


def test_folded_and_svg_show_what_the_flame_graph_shows(shared_server, corpus, look):
    service, _, kind, _, index = family(shared_server, corpus, "cpu")
    function = "runtime.mallocgc"
    for asked in ({"direction": "up"}, {"function": function}, {"function": function, "direction": "up"}):
        tree = look("cpu", **asked)
        first = (function,) if "function" in asked else ()
        expected = {first + path or ("(no stack)",): value for path, value in tree.stacks().items()}
        folded = view(shared_server, service, "folded", sample_type=index, **asked).body.decode()
        stacks = {}
        for line in folded.splitlines():
            stack, value = line.rsplit(" ", 1)
            stacks[tuple(stack.split(";"))] = int(value)
        assert stacks == expected
        svg = xml.etree.ElementTree.fromstring(view(shared_server, service, "svg", sample_type=index, **asked).body)
        titles = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}title")]
        assert titles[0].startswith(f"{tree.names[0]} (") and "100" in titles[0]
        assert titles[1].startswith(f"{tree.names[1]} (")


def test_mistakes_and_absent_functions(shared_server):
    service, _ = push_all(shared_server, [encode(small())])
    assert 'bad "direction" "sideways"' in view(shared_server, service, "flamegraph", direction="sideways").error
    absent = view(shared_server, service, "flamegraph", function="no.such")
    assert absent.status == 404 and "function" in absent.error
    answer = view(shared_server, service, "flamegraph", function="main.work", root="main.work")
    assert answer.status == 404 and "root" in answer.error
    for direction in ("up", "down"):
        body = flame(shared_server, service, function="main.work", direction=direction, sample_type="samples")
        assert Tree(body).stacks() == {(): 3}
        assert body["nodes"]["name"] == [0] and body["names"] == ["main.work"]
