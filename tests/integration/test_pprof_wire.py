"""The witness is heard first: the comparer and the merge oracle must be able to say no."""
# variants: release

import copy
import dataclasses
import gzip
import random

import pprof_merge
import pytest
from builders import everything, small
from pprof_wire import (
    Label,
    Line,
    Malformed,
    Mapping,
    Sample,
    ValueType,
    differences,
    encode,
    exact_differences,
    parse,
    tag,
)


def another(value):
    """A value of the same kind that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value + b"!"
    if value is None:
        return ValueType(b"was", b"absent")
    raise TypeError(type(value))


def leaves(node, path=()):
    """Paths to every scalar in a profile: ("samples", 0, "values", 1)."""
    if dataclasses.is_dataclass(node):
        for one in dataclasses.fields(node):
            yield from leaves(getattr(node, one.name), path + (one.name,))
    elif isinstance(node, list):
        for i, one in enumerate(node):
            yield from leaves(one, path + (i,))
    else:
        yield path


def changed(node, path, change):
    """A copy of `node` with the leaf at `path` changed; frozen parts are made anew."""
    head, rest = path[0], path[1:]
    old = node[head] if isinstance(node, list) else getattr(node, head)
    new = changed(old, rest, change) if rest else change(old)
    if isinstance(node, list):
        return node[:head] + [new] + node[head + 1 :]
    return dataclasses.replace(node, **{head: new})


IDS = {("mappings", "id"), ("locations", "id"), ("functions", "id")}
LEAVES = list(leaves(everything()))


def test_what_is_written_reads_back():
    assert exact_differences(everything(), parse(encode(everything()))) == []
    assert exact_differences(everything(), parse(gzip.compress(encode(everything())))) == []


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_changed_field_is_seen(path):
    mutant = changed(everything(), path, another)
    assert exact_differences(everything(), mutant)
    is_own_id = (path[0], path[-1]) in IDS
    if not is_own_id or path[0] == "functions" and everything().functions[path[1]].id in (1, 2, 5):
        assert differences(everything(), mutant)


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_changed_field_changes_the_bytes(path):
    mutant = changed(everything(), path, another)
    assert exact_differences(everything(), parse(encode(mutant)))


@pytest.mark.parametrize("name", "samples mappings locations functions comments sample_types".split())
def test_what_is_missing_or_doubled_is_seen(name):
    last = dataclasses.replace(everything(), **{name: getattr(everything(), name)[:-1]})
    assert differences(everything(), last)
    twice = dataclasses.replace(everything(), **{name: getattr(everything(), name) * 2})
    assert differences(everything(), twice)


def test_the_order_of_labels_and_of_a_stack_counts():
    for change in (lambda one: one.labels.reverse(), lambda one: one.location_ids.reverse()):
        mutant = everything()
        change(mutant.samples[0])
        assert differences(everything(), mutant)


def test_an_absent_period_type_is_not_an_empty_one():
    absent, empty = small(period_type=None), small(period_type=ValueType())
    assert differences(absent, empty)
    assert differences(parse(encode(absent)), parse(encode(empty)))


def test_order_of_samples_and_numbers_of_ids_do_not_count():
    other = everything()
    random.Random(1).shuffle(other.samples)
    other.locations.reverse()
    other.functions.reverse()
    for one in other.samples:
        one.location_ids = [each + 100 for each in one.location_ids]
    for one in other.locations:
        one.id += 100
        one.mapping_id += 200 if one.mapping_id else 0
        one.lines = [Line(each.function_id + 300, each.line, each.column) for each in one.lines]
    for one in other.mappings:
        one.id += 200
    for one in other.functions:
        one.id += 300
    assert differences(everything(), other) == []
    assert exact_differences(everything(), other)


def test_unused_strings_do_not_count():
    assert differences(everything(), parse(encode(everything()) + tag(6, b"nobody points here"))) == []


def test_an_unknown_field_is_seen():
    mutant = parse(encode(everything()) + tag(1000, 5))
    assert differences(everything(), mutant)
    assert exact_differences(mutant, parse(encode(mutant))) == []


def test_unpacked_numbers_are_read():
    packed = tag(2, tag(1, b"\x01\x02") + tag(2, b"\x03"))
    loose = tag(2, tag(1, 1) + tag(1, 2) + tag(2, 3))
    assert parse(packed).samples == parse(loose).samples == [Sample([1, 2], [3])]


@pytest.mark.parametrize("cut", [1, 5, 50, 200])
def test_truncated_bytes_are_malformed(cut):
    with pytest.raises((Malformed, EOFError)):
        parse(gzip.compress(encode(everything()))[:-cut])


# --- the oracle of merges -----------------------------------------------------------------------------------


def test_merging_adds_up_and_keeps_one_of_each():
    a, b = small(value=2, time_nanos=20, duration_nanos=5), small(value=3, time_nanos=10, duration_nanos=6)
    merged = pprof_merge.merge([a, b])
    assert [one.values for one in merged.samples] == [[5, 50_000_000]]
    assert (len(merged.locations), len(merged.functions), len(merged.mappings)) == (1, 1, 1)
    assert (merged.time_nanos, merged.duration_nanos) == (10, 11)


def test_merging_joins_moved_mappings_and_rounds_their_size():
    moved = small()
    moved.mappings = [Mapping(1, 0x900000, 0x9FF001, 0, b"/usr/bin/app", b"", True)]
    moved.locations[0].address += 0x500000
    merged = pprof_merge.merge([small(), moved])
    assert [one.values for one in merged.samples] == [[6, 60_000_000]]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one.mappings[0], "offset", 4096),
        lambda one: setattr(one.mappings[0], "build_id", b"x"),
        lambda one: setattr(one.mappings[0], "limit", 0x501001),
        lambda one: setattr(one.locations[0], "address", 0x401001),
        lambda one: setattr(one.locations[0], "is_folded", True),
        lambda one: setattr(one.locations[0], "lines", [Line(1, 7, 1)]),
        lambda one: setattr(one.functions[0], "start_line", 6),
        lambda one: setattr(one.functions[0], "system_name", b"other"),
        lambda one: setattr(one.samples[0], "labels", [Label(b"k", b"v")]),
        lambda one: setattr(one.samples[0], "labels", [Label(b"k", b"", 1, b"s")]),
    ],
)
def test_merging_keeps_apart_what_differs(change):
    other = small()
    change(other)
    merged = pprof_merge.merge([small(), other])
    assert len(merged.samples) == 2
    assert pprof_merge.merge_differences(merged, pprof_merge.merge([small(), small()]))


def test_sums_of_zero_go_with_what_only_they_used():
    plus, minus = small(b"gone", 4), small(b"gone", -4)
    merged = pprof_merge.merge([plus, minus, small()])
    assert [one.name for one in merged.functions] == [b"main.work"]


def test_profiles_of_other_types_are_not_mergeable():
    for other in (small(sample_types=[ValueType(b"a", b"b"), ValueType(b"c", b"d")]), small(period_type=None)):
        with pytest.raises(pprof_merge.NotMergeable):
            pprof_merge.merge([small(), other])


def test_merge_differences_sees_every_changed_value():
    merged = pprof_merge.merge([everything()])
    for path in leaves(merged):
        if (path[0], path[-1]) in IDS:
            continue
        assert pprof_merge.merge_differences(merged, changed(merged, path, another)), path
    shuffled = copy.deepcopy(merged)
    shuffled.samples.reverse()
    shuffled.mappings[1:] = reversed(shuffled.mappings[1:])
    assert pprof_merge.merge_differences(merged, shuffled) == []
