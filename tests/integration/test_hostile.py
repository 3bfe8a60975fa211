"""Text that wants to be more than text, in every field of a profile and of a push, in every format that there is.

Each format is read back by readers that take no more than what there should be (strict_formats.py). What a name says
must come out as it went in, but for what a format can't hold.
"""
# variants: release, asan

import json
import re
import unicodedata
import urllib.parse

import pytest
from pprof_wire import Function, Label, Line, Location, Mapping, Profile, Sample, ValueType, differences, encode, parse
from server import FROM, TO, query
from strict_formats import read_dot, read_folded, read_svg, strict

TEXTS = {
    "script": b"<script>alert(1)</script>",
    "attribute": b"\"'/><image href=x onerror=alert(1)>",
    "cdata": b"]]><![CDATA[<!--<?x?>-->",
    "entities": b"&lt;b&gt;&#60;&amp;&",
    "backslash": b"a\\",
    "backslashes": b"\\\\\\n\\l\\N\\\"",
    "dot": b"\\\"]; evil [URL=\"javascript:alert(1)\"]; x [label=\"",
    "lines": b"\nevil -> evil\nmain;evil 99\n",
    "header": b"\r\nX-Evil: 1\r\n\r\n<b>",
    "frames": b"; main;evil 99",
    "value": b" 12345",
    "control": b"a\x00b\x1b[31m\x7f\t\x0b\x0c\x1c\x1e",
    "unicode lines": "\x85\u2028\u2029\x9b31m".encode(),
    "directions": "\u202eevil\u202c\ufeff\uffff".encode(),
    "not UTF-8": b"\xff\xc3<i>\xe2\x82\x85\xed\xa0\x80",
    "formats": b"%s%n%d{0}${x}",
}


def hostile(text):
    """Every string of profile.proto, with a word of its own before `text`."""
    return Profile(
        sample_types=[ValueType(b"count of" + text, b"piece" + text), ValueType(b"time of" + text, b"nap" + text)],
        samples=[
            Sample([2, 1], [3, 30], [Label(b"key" + text, b"value" + text), Label(b"number" + text, b"", 7, b"measure" + text)]),
            Sample([3, 1], [1, 10], [Label(b"key" + text, b"other" + text)]),
        ],
        mappings=[
            Mapping(1, 0x400000, 0x500000, 0, b"/bin/" + text, b"build" + text, True, True, True, True),
            Mapping(2, 0x600000, 0x700000, 0, b"/lib/" + text, b"two" + text),
        ],
        locations=[
            Location(1, 1, 0x401000, [Line(1, 7)]),
            Location(2, 1, 0x402000, [Line(2, 8)]),
            Location(3, 2, 0x603000),  # shown by its binary
        ],
        functions=[
            Function(1, b"main" + text, b"_main" + text, b"/src/main" + text, 1),
            Function(2, b"leaf" + text, b"_leaf" + text, b"/src/leaf" + text, 2),
        ],
        drop_frames=b"drop" + text,
        keep_frames=b"keep" + text,
        time_nanos=1_700_000_000_000_000_000,
        duration_nanos=10_000_000_000,
        period_type=ValueType(b"period" + text, b"tick" + text),
        period=10,
        comments=[b"comment" + text, b"second" + text],
        default_sample_type=b"count of" + text,
        doc_url=b"javascript:alert(1)//" + text,
    )


def shown(text):
    """As people see it: U+FFFD for each byte that is no UTF-8."""
    out = ""
    while text:
        for n in (1, 2, 3, 4):
            try:
                out += text[:n].decode()
                text = text[n:]
                break
            except UnicodeDecodeError:
                pass
        else:
            out, text = out + "\ufffd", text[1:]
    return out


def in_xml(text):
    return "".join("\ufffd" if one < " " or one in "\ufffe\uffff" else one for one in shown(text))


def in_folded(text):
    breaks = {one for one in shown(text) if unicodedata.category(one) in ("Cc", "Zl", "Zp")}
    return "".join(" " if one in breaks else ":" if one == ";" else one for one in shown(text))


@pytest.fixture(scope="module")
def pushed(shared_server):
    return {
        name: shared_server.push(encode(hostile(text)), service=f"hostile-{name}", labels=[("host", "a")])
        for name, text in TEXTS.items()
    }


