"""A store that the server of format 1 wrote opens, answers as it did there, and goes on in files of format 2.

fixtures/version_1/partition.sql is what the last server of format 1 (commit e37a405) made of PUSHES, in their order and
the last one after a restart, as iterdump() of Python's sqlite3 prints it.
"""
# variants: release, asan

import shutil
import sqlite3
import time

import pytest
from builders import everything, small
from pprof_merge import merge, merge_differences
from pprof_wire import encode, differences, parse
from server import ROOT, check_store

DUMP = ROOT / "tests/fixtures/version_1/partition.sql"
DAYS = 30  # that a partition spans where profiles are kept for ever
OWNER = 0x70667031

# service, type, labels, created_at, body
PUSHES = [
    *(
        ("app", "cpu", [("host", "ab"[n % 2])], f"2026-11-2{n}T10:00:00Z", encode(small(b"main.f%d" % n, n + 1)))
        for n in range(5)
    ),
    ("app", "heap", [("host", "a"), ("zone", "x")], "2023-11-14T22:13:20.123456789Z", encode(everything())),
    ("app", "trace", [], "2026-11-20T10:00:00Z", b"go 1.22 trace\0\0\0 and what follows"),
    ("other", "cpu", [], "2026-11-21T10:00:00Z", encode(small(b"main.f0", 7))),
    ("app", "cpu", [("host", "b")], "2026-11-26T10:00:00Z", encode(small(b"main.f3", 50))),
]


def today():
    day = int(time.time()) // 86400
    return time.strftime("%Y-%m-%d", time.gmtime((day - day % DAYS) * 86400))


def write(path, killed):
    """The fixture as a partition, with all of it in its log where its server was killed."""
    path.parent.mkdir(parents=True)
    made = path.with_name("made")
    database = sqlite3.connect(made, isolation_level=None)
    for pragma in ("page_size=4096", "journal_mode=WAL", "wal_autocheckpoint=0"):
        database.execute(f"PRAGMA {pragma}")
    database.executescript(f"PRAGMA application_id={OWNER}; PRAGMA user_version=1;" + DUMP.read_text())
    if killed:
        shutil.copy(made, path)
        shutil.copy(f"{made}-wal", f"{path}-wal")
    database.close()
    if killed:
        made.unlink()
    else:
        made.rename(path)


def labels_of(found):
    return {one["key"]: one["value"] for one in found.get("labels", [])}


def answers(server):
    """(service, type, labels, created_at, bytes) of all that is found."""
    found = [one for service in ("app", "other") for one in server.find(service=service).result]
    return [(one["service"], one["type"], labels_of(one), one["created_at"], server.fetch(one["id"])) for one in found]


def check_answers(server, pushes):
    def in_order(ones):
        return sorted(ones, key=lambda one: (one[0], one[3], one[1]))

    want = in_order((s, t, dict(labels), at, body) for s, t, labels, at, body in pushes)
    got = in_order(answers(server))
    assert [one[:4] for one in got] == [one[:4] for one in want]
    for (*_, kind, _, _, ours), (*_, theirs) in zip(got, want):
        if kind == "trace":
            assert ours == theirs
        else:
            assert not differences(parse(ours), parse(theirs))
    cpu = [parse(body) for s, t, _, _, body in pushes if (s, t) == ("app", "cpu")]
    assert not merge_differences(parse(server.merge().body), merge(cpu))
    labelled = server.find(type="cpu", labels="host=b").result
    assert len(labelled) == sum(("host", "b") in labels and s == "app" for s, _, labels, _, _ in pushes)


@pytest.mark.parametrize("end", ["stopped", "killed"])
@pytest.mark.parametrize("day", ["2026-11-21", "today"])
def test_it_opens_answers_and_goes_on(start, end, day):
    server = start("-local.data-ttl=0")
    server.stop()
    shutil.rmtree(server.data)
    path = server.data / f"partitions/{today() if day == 'today' else day}.db"
    write(path, end == "killed")
    before = path.read_bytes()
    assert f"{len(PUSHES)} profiles" in check_store(server.data)
    server.start()
    more = ("app", "cpu", [("host", "b")], "2026-11-27T10:00:00Z", encode(small(b"main.new", 9)))
    check_answers(server, PUSHES)
    server.push(more[4], service=more[0], type=more[1], labels=more[2], created_at=more[3])
    check_answers(server, [*PUSHES, more])
    files = {one.name for one in path.parent.glob("*.db")}
    assert files == {path.name, f"{today()}{'.2' if day == 'today' else ''}.db"}
    server.stop()
    server.start()
    check_answers(server, [*PUSHES, more])
    server.stop()
    if end == "stopped":
        assert path.read_bytes() == before
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM profile").fetchone() == (len(PUSHES),)
    database.close()
    assert f"{len(PUSHES)} profiles" in check_store(server.data)
