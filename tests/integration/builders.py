"""Small profiles that the tests write themselves."""

from pprof_wire import Function, Label, Line, Location, Mapping, Profile, Sample, ValueType

CPU_TYPES = [ValueType(b"samples", b"count"), ValueType(b"cpu", b"nanoseconds")]


def small(name=b"main.work", value=3, **changes):
    """One sample in one function: the least that the server takes."""
    profile = Profile(
        sample_types=list(CPU_TYPES),
        samples=[Sample([1], [value, value * 10_000_000])],
        mappings=[Mapping(1, 0x400000, 0x500000, 0, b"/usr/bin/app", b"", True)],
        locations=[Location(1, 1, 0x401000, [Line(1, 7)])],
        functions=[Function(1, name, name, b"/src/app/main.go", 5)],
        period_type=ValueType(b"cpu", b"nanoseconds"),
        period=10_000_000,
    )
    for key, changed in changes.items():
        setattr(profile, key, changed)
    return profile


def everything():
    """Every field of profile.proto in use, with what is rare: inlined lines, columns, folded locations, equal
    samples apart, zero and negative values, an empty stack, repeated label keys, entries that nothing uses."""
    return Profile(
        sample_types=[ValueType(b"alloc_objects", b"count"), ValueType(b"alloc_space", b"bytes")],
        samples=[
            Sample([1, 2, 3], [1, 512], [Label(b"bytes", b"", 512, b"bytes"), Label(b"tenant", b"blue")]),
            Sample([3, 2, 1], [2, -1024], [Label(b"tenant", b"blue"), Label(b"tenant", b"green")]),
            Sample([3, 2, 1], [2, -1024], [Label(b"tenant", b"green"), Label(b"tenant", b"blue")]),
            Sample([2], [0, 0]),
            Sample([1, 1, 1], [7, 7]),
            Sample([1, 1, 1], [7, 7]),
            Sample([], [5, 5], [Label(b"number", b"", -3)]),
            Sample([4, 17], [(1 << 63) - 1, -(1 << 63)]),
        ],
        mappings=[
            Mapping(3, 0x400000, 0x5FF800, 0x1000, b"/usr/bin/app", b"0123abcd", True, True, True, True),
            Mapping(1, 0x7F0000000000, 0x7F0000200000, 0, b"/lib/libc.so.6", b"", False, True, False, True),
            Mapping(9, 1 << 63, (1 << 64) - 1, 0, b"[vdso]", b"", True, False, True, False),
        ],
        locations=[
            Location(1, 3, 0x401234, [Line(1, 10, 4), Line(2, 20, 8)]),
            Location(2, 3, 0x405678, [Line(2, 33)], True),
            Location(3, 1, 0x7F0000001000),
            Location(4, 0, 0, [Line(5, -1, -1)]),
            Location(17, 9, (1 << 64) - 2, [Line(1, 1 << 40, 1 << 33)]),
            Location(18, 3, 0x409999, [Line(2, 99)]),
        ],
        functions=[
            Function(1, b"inlined", b"_ZN7inlinedEv", b"/src/a.cc", 8),
            Function(2, b"outer", b"outer", b"/src/a.cc", 15),
            Function(5, "größe".encode(), b"", b"", 0),
            Function(6, b"nobody calls this", b"", b"/src/b.cc", 1),
        ],
        drop_frames=b"runtime\\..*",
        keep_frames=b"runtime\\.main",
        time_nanos=1_700_000_000_123_456_789,
        duration_nanos=10_000_000_000,
        period_type=ValueType(b"space", b"bytes"),
        period=524288,
        comments=[b"first", b"second", b"first"],
        default_sample_type=b"alloc_space",
        doc_url=b"https://example.org/doc",
    )
