"""pprof profiles on the wire, read and written from profile.proto alone.

The tests' own witness: it shares no code and no idea with src/pprof, so that a field which the server forgets
is not forgotten here, too. Slow and plain on purpose.

    profile = parse(body)                    gzip or bare protobuf -> Profile
    encode(profile)                          -> bare protobuf
    differences(a, b)                        [] when equal in every field, but for what a store may change:
                                             the order of samples, the numbers of ids, unused strings
    exact_differences(a, b)                  [] when equal in those, too

All texts are bytes; string indexes are resolved while parsing.
"""

import gzip
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import List, Optional

UINT64 = (1 << 64) - 1


class Malformed(Exception):
    """The bytes are not a profile."""


@dataclass(frozen=True)
class ValueType:
    type: bytes = b""
    unit: bytes = b""


@dataclass(frozen=True)
class Label:
    key: bytes = b""
    str: bytes = b""
    num: int = 0
    unit: bytes = b""


@dataclass
class Sample:
    location_ids: List[int] = field(default_factory=list)
    values: List[int] = field(default_factory=list)
    labels: List[Label] = field(default_factory=list)


@dataclass
class Mapping:
    id: int = 0
    start: int = 0
    limit: int = 0
    offset: int = 0
    file: bytes = b""
    build_id: bytes = b""
    has_functions: bool = False
    has_filenames: bool = False
    has_line_numbers: bool = False
    has_inline_frames: bool = False


@dataclass(frozen=True)
class Line:
    function_id: int = 0
    line: int = 0
    column: int = 0


@dataclass
class Location:
    id: int = 0
    mapping_id: int = 0
    address: int = 0
    lines: List[Line] = field(default_factory=list)
    is_folded: bool = False


@dataclass
class Function:
    id: int = 0
    name: bytes = b""
    system_name: bytes = b""
    filename: bytes = b""
    start_line: int = 0


@dataclass
class Profile:
    sample_types: List[ValueType] = field(default_factory=list)
    samples: List[Sample] = field(default_factory=list)
    mappings: List[Mapping] = field(default_factory=list)
    locations: List[Location] = field(default_factory=list)
    functions: List[Function] = field(default_factory=list)
    drop_frames: bytes = b""
    keep_frames: bytes = b""
    time_nanos: int = 0
    duration_nanos: int = 0
    period_type: Optional[ValueType] = None
    period: int = 0
    comments: List[bytes] = field(default_factory=list)
    default_sample_type: bytes = b""
    doc_url: bytes = b""
    unknown: List[tuple] = field(default_factory=list)  # (message, field number, wire type, value)


