"""Merges, held against the oracle of pprof_merge.py and, node by node, against `go tool pprof`."""
# variants: release, asan

import gzip
import itertools
import subprocess

import pytest
from builders import everything, small
from conftest import corpus_files
from pprof_merge import merge, merge_differences
from pprof_wire import Label, Line, Location, Mapping, Sample, ValueType, encode, parse

services = (f"merge-{n}" for n in itertools.count())


def push_all(server, bodies, **parameters):
    """Under a service of their own; the service and the ids in order of created_at."""
    service = next(services)
    ids = [server.push(body, service=service, **parameters) for body in bodies]
    return service, ids


def in_order(server, service):
    """What the merge query reads: by created_at, then id."""
    return [parse(server.fetch(one["id"])) for one in server.find(service=service).result]


def merged_equals(server, service, ids, bodies, **parameters):
    """Merged by ids in the order given, and by a query in the order of time."""
    by_ids = parse(server.fetch(*ids))
    assert merge_differences(merge([parse(body) for body in bodies]), by_ids) == []
    answer = server.merge(service=service, **parameters)
    assert answer.status == 200, answer
    by_query = parse(answer.body)
    assert merge_differences(merge(in_order(server, service)), by_query) == []


FAMILIES = {
    "collector-service cpu": ("collector-service/cpu.*", "cpu", (2, 10, 60)),
    "collector-service heap": ("collector-service/heap.*", "heap", (2, 15)),
    "collector-service goroutine": ("collector-service/goroutine.*", "goroutine", (2, 15)),
    "go-compiler cpu": ("go-compiler/cpu.*", "cpu", (2, 10, 60)),
    "go-compiler heap": ("go-compiler/mem.*", "heap", (2, 8)),
    "profefe cpu": ("profefe/collector_cpu_[123].prof", "cpu", (3,)),
    "profefe heap": ("profefe/collector_heap_*.prof", "heap", (2,)),
}


@pytest.mark.parametrize("family, count", [(name, n) for name, one in FAMILIES.items() for n in one[2]])
def test_real_profiles_merge_as_the_oracle_says(shared_server, corpus, family, count):
    pattern, kind, _ = FAMILIES[family]
    bodies = [path.read_bytes() for path in sorted(corpus.glob(pattern))[:count]]
    service, ids = push_all(shared_server, bodies, type=kind)
    merged_equals(shared_server, service, ids, bodies, type=kind)


TOPS = [
    ("collector-service/cpu.*", "cpu", 60, "ns", "cpu"),
    ("collector-service/cpu.*", "cpu", 10, "ns", "samples"),
    ("collector-service/heap.*", "heap", 15, "B", "alloc_space"),
    ("collector-service/goroutine.*", "goroutine", 15, "count", "goroutine"),
    ("go-compiler/cpu.*", "cpu", 60, "ns", "cpu"),
]


@pytest.mark.parametrize("pattern, kind, count, unit, index", TOPS)
def test_real_profiles_merge_as_go_tool_pprof_does(shared_server, corpus, pprof_top, pattern, kind, count, unit, index):
    files = sorted(corpus.glob(pattern))[:count]
    service, ids = push_all(shared_server, [path.read_bytes() for path in files], type=kind)
    expected = pprof_top(*files, unit=unit, index=index)
    url = shared_server.url + shared_server.merge_target(service=service, type=kind)
    assert pprof_top(url, unit=unit, index=index) == expected
    url = shared_server.url + "/api/0/profiles/" + "+".join(ids)
    assert pprof_top(url, unit=unit, index=index) == expected


SINGLE = ("collector-service/[chgbm]*.001.pb.gz", "collector-service/heap.004*", "languages/*")  # threadcreate has no frame


@pytest.mark.parametrize("path", corpus_files(*SINGLE))
def test_go_tool_pprof_reads_one_profile_from_its_url(shared_server, pprof_top, path):
    one = shared_server.push(path.read_bytes(), service="single")
    assert pprof_top(f"{shared_server.url}/api/0/profiles/{one}", index=0) == pprof_top(path, index=0)


def test_go_profiles_merge(shared_server, go_profiles):
    for kind in ("cpu", "heap", "block", "mutex", "goroutine", "threadcreate"):
        bodies = [go_profiles[kind]] * 3
        service, ids = push_all(shared_server, bodies, type=kind)
        merged_equals(shared_server, service, ids, bodies, type=kind)


def test_position_independent_programs_join_though_their_addresses_move(shared_server, pie_program, tmp_path, pprof_top):
    files = [tmp_path / f"pie.{run}" for run in range(6)]
    for file in files:
        subprocess.run([pie_program, file], check=True)
    bodies = [file.read_bytes() for file in files]
    service, ids = push_all(shared_server, bodies)
    merged_equals(shared_server, service, ids, bodies, type="cpu")
    merged = parse(shared_server.fetch(*ids))
    assert sorted(one.values for one in merged.samples) == [[n * 6, n * 60_000_000] for n in (1, 2, 4)]
    assert len(merged.mappings) == 1 and len(merged.locations) == 4


def moved(by):
    one = small()
    one.mappings[0].start += by
    one.mappings[0].limit += by
    one.locations[0].address += by
    return one


def modest():
    """everything(), with values that can be doubled."""
    one = everything()
    del one.samples[-1]
    return one


