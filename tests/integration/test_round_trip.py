"""What is pushed comes back: pprof profiles equal in every field, traces byte for byte."""
# variants: release, asan

import gzip
import json
import subprocess

import pytest
from builders import everything, small
from conftest import corpus_files
from pprof_wire import Function, Label, Line, Location, Mapping, Sample, ValueType, content, differences, encode, parse, tag
from server import wait_for

KINDS = {"heap": "heap", "mem": "heap", "goroutine": "goroutine", "mutex": "mutex", "block": "block", "threadcreate": "threadcreate"}
GO_KINDS = ["cpu", "heap", "block", "mutex", "goroutine", "threadcreate"]


def comes_back(server, body, **parameters):
    """Pushes and fetches, and holds one against the other."""
    fetched = server.fetch(server.push(body, **parameters))
    assert fetched[:2] == b"\x1f\x8b", "a profile is answered gzipped"
    assert differences(parse(body), parse(fetched)) == []
    return fetched


def is_trace(path):
    return "trace" in path.name


@pytest.mark.parametrize(
    "path", corpus_files("collector-service/*", "go-compiler/*", "profefe/*", "languages/*")
)
def test_every_real_profile_comes_back_equal(shared_server, path):
    body = path.read_bytes()
    kind = next((KINDS[word] for word in KINDS if word in path.name), "cpu")
    if is_trace(path):
        assert shared_server.fetch(shared_server.push(body, type="trace")) == body
    else:
        comes_back(shared_server, body, type=kind, service=path.parent.name)


@pytest.mark.parametrize("path", corpus_files("legacy/*"))
def test_legacy_formats_are_refused_by_name(shared_server, path):
    answer = shared_server.post(path.read_bytes(), service="legacy")
    assert answer.status == 400
    assert "malformed profile" in answer.error
    if path.suffix != ".string":
        assert "format is not supported" in answer.error
    assert shared_server.find(service="legacy").status == 404


@pytest.mark.parametrize("kind", GO_KINDS)
def test_a_go_programs_profile_comes_back_equal(shared_server, go_profiles, kind):
    comes_back(shared_server, go_profiles[kind], type=kind, service="go-" + kind)


def test_a_go_programs_labels_come_back(shared_server, go_profiles):
    profile = parse(comes_back(shared_server, go_profiles["cpu"]))
    found = {(label.key, label.str) for sample in profile.samples for label in sample.labels}
    assert {(b"tenant", b"blue"), (b"tenant", b"green"), (b"path", "/api/ä?x=1".encode())} <= found


def test_a_go_programs_trace_comes_back_byte_for_byte(shared_server, go_profiles):
    trace = go_profiles["trace"]
    assert shared_server.fetch(shared_server.push(trace, type="trace")) == trace


def test_a_gzipped_trace_stays_gzipped(shared_server, go_profiles):
    trace = gzip.compress(go_profiles["trace"])
    assert shared_server.fetch(shared_server.push(trace, type="trace")) == trace


def test_a_position_independent_programs_profile_comes_back_equal(shared_server, pie_program, tmp_path):
    for run in range(3):
        out = tmp_path / f"pie.{run}"
        subprocess.run([pie_program, out], check=True)
        profile = parse(comes_back(shared_server, out.read_bytes(), service="pie"))
        assert sum(not one.lines for one in profile.locations) == 3


def test_profiles_come_back_in_any_order_after_a_restart(start, corpus):
    """Each is read with just the symbols up to its own; the next reads on from there."""
    server = start()
    bodies = [path.read_bytes() for path in sorted(corpus.glob("collector-service/cpu.*"))[:24]]
    ids = [server.push(body, service="any-order") for body in bodies]
    assert len(ids) == 24
    server.restart()
    for i in sorted(range(24), key=lambda i: i * 7 % 24):
        assert differences(parse(bodies[i]), parse(server.fetch(ids[i]))) == []


def gzip_members(body):
    half = len(body) // 2
    return gzip.compress(body[:half]) + gzip.compress(b"") + gzip.compress(body[half:], 1)


WRAPPERS = {"bare": bytes, "gzip": gzip.compress, "stored": lambda body: gzip.compress(body, 0), "members": gzip_members}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_every_field_comes_back(shared_server, wrap):
    comes_back(shared_server, wrap(encode(everything())), type="heap", service="everything")


def swarm(n):
    """Many samples over few functions, with labels and numbers of all sizes."""
    return small(
        samples=[
            Sample([1 + i % 40, 1 + i % 7], [i, i << 40], [Label(b"i", b"", i), Label(b"k", b"%d" % (i % 5))])
            for i in range(1, n)
        ],
        locations=[Location(i, 1, 0x400000 + i * 16, [Line(1 + i % 3, i)]) for i in range(1, 41)],
        functions=[Function(i, b"f%d" % i, b"", b"f.go", i) for i in range(1, 4)],
    )