# --- reading -----------------------------------------------------------------------------------------------


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("varint is cut off or too long")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & UINT64, at


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def read_fields(data):
    """Yields (field number, wire type, value): an int for 0, 1 and 5, bytes for 2."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Malformed("field number 0")
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            if at + size > len(data):
                raise Malformed("fixed field is cut off")
            value = int.from_bytes(data[at : at + size], "little")
            at += size
        elif wire == 2:
            size, at = read_varint(data, at)
            if size > len(data) - at:
                raise Malformed("field is cut off")
            value = data[at : at + size]
            at += size
        else:
            raise Malformed(f"wire type {wire}")
        yield number, wire, value


class Message:
    """The fields of one message, in order; whatever `known` lacks goes to `unknown`."""

    def __init__(self, data, name, known, unknown):
        self.values = {}
        for number, wire, value in read_fields(data):
            if number in known:
                self.values.setdefault(number, []).append((wire, value))
            else:
                unknown.append((name, number, wire, value))

    def uint(self, number):
        values = self.values.get(number)
        if not values:
            return 0
        wire, value = values[-1]
        if wire != 0:
            raise Malformed(f"field {number} should be a varint")
        return value

    def int(self, number):
        return signed(self.uint(number))

    def bool(self, number):
        return self.uint(number) != 0

    def bytes(self, number):
        out = []
        for wire, value in self.values.get(number, ()):
            if wire != 2:
                raise Malformed(f"field {number} should have a length")
            out.append(value)
        return out

    def uints(self, number):
        """A repeated number, packed or not."""
        out = []
        for wire, value in self.values.get(number, ()):
            if wire == 0:
                out.append(value)
            elif wire == 2:
                at = 0
                while at < len(value):
                    one, at = read_varint(value, at)
                    out.append(one)
            else:
                raise Malformed(f"field {number} should be varints")
        return out

    def ints(self, number):
        return [signed(value) for value in self.uints(number)]


def gunzip(body):
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def parse(body):
    unknown = []
    top = Message(gunzip(body), "profile", range(1, 16), unknown)
    strings = top.bytes(6)

    def text(index):
        if not 0 <= index < max(len(strings), 1):
            raise Malformed(f"string {index} of {len(strings)}")
        return strings[index] if strings else b""

    def value_type(data):
        message = Message(data, "value_type", (1, 2), unknown)
        return ValueType(text(message.int(1)), text(message.int(2)))

    def label(data):
        message = Message(data, "label", range(1, 5), unknown)
        return Label(text(message.int(1)), text(message.int(2)), message.int(3), text(message.int(4)))

    def sample(data):
        message = Message(data, "sample", (1, 2, 3), unknown)
        return Sample(message.uints(1), message.ints(2), [label(one) for one in message.bytes(3)])

    def mapping(data):
        message = Message(data, "mapping", range(1, 11), unknown)
        return Mapping(
            *(message.uint(number) for number in (1, 2, 3, 4)),
            text(message.int(5)),
            text(message.int(6)),
            *(message.bool(number) for number in (7, 8, 9, 10)),
        )

    def line(data):
        message = Message(data, "line", (1, 2, 3), unknown)
        return Line(message.uint(1), message.int(2), message.int(3))

    def location(data):
        message = Message(data, "location", range(1, 6), unknown)
        lines = [line(one) for one in message.bytes(4)]
        return Location(message.uint(1), message.uint(2), message.uint(3), lines, message.bool(5))

    def function(data):
        message = Message(data, "function", range(1, 6), unknown)
        return Function(message.uint(1), *(text(message.int(number)) for number in (2, 3, 4)), message.int(5))

    period_types = top.bytes(11)
    return Profile(
        sample_types=[value_type(one) for one in top.bytes(1)],
        samples=[sample(one) for one in top.bytes(2)],
        mappings=[mapping(one) for one in top.bytes(3)],
        locations=[location(one) for one in top.bytes(4)],
        functions=[function(one) for one in top.bytes(5)],
        drop_frames=text(top.int(7)),
        keep_frames=text(top.int(8)),
        time_nanos=top.int(9),
        duration_nanos=top.int(10),
        period_type=value_type(period_types[-1]) if period_types else None,
        period=top.int(12),
        comments=[text(index) for index in top.ints(13)],
        default_sample_type=text(top.int(14)),
        doc_url=text(top.int(15)),
        unknown=unknown,
    )


# --- writing -----------------------------------------------------------------------------------------------


def varint(value):
    value &= UINT64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, value):
    """One field: a varint for an int or a bool, else bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*values):
    """A message of fields 1, 2, 3 ...; zeros and empty bytes are left out, a list repeats its field."""
    out = bytearray()
    for number, value in enumerate(values, 1):
        for one in value if isinstance(value, list) else [value] if value else []:
            out += tag(number, one)
    return bytes(out)


def packed(numbers):
    return b"".join(varint(number) for number in numbers)