PAIRS = {
    "itself": (modest(), modest()),
    "moved": (small(), moved(1 << 40)),
    "moved down": (moved(1 << 40), small()),
    "size within a page": (small(), small(mappings=[Mapping(1, 0x400000, 0x4FF001, 0, b"/usr/bin/app", b"", True)])),
    "size over a page": (small(), small(mappings=[Mapping(1, 0x400000, 0x500001, 0, b"/usr/bin/app", b"", True)])),
    "build id beats file": (
        small(mappings=[Mapping(1, 0x400000, 0x500000, 0, b"/a", b"id")]),
        small(mappings=[Mapping(1, 0x400000, 0x500000, 0, b"/b", b"id")]),
    ),
    "other columns": (small(), small(locations=[Location(1, 1, 0x401000, [Line(1, 7, 9)])])),
    "folded": (small(), small(locations=[Location(1, 1, 0x401000, [Line(1, 7)], True)])),
    "other unit": (
        small(samples=[Sample([1], [1, 1], [Label(b"n", b"", 1, b"a")])]),
        small(samples=[Sample([1], [1, 1], [Label(b"n", b"", 1, b"b")])]),
    ),
    "cancelling": (small(b"gone", 5), small(b"gone", -5)),
    "zero samples": (small(value=0), small()),
    "first mapping unused": (
        small(mappings=[Mapping(2, 1, 4097, 0, b"/main"), Mapping(1, 0x400000, 0x500000, 0, b"/lib")]),
        small(mappings=[Mapping(1, 0x400000, 0x500000, 0, b"/lib")]),
    ),
    "headers": (
        small(comments=[b"a", b"b"], time_nanos=7, drop_frames=b"d1", keep_frames=b"k1", duration_nanos=3),
        small(comments=[b"b", b"c"], time_nanos=5, drop_frames=b"d2", doc_url=b"u", default_sample_type=b"cpu", period=99),
    ),
    "no time": (small(time_nanos=0), small(time_nanos=9)),
    "no mapping": (small(mappings=[], locations=[Location(1, 0, 5, [Line(1, 1)])]), small()),
    "period type absent and empty": (small(period_type=None), small(period_type=ValueType())),
    "sum in range again": (small(value=(1 << 62) // 10_000_000), small(value=-5)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_pairs_merge_by_the_rules(shared_server, pair):
    bodies = [encode(one) for one in pair]
    service, ids = push_all(shared_server, bodies)
    merged_equals(shared_server, service, ids, bodies, type="cpu")


def test_a_sum_that_leaves_int64_is_refused_and_one_that_comes_back_is_not(shared_server):
    def one(value):
        return encode(small(samples=[Sample([1], [1, value])]))

    _, ids = push_all(shared_server, [one((1 << 63) - 1), one(1), one(-1)])
    answer = shared_server.get(f"/api/0/profiles/{ids[0]}+{ids[1]}")
    assert answer.status == 400 and "int64" in answer.error
    merged = parse(shared_server.fetch(*ids))
    assert merged.samples[0].values == [3, (1 << 63) - 1]


def test_a_repeated_id_counts_twice(shared_server):
    one = shared_server.push(encode(small(value=3)), service="twice")
    assert parse(shared_server.fetch(one, one)).samples[0].values == [6, 60_000_000]


@pytest.mark.parametrize(
    "other, word",
    [(small(sample_types=[ValueType(b"x", b"y"), ValueType(b"z", b"y")]), "sample type"),
     (small(period_type=ValueType(b"space", b"bytes")), "period type")],
)
def test_profiles_of_different_types_are_refused(shared_server, other, word):
    service, ids = push_all(shared_server, [encode(small()), encode(other)])
    for answer in (shared_server.get("/api/0/profiles/" + "+".join(ids)), shared_server.merge(service=service)):
        assert answer.status == 400
        assert word in answer.error


def test_a_single_match_comes_as_it_is(shared_server):
    service, ids = push_all(shared_server, [encode(everything())])
    merged = shared_server.merge(service=service)
    assert merged.status == 200
    assert merged.body == shared_server.fetch(*ids)
    assert len(parse(merged.body).samples) == len(everything().samples), "zero and equal samples are still there"


def test_limit_and_labels_and_times_choose_what_is_merged(shared_server):
    service = next(services)
    for second in range(10):
        host = [("host", "a" if second % 2 else "b")]
        shared_server.push(encode(small(value=1 << second, time_nanos=(second + 1) * 10**9)), service=service, labels=host)

    def total(**parameters):
        return parse(shared_server.merge(service=service, **parameters).body).samples[0].values[0]

    assert total() == 1023
    assert total(limit=3) == 0b1110000000
    assert total(labels="host=a") == 0b1010101010
    assert total(labels="host=a", limit=2) == 0b1010000000
    assert total(from_="1970-01-01T00:00:03", to="1970-01-01T00:00:05") == 0b11100
    assert shared_server.merge(service=service, labels="host=c").status == 404


def test_a_merge_of_a_merge_is_the_same(shared_server):
    bodies = [encode(small(value=n)) for n in (1, 2, 3)]
    service, ids = push_all(shared_server, bodies)
    merged = shared_server.fetch(*ids)
    again = shared_server.push(merged, service=service + "-again")
    assert merge_differences(parse(merged), parse(shared_server.fetch(again))) == []
    assert merged == shared_server.merge(service=service).body
    assert gzip.decompress(merged)