@pytest.fixture(params=TEXTS)
def ask(request, shared_server, pushed):
    """ask(format, …) -> the answer about the profile that is full of one text."""

    def get(format, target=None, **parameters):
        target = target or f"/api/0/profiles/{pushed[request.param]}"
        answer = shared_server.get(target + query(format=format, **parameters))
        assert answer.status == 200, answer
        assert "x-evil" not in answer.headers
        return answer

    get.text, get.id, get.service = TEXTS[request.param], pushed[request.param], f"hostile-{request.param}"
    return get


def test_svg(ask):
    for sample_type, total, unit in ((b"count of", 4, b"piece"), (b"time of", 40, b"nap")):
        asked = (sample_type + ask.text).decode(errors="surrogateescape")
        heading, *titles = read_svg(ask("svg", sample_type=asked).body)
        assert heading == f"{in_xml(sample_type + ask.text)}: {total} {in_xml(unit + ask.text)}"
        for name in (b"main", b"leaf"):
            assert any(title.startswith(in_xml(name + ask.text) + " (") for title in titles), titles
    for parameters in ({"direction": "up"}, {"granularity": "files"}, {"granularity": "lines"}, {"granularity": "addresses"}):
        texts = read_svg(ask("svg", **parameters).body)
        assert all(in_xml(b"piece" + ask.text) in text for text in texts if text.startswith("root ("))


def test_dot(ask):
    for granularity in ("functions", "files", "lines", "addresses"):
        nodes, edges = read_dot(ask("dot", granularity=granularity).body)
        assert len(nodes) == 4 and len(edges) == 2, "main calls two, and a legend"
        assert [len(lines) for lines in nodes.values()] == [4, 3, 2, 2], "no name makes a line of its own"
        values = [line for lines in nodes.values() for line in lines[1:] if line]
        assert sum("piece" in line for line in values) == 5, "one total, one value a leaf, two of main: all with the unit"


def test_flamegraph_and_top(ask):
    body = strict(ask("flamegraph", granularity="addresses"))
    text = shown(ask.text)
    assert body["sample_type"] == {"type": "count of" + text, "unit": "piece" + text}
    assert [one["type"] for one in body["sample_types"]] == ["count of" + text, "time of" + text]
    assert {"main" + text, "leaf" + text} <= set(body["names"])
    assert {"/src/main" + text, "/src/leaf" + text} <= set(body["files"])
    assert {"/bin/" + text, "/lib/" + text} <= set(body["binaries"])
    assert {"build" + text, "two" + text} <= set(body["build_ids"])
    rows = strict(ask("top"))["rows"]
    assert {("main" + text, "/src/main" + text), ("leaf" + text, "/src/leaf" + text)} <= {
        (row["name"], row["file"]) for row in rows
    }
    assert len(rows) == 3


def test_folded(ask):
    main, leaf = in_folded(b"main" + ask.text), in_folded(b"leaf" + ask.text)
    stacks = read_folded(ask("folded").body)
    assert stacks.pop((main, leaf)) == 3
    ((frames, value),) = stacks.items()
    assert frames[0] == main and len(frames) == 2 and value == 1
    stacks = read_folded(ask("folded", direction="up", granularity="files").body)
    assert sorted(stacks.values()) == [1, 3] and all(len(frames) == 2 for frames in stacks)


def test_pprof_and_pgo(ask, shared_server):
    wanted = hostile(ask.text)
    assert differences(parse(ask("pprof").body), wanted) == []
    assert len(parse(ask("pprof", focus="main").body).samples) == 2
    named = re.compile(r'attachment; filename="[A-Za-z0-9._-]+"')
    for parameters in ({}, {"focus": "main"}):
        assert named.fullmatch(ask("pprof", **parameters).headers["content-disposition"])
    answer = shared_server.get(f"/api/0/profiles/{ask.id}?format=pgo")
    assert "not a CPU profile" in answer.error
    cpu = hostile(ask.text)
    cpu.sample_types = [ValueType(b"samples", b"count"), ValueType(b"cpu", b"nanoseconds")]
    cpu.default_sample_type = b""
    one = shared_server.push(encode(cpu), service="hostile-pgo")
    profile = parse(shared_server.get(f"/api/0/profiles/{one}?format=pgo").body)
    assert {b"main" + ask.text, b"leaf" + ask.text} == {function.name for function in profile.functions}