def encode(profile):
    """Bare protobuf. Unknown fields of the outermost message are written, others can't be."""
    strings = {b"": 0}

    def index(text):
        return strings.setdefault(text, len(strings))

    def value_type(one):
        return message(index(one.type), index(one.unit))

    def label(one):
        return message(index(one.key), index(one.str), one.num, index(one.unit))

    out = bytearray()
    for one in profile.sample_types:
        out += tag(1, value_type(one))
    for one in profile.samples:
        labels = [label(each) for each in one.labels]
        out += tag(2, message(packed(one.location_ids), packed(one.values), labels))
    for one in profile.mappings:
        names = index(one.file), index(one.build_id)
        flags = one.has_functions, one.has_filenames, one.has_line_numbers, one.has_inline_frames
        out += tag(3, message(one.id, one.start, one.limit, one.offset, *names, *flags))
    for one in profile.locations:
        lines = [message(each.function_id, each.line, each.column) for each in one.lines]
        out += tag(4, message(one.id, one.mapping_id, one.address, lines, one.is_folded))
    for one in profile.functions:
        names = index(one.name), index(one.system_name), index(one.filename)
        out += tag(5, message(one.id, *names, one.start_line))
    rest = bytearray()
    for number, value in (
        (7, index(profile.drop_frames)),
        (8, index(profile.keep_frames)),
        (9, profile.time_nanos),
        (10, profile.duration_nanos),
    ):
        rest += tag(number, value) if value else b""
    if profile.period_type is not None:
        rest += tag(11, value_type(profile.period_type))
    rest += tag(12, profile.period) if profile.period else b""
    for comment in profile.comments:
        rest += tag(13, index(comment))
    for number, value in ((14, index(profile.default_sample_type)), (15, index(profile.doc_url))):
        rest += tag(number, value) if value else b""
    for name, number, _, value in profile.unknown:
        if name != "profile":
            raise ValueError("can't write an unknown field within " + name)
        rest += tag(number, value)
    for text in strings:
        out += tag(6, text)
    return bytes(out + rest)


# --- comparing ---------------------------------------------------------------------------------------------

SCALARS = (
    "sample_types drop_frames keep_frames time_nanos duration_nanos period_type period comments "
    "default_sample_type doc_url unknown"
).split()


def content(entry):
    """All fields of a mapping or function but its id."""
    return tuple(getattr(entry, one.name) for one in fields(entry) if one.name != "id")


class Resolved:
    """A profile with every id replaced by what it stands for."""

    def __init__(self, profile):
        self.profile = profile
        self.mapping_index = {one.id: i for i, one in enumerate(profile.mappings)}
        self.function = {one.id: content(one) for one in profile.functions}
        self.location = {one.id: self.resolve(one) for one in profile.locations}
        self.functions = Counter(content(one) for one in profile.functions)
        self.locations = Counter(self.resolve(one) for one in profile.locations)

    def resolve(self, location):
        mapping = self.mapping_index.get(location.mapping_id)
        if mapping is None and location.mapping_id:
            mapping = ("an id that exists nowhere", location.mapping_id)
        lines = tuple((self.function.get(one.function_id), one.line, one.column) for one in location.lines)
        return mapping, location.address, lines, location.is_folded

    def samples(self):
        return Counter(
            (tuple(self.location.get(one) for one in sample.location_ids), tuple(sample.values), tuple(sample.labels))
            for sample in self.profile.samples
        )


def first_of(counter):
    """The smallest key, as text: something to show that doesn't change from run to run."""
    return min(map(repr, counter))


def counters_differ(name, a, b):
    if a == b:
        return []
    only_a, only_b = a - b, b - a
    out = [f"{name}: {sum(a.values())} here, {sum(b.values())} there"]
    if only_a:
        out.append(f"{name}: {sum(only_a.values())} only here, such as {first_of(only_a)[:1500]}")
    if only_b:
        out.append(f"{name}: {sum(only_b.values())} only there, such as {first_of(only_b)[:1500]}")
    return out


def scalars_differ(a, b, names=SCALARS):
    return [
        f"{name}: {getattr(a, name)!r} here, {getattr(b, name)!r} there"
        for name in names
        if getattr(a, name) != getattr(b, name)
    ]


def differences(a, b):
    """What sets two profiles apart once samples may be in any order, ids have any numbers and strings that
    nothing uses may come or go. Mappings keep their order: the first is the main binary."""
    out = scalars_differ(a, b)
    if [content(one) for one in a.mappings] != [content(one) for one in b.mappings]:
        out.append(f"mappings: {a.mappings!r} here, {b.mappings!r} there")
    resolved_a, resolved_b = Resolved(a), Resolved(b)
    out += counters_differ("functions", resolved_a.functions, resolved_b.functions)
    out += counters_differ("locations", resolved_a.locations, resolved_b.locations)
    out += counters_differ("samples", resolved_a.samples(), resolved_b.samples())
    return out


def exact_differences(a, b):
    """The same with order and ids."""
    return scalars_differ(a, b, [one.name for one in fields(Profile)])

