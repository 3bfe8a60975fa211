"""The real profiles in tests/fixtures/profiles are what profiles/README.md says: all families, small, and of no machine."""
# variants: release

import gzip
import os
import re
import subprocess
import sys
import zlib

import pytest
from conftest import FIXTURES
from pprof_wire import encode, parse

PROFILES = FIXTURES / "profiles"
MOST = 600_000

sys.path.insert(0, str(FIXTURES))
import shapes  # noqa: E402


def bodies(pattern):
    return [parse(path.read_bytes()) for path in sorted(PROFILES.glob(pattern))]


def types(profile):
    return [kind.type for kind in profile.sample_types]


HEAP = [b"alloc_objects", b"alloc_space", b"inuse_objects", b"inuse_space"]
FAMILIES = {
    "collector-service/cpu.*": (24, [b"samples", b"cpu"]),
    "collector-service/heap.*": (9, HEAP),
    "collector-service/goroutine.*": (9, [b"goroutine"]),
    "collector-service/mutex.*": (1, [b"contentions", b"delay"]),
    "collector-service/block.*": (1, [b"contentions", b"delay"]),
    "collector-service/threadcreate.*": (1, [b"threadcreate"]),
    "go-compiler/cpu.*": (10, [b"samples", b"cpu"]),
    "go-compiler/mem.*": (3, HEAP),
    "profefe/collector_cpu_[123].prof": (3, [b"samples", b"cpu"]),
    "languages/heap_delta*": (1, HEAP),
}


@pytest.mark.parametrize("pattern", FAMILIES)
def test_every_family_is_there(pattern):
    least, kinds = FAMILIES[pattern]
    found = bodies(pattern)
    assert len(found) >= least
    assert all(types(one) == kinds and one.samples for one in found)


def stacks(profile):
    functions = {one.id: one.name for one in profile.functions}
    names = {one.id: tuple(functions[line.function_id] for line in one.lines) for one in profile.locations}
    return {tuple(names[at] for at in sample.location_ids) for sample in profile.samples}


def test_a_services_profiles_share_their_stacks():
    """So that merging and storing them means something: most functions of a profile are known from those before it."""
    known, seen, shared = set(), 0, 0
    for profile in bodies("collector-service/cpu.*"):
        names = {one.name for one in profile.functions}
        seen, shared = seen + len(names), shared + len(names & known)
        known |= names
    assert shared > seen * 0.7
    one, *others = (stacks(profile) for profile in bodies("collector-service/cpu.*"))
    assert all(one & other for other in others)


def test_odd_ones_are_there():
    assert all(not one.functions and one.locations for one in bodies("go-compiler/mem.*"))
    starts = {one.mappings[0].start for one in bodies("profefe/collector_cpu_[123].prof")}
    assert len(starts) == 3, "a program that lies elsewhere each time"
    (empty,) = bodies("profefe/collector_cpu_no-samples.prof")
    assert not empty.samples and types(empty) == [b"samples", b"cpu"]
    assert (PROFILES / "collector-service/trace.001.out").read_bytes().startswith(b"go 1.19 trace\0\0\0")
    labels = {(label.key, label.str) for sample in bodies("languages/go.labels.pb.gz")[0].samples for label in sample.labels}
    assert {(b"tenant", b"blue"), (b"tenant", b"green")} <= labels
    (delta,) = bodies("languages/heap_delta*")
    assert {value > 0 for sample in delta.samples for value in sample.values if value} == {False, True}
    (native,) = bodies("languages/cplusplus*")
    assert any(len(one.lines) > 1 for one in native.locations) and any(not one.lines for one in native.locations)


def members(body):
    n = 0
    while body:
        unpacker = zlib.decompressobj(31)
        unpacker.decompress(body)
        assert unpacker.eof
        body, n = unpacker.unused_data, n + 1
    return n


def test_one_profile_is_gzipped_in_several_members_and_one_is_bare():
    packed, bare = ((PROFILES / "languages" / name).read_bytes() for name in ("go.members.pb.gz", "go.bare.pb"))
    assert members(packed) == 4
    assert gzip.decompress(packed) == bare and parse(bare).samples


def test_shapes_are_those_that_the_writer_makes():
    made = {f"languages/{name}.pb.gz": encode(one) for name, one in shapes.languages().items()}
    made.update({f"legacy/{name}": body for name, body in shapes.legacy().items()})
    for name, body in made.items():
        found = (PROFILES / name).read_bytes()
        assert (gzip.decompress(found) if name.endswith(".gz") else found) == body, name


def test_they_are_small_and_tell_nothing_of_the_machine_that_made_them():
    files = [path for path in PROFILES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST
    for path in files:
        body = path.read_bytes()
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        assert not re.search(rb"(?<![\w./-])/(home|root|tmp|work|var|opt|mnt)/", body), path


def collects(corpus):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "test_merge.py"]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PROFEFE_CORPUS": str(corpus)})


def test_other_profiles_run_beside_them_and_a_folder_that_is_not_there_is_said(tmp_path):
    (tmp_path / "collector-service").mkdir()
    (tmp_path / "collector-service/cpu.001.pb.gz").touch()
    both = collects(tmp_path)
    assert both.returncode == 0, both.stdout
    assert "[fixtures/collector-service/cpu.001.pb.gz]" in both.stdout
    assert "[corpus/collector-service/cpu.001.pb.gz]" in both.stdout
    absent = collects(tmp_path / "none")
    assert absent.returncode not in (0, 5)  # 5: no test, 77: all skipped
    assert "which is no folder" in absent.stdout + absent.stderr