OWN = {
    "least": small(),
    "no mapping": small(mappings=[], locations=[Location(1, 0, 5, [Line(1, 1)])]),
    "mapping 0/0": small(mappings=[Mapping(1)]),
    "mapping that exists nowhere": small(locations=[Location(1, 77, 5, [Line(1, 1)])]),
    "no lines": small(locations=[Location(1, 1, 0x401000)], functions=[]),
    "address below its mapping": small(locations=[Location(1, 1, 0x10, [Line(1, 1)])]),
    "two equal functions": small(
        functions=[Function(1, b"f"), Function(2, b"f")],
        locations=[Location(1, 1, 0x401000, [Line(1, 1)]), Location(2, 1, 0x402000, [Line(2, 1)])],
    ),
    "two equal locations": small(
        locations=[Location(1, 1, 0x401000, [Line(1, 7)]), Location(2, 1, 0x401000, [Line(1, 7)])],
        samples=[Sample([1], [1, 1]), Sample([2], [1, 1])],
    ),
    "two equal mappings": small(mappings=[Mapping(1, 1, 2, 3, b"a"), Mapping(2, 1, 2, 3, b"a")]),
    "ids at their end": small(
        samples=[Sample([(1 << 64) - 1], [1, 1])],
        mappings=[Mapping((1 << 64) - 1, 0, (1 << 64) - 1)],
        locations=[Location((1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1, [Line((1 << 64) - 1, -1, -1)])],
        functions=[Function((1 << 64) - 1, b"f", b"", b"", -(1 << 63))],
    ),
    "bytes that are not UTF-8": small(name=b"\xff\xfe\x00caf\xe9", comments=[b"\x80", b"\x00"]),
    "a label with string and number": small(samples=[Sample([1], [1, 1], [Label(b"k", b"v", 5, b"u")])]),
    "a label with nothing": small(samples=[Sample([1], [1, 1], [Label(), Label(b"k")])]),
    "no period type": small(period_type=None),
    "an empty period type": small(period_type=ValueType()),
    "all samples zero": small(samples=[Sample([1], [0, 0])]),
    "empty stacks": small(samples=[Sample([], [1, 1]), Sample([], [1, 1])]),
    "one sample type": small(sample_types=[ValueType(b"goroutine", b"count")], samples=[Sample([1], [9])]),
    "many sample types": small(
        sample_types=[ValueType(b"t%d" % i, b"u") for i in range(20)], samples=[Sample([1], list(range(20)))]
    ),
    "negative times": small(time_nanos=-5, duration_nanos=-6, period=-7),
    "times at their end": small(time_nanos=(1 << 63) - 1, duration_nanos=-(1 << 63), period=(1 << 63) - 1),
    "a long name": small(name=b"x" * 200_000),
    "a deep stack": small(samples=[Sample([1] * 20_000, [1, 1])]),
    "many samples": swarm(5_000),
}


@pytest.mark.parametrize("profile", OWN.values(), ids=OWN.keys())
def test_rare_profiles_come_back_equal(shared_server, profile):
    comes_back(shared_server, gzip.compress(encode(profile), 1))


def test_fields_that_nobody_knows_come_back(shared_server):
    body = encode(small()) + tag(1000, 7) + tag(1001, b"later")
    assert parse(comes_back(shared_server, body)).unknown
    inner = encode(small()) + tag(2, tag(1, b"\x01") + tag(2, b"\x01\x01") + tag(99, 1))
    assert parse(comes_back(shared_server, inner)).unknown


def fits_the_tables(profile):
    """False for the few shapes that docs/storage-format.md says are kept as raw bytes."""
    mappings = {one.id for one in profile.mappings}
    distinct = {(one.mapping_id, one.address, tuple(one.lines), one.is_folded) for one in profile.locations}
    return (
        not profile.unknown
        and all(one.mapping_id in mappings or not one.mapping_id for one in profile.locations)
        and len({content(one) for one in profile.functions}) == len(profile.functions)
        and len(distinct) == len(profile.locations)
    )


def test_no_real_profile_falls_back_to_raw_bytes_that_need_not(server, corpus):
    """But for the traces and what the tables can't hold: the store's own metric says so."""
    paths = [path for folder in ("collector-service", "go-compiler", "profefe", "languages") for path in (corpus / folder).iterdir()]
    paths = [path for path in paths if path.name != "collector_cpu_no-samples.prof"]
    raw = sum(is_trace(path) or not fits_the_tables(parse(path.read_bytes())) for path in paths)
    for path in paths:
        server.push(path.read_bytes(), type="trace" if is_trace(path) else "cpu", service=path.parent.name)

    def counted():
        metrics = server.metrics()
        found = [metrics.get(f'profefe_store_profiles{{kind="{kind}"}}') for kind in ("raw", "columns")]
        return found if None not in found and sum(found) == len(paths) else None

    assert wait_for(counted, "all profiles are in the metric") == [raw, len(paths) - raw]
    assert raw < len(paths) / 10


def test_everything_survives_a_restart(start):
    server = start()
    bodies = [encode(everything()), encode(small()), gzip.compress(encode(swarm(500)))]
    ids = [server.push(body, service=f"s{i}") for i, body in enumerate(bodies)]
    trace = server.push(b"any bytes at all", type="trace", service="s9")
    server.restart()
    for body, one in zip(bodies, ids):
        assert differences(parse(body), parse(server.fetch(one))) == []
    assert server.fetch(trace) == b"any bytes at all"
    assert server.get("/api/0/services").result == ["s0", "s1", "s2", "s9"]
    server.kill()
    server.start()
    for body, one in zip(bodies, ids):
        assert differences(parse(body), parse(server.fetch(one))) == []


def test_curl_pushes_and_fetches(shared_server, curl, tmp_path):
    (tmp_path / "cpu.prof").write_bytes(gzip.compress(encode(everything())))
    url = shared_server.url + "/api/0/profiles"
    pushed = json.loads(curl("--data-binary", "@cpu.prof", f"{url}?service=curl&type=cpu&labels=a=b"))
    assert pushed["code"] == 200
    assert set(pushed["body"]) == {"id", "type", "service", "labels", "created_at"}
    curl("-o", "back.prof", f"{url}/{pushed['body']['id']}")
    assert differences(everything(), parse((tmp_path / "back.prof").read_bytes())) == []