def test_comparisons(ask):
    text = shown(ask.text)
    for format in ("flamegraph", "top"):
        body = strict(ask(format, "/api/0/profiles/diff", id=ask.id, base_id=ask.id))
        assert body["sample_type"]["unit"] == "piece" + text and body["total"] == body["base_total_sum"] == 4
    assert len(parse(ask("pprof", "/api/0/profiles/diff", id=ask.id, base_id=ask.id).body).samples) == 4


def test_totals_and_time_lines(ask, shared_server):
    text = shown(ask.text)
    listed = strict(shared_server.find(service=ask.service, totals="true"))
    assert [one["type"] for one in listed[0]["totals"]] == ["count of" + text, "time of" + text]
    assert [one["unit"] for one in listed[0]["totals"]] == ["piece" + text, "nap" + text]
    types = strict(shared_server.get("/api/0/sample_types" + query(service=ask.service, type="cpu")))
    assert [(one["type"], one["unit"]) for one in types] == [("count of" + text, "piece" + text), ("time of" + text, "nap" + text)]
    series = strict(shared_server.get("/api/0/series" + query(service=ask.service, type="cpu", from_=1699999000, to=1700001000)))
    assert series["sample_type"] == {"type": "time of" + text, "unit": "nap" + text}


def test_an_error_that_names_them_is_text(ask, shared_server):
    """It lists the profile's sample types, and repeats what was asked for."""
    asked = ask.text.decode(errors="surrogateescape")
    target = f"/api/0/profiles/{ask.id}" + query(format="top", sample_type="none" + asked)
    answer = shared_server.get(target)
    assert answer.status == 400 and "none" in answer.error and "x-evil" not in answer.headers
    for parameters in ({"format": "x" + asked}, {"focus": "(" + asked}, {"max_nodes": asked}):
        answer = shared_server.get(f"/api/0/profiles/{ask.id}" + query(**parameters))
        assert answer.status in (200, 400), answer
        assert answer.status == 200 or answer.error
    escaped = urllib.parse.quote(ask.text, safe="")
    for path in (f"/api/0/profiles/{escaped}", f"/api/0/{escaped}"):
        answer = shared_server.get(path)
        assert answer.status in (400, 404) and answer.error and "x-evil" not in answer.headers


@pytest.mark.parametrize("name", TEXTS)
def test_a_push_with_such_a_service_and_labels(start, name):
    server = start()
    asked = TEXTS[name].decode(errors="surrogateescape")
    service = "shop" + asked
    labels = [("k" + asked, "v" + asked)]
    pairs = ",".join("=".join(urllib.parse.quote_from_bytes(one.encode(errors="surrogateescape")) for one in pair) for pair in labels)
    taken = server.post(encode(hostile(TEXTS[name])), service=service, labels=pairs)
    readable = not any(unicodedata.category(one) in ("Cc", "Cs") for one in asked)
    assert taken.status == (200 if readable else 400), taken
    assert "x-evil" not in taken.headers
    if not readable:
        assert "bad request" in taken.error and server.get("/api/0/services").status == 404
    else:
        meta = strict(taken)
        assert meta["service"] == service and meta["labels"] == [{"key": "k" + asked, "value": "v" + asked}]
        assert strict(server.get("/api/0/services")) == [service]
        assert strict(server.find(service=service)) == [meta]
        assert strict(server.find(service=service, labels=pairs)) == [meta]
        known = strict(server.get("/api/0/labels" + query(service=service)))
        assert known == [{"key": "k" + asked, "values": [{"value": "v" + asked, "count": 1}], "truncated": False}]
        line = {"service": service, "type": "cpu", "from_": FROM, "to": TO, "group_by": "k" + asked, "step": "10000d"}
        assert [one["value"] for one in strict(server.get("/api/0/series" + query(**line)))["groups"]] == ["v" + asked]
        assert strict(server.merge(service=service, format="flamegraph"))["total"] == 4
    server.stop()
    for line in server.log_text().splitlines():
        assert json.loads(line)["msg"]
    for line in server.access_lines():
        assert re.fullmatch(r"rid=[!-~]+ ts=\S+ method=[A-Z]+ uri=[!-~]+ code=\d{3} host=[!-~]* ip=\S+ rtime=\S+", line), line
