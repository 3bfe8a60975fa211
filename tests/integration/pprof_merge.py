"""Many profiles into one, by the rules of docs/api.md ("Merging"): an oracle to hold the server's merges against.

Written from the contract, not from src/pprof: everything is looked up by its content in plain dictionaries.

    merge([a, b, c])             -> Profile, or NotMergeable
    merge_differences(a, b)      [] when equal but for what the contract leaves open: the order of samples, of
                                 mappings behind the first, of labels with different keys, and numbers of ids
"""

from collections import Counter
from dataclasses import replace

from pprof_wire import (
    UINT64,
    Line,
    Location,
    Profile,
    Resolved,
    Sample,
    ValueType,
    content,
    counters_differ,
    scalars_differ,
)

PAGE = 0x1000
INT64_MAX = (1 << 63) - 1


class NotMergeable(Exception):
    pass


def label_order(labels):
    """Labels as google/pprof holds them: strings before numbers, by key, values of a key in their order."""
    kept = [one for one in labels if one.str or one.num or one.unit]
    return sorted(kept, key=lambda one: (not one.str, one.key))


def mapping_key(one):
    size = (one.limit - one.start + PAGE - 1) & UINT64
    return size - size % PAGE, one.offset, one.build_id or one.file


class Merger:
    def __init__(self, types):
        self.result = Profile(sample_types=types)
        self.mappings = {}
        self.functions = {}
        self.locations = {}
        self.samples = {}

    def mapping(self, one):
        key = mapping_key(one)
        if key not in self.mappings:
            self.mappings[key] = replace(one, id=len(self.mappings) + 1)
        return self.mappings[key]

    def function(self, one):
        key = content(one)
        if key not in self.functions:
            self.functions[key] = replace(one, id=len(self.functions) + 1)
        return self.functions[key].id

    def location(self, one, mappings, functions):
        source = mappings.get(one.mapping_id)
        mapping = self.mapping(source) if source else None
        relative = (one.address - (source.start if source else 0)) & UINT64
        lines = tuple(
            Line(self.function(functions[line.function_id]), line.line, line.column) for line in one.lines
        )
        key = mapping.id if mapping else 0, relative, lines, one.is_folded
        if key not in self.locations:
            address = (relative + (mapping.start if mapping else 0)) & UINT64
            self.locations[key] = Location(len(self.locations) + 1, key[0], address, list(lines), one.is_folded)
        return self.locations[key].id

    def add(self, profile):
        mappings = {one.id: one for one in profile.mappings}
        functions = {one.id: one for one in profile.functions}
        locations = {one.id: one for one in profile.locations}
        numbers = {}
        if not self.mappings and profile.mappings:
            self.mapping(profile.mappings[0])
        for sample in profile.samples:
            if not any(sample.values):
                continue
            for one in sample.location_ids:
                if one not in numbers:
                    numbers[one] = self.location(locations[one], mappings, functions)
            labels = label_order(sample.labels)
            key = tuple(numbers[one] for one in sample.location_ids), tuple(labels)
            if key in self.samples:
                known = self.samples[key]
                known.values = [a + b for a, b in zip(known.values, sample.values)]
            else:
                self.samples[key] = Sample(list(key[0]), list(sample.values), labels)

    def finish(self):
        result = self.result
        result.mappings = list(self.mappings.values())
        result.functions = list(self.functions.values())
        result.locations = list(self.locations.values())
        result.samples = list(self.samples.values())
        if any(not -INT64_MAX - 1 <= value <= INT64_MAX for one in result.samples for value in one.values):
            raise NotMergeable("a sum leaves int64")
        return result


def first(values):
    return next((value for value in values if value), b"")


def period_type(profile):
    return profile.period_type or ValueType()


def merge(profiles):
    head = profiles[0]
    for one in profiles[1:]:
        if one.sample_types != head.sample_types:
            raise NotMergeable("sample types differ")
        if period_type(one) != period_type(head):
            raise NotMergeable("period types differ")
    merger = Merger(head.sample_types)
    for one in profiles:
        merger.add(one)
    result = merger.finish()
    result.drop_frames, result.keep_frames = head.drop_frames, head.keep_frames
    result.time_nanos = min((one.time_nanos for one in profiles if one.time_nanos), default=0)
    result.duration_nanos = sum(one.duration_nanos for one in profiles)
    result.period_type = head.period_type
    result.period = max(0, *(one.period for one in profiles))
    result.comments = list(dict.fromkeys(comment for one in profiles for comment in one.comments))
    result.default_sample_type = first(one.default_sample_type for one in profiles)
    result.doc_url = first(one.doc_url for one in profiles)
    if any(not any(one.values) for one in result.samples):
        again = merge([result])  # sums that came to zero go, and what only they referred to
        result.samples, result.mappings = again.samples, again.mappings
        result.locations, result.functions = again.locations, again.functions
    return result


class Relative(Resolved):
    """Locations with their mapping's content, and samples with their labels in google/pprof's order."""

    def resolve(self, location):
        mapping, *rest = super().resolve(location)
        return (content(self.profile.mappings[mapping]) if isinstance(mapping, int) else mapping, *rest)

    def samples(self):
        counted = Counter()
        for (stack, values, labels), n in super().samples().items():
            counted[stack, values, tuple(label_order(labels))] += n
        return counted


def merge_differences(a, b):
    a = replace(a, period_type=period_type(a))
    b = replace(b, period_type=period_type(b))
    out = scalars_differ(a, b)
    mappings_a, mappings_b = [content(one) for one in a.mappings], [content(one) for one in b.mappings]
    out += counters_differ("the first mapping", Counter(mappings_a[:1]), Counter(mappings_b[:1]))
    out += counters_differ("mappings", Counter(mappings_a), Counter(mappings_b))
    resolved_a, resolved_b = Relative(a), Relative(b)
    out += counters_differ("functions", resolved_a.functions, resolved_b.functions)
    out += counters_differ("locations", resolved_a.locations, resolved_b.locations)
    out += counters_differ("samples", resolved_a.samples(), resolved_b.samples())
    return out
