"""A disk that fails under load: 503 while it does, what was acknowledged stays readable, and writing goes on by itself
when there is room again, without a restart."""

import os

import pytest
from disks import ShimmedServer, small_disk
from load import Pushers, all_found, all_served, bulky
from pprof_wire import differences, encode, parse
from server import Server, check_store, wait_for


def pushes_until_refused(server, make, first=0):
    """Concurrent pushes until several were refused, each with a 503 that says when to come again."""
    pushers = Pushers(server, threads=4, make=make, first=first)
    wait_for(lambda: pushers.statuses[503] >= 5, f"pushes are refused {pushers.statuses}")
    acknowledged = pushers.stop()
    assert pushers.errors == []
    assert set(pushers.statuses) <= {200, 503}, pushers.refusals
    for answer in pushers.refusals:
        assert answer.headers["retry-after"] and answer.error
    return acknowledged


def goes_on(server, make, first):
    """A push is taken again, soon and without a restart, and then all of many."""
    body = encode(make(first))

    def taken():
        answer = server.post(body)
        return answer.result["id"] if answer.status == 200 else None

    one = wait_for(taken, "a push is taken again")
    assert differences(make(first), parse(server.fetch(one))) == []
    pushers = Pushers(server, threads=4, make=make, first=first + 1)
    wait_for(lambda: len(pushers.acknowledged) > 30, "pushes are acknowledged")
    acknowledged = pushers.stop()
    assert set(pushers.statuses) == {200}, pushers.refusals
    return acknowledged


FAULTS = {
    "write ENOSPC": ["write ENOSPC"],
    "write EIO": ["write EIO"],
    "short write": ["short ENOSPC", "write ENOSPC 1"],
    "sync EIO": ["sync EIO"],
    "sync EIO once": ["sync EIO 3"],
    "write ENOSPC in the log": ["write ENOSPC 5 -wal"],
    "little free": ["free 1000000"],
}


@pytest.mark.parametrize("lines", FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_disk_is_survived_without_a_restart(tmp_path, lines):
    server = ShimmedServer(tmp_path, journal=False).start()
    pushers = Pushers(server)
    wait_for(lambda: len(pushers.acknowledged) > 20, "pushes are acknowledged")
    before = pushers.stop()
    server.fail(*lines)
    during = pushes_until_refused(server, pushers.make, 100_000)
    assert server.get("/readyz").status == 503
    assert server.get("/healthz").status == 200
    all_served(server, {**before, **during})
    server.fail()
    after = goes_on(server, pushers.make, 200_000)
    everything = {**before, **during, **after}
    all_served(server, everything)
    all_found(server, everything)
    assert server.get("/readyz").status == 200
    server.restart()
    all_served(server, everything)
    all_found(server, everything)
    server.stop()
    check_store(server.data)


@pytest.mark.parametrize("lines", [["sync EIO 2"], ["write EIO 7"], ["short ENOSPC 5", "write ENOSPC 6"]], ids=str)
def test_a_power_cut_after_a_failing_disk_loses_nothing_acknowledged(tmp_path, lines):
    server = ShimmedServer(tmp_path).start()
    server.fail(*lines)
    acknowledged = pushes_until_refused(server, bulky)
    server.fail()
    acknowledged.update(goes_on(server, bulky, 200_000))
    server.kill()
    server.cut_back()
    server.start()
    all_served(server, acknowledged, bulky)
    server.stop()


def test_a_full_file_system_is_survived_without_a_restart(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        filler = disk / "filler"
        filler.write_bytes(bytes(12 << 20))
        server = Server(tmp_path, "-local.min-free=0", data="disk/data").start()
        before = pushes_until_refused(server, bulky)
        assert len(before) > 10
        all_served(server, before, bulky)
        filler.unlink()
        after = goes_on(server, bulky, 200_000)
        all_served(server, {**before, **after}, bulky)
        server.restart()
        all_served(server, {**before, **after}, bulky)
        all_found(server, {**before, **after})
        server.stop()


def free_bytes(disk):
    return os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize


def test_writing_stops_while_there_is_still_the_room_that_is_to_be_kept_free(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        server = Server(tmp_path, "-local.min-free=12MiB", data="disk/data").start()
        one = server.push(encode(bulky(1)))
        (disk / "filler").write_bytes(bytes(free_bytes(disk) - (10 << 20)))
        refused = wait_for(lambda: answered_503(server), "pushes are refused")
        assert "-local.min-free" in refused.error
        assert free_bytes(disk) > 4 << 20, "it stopped in time"
        assert differences(bulky(1), parse(server.fetch(one))) == []
        (disk / "filler").unlink()
        goes_on(server, bulky, 200_000)
        server.stop()


def answered_503(server):
    answer = server.post(encode(bulky(2, 100)), service="probe")
    return answer if answer.status == 503 else None


def test_a_start_on_a_full_file_system_serves_what_is_there(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        server = Server(tmp_path, "-local.min-free=0", data="disk/data").start()
        acknowledged = pushes_until_refused(server, bulky)
        for stop in (server.stop, server.kill):
            stop()
            (disk / "filler").write_bytes(b"")
            with open(disk / "filler", "ab", buffering=0) as filler:
                try:
                    while filler.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            server.start()
            all_served(server, acknowledged, bulky)
            (disk / "filler").unlink()
            acknowledged.update(pushes_until_refused(server, bulky, 300_000))
        server.stop()


def test_old_partitions_make_room_under_a_ceiling_of_size(start):
    """-local.max-size drops what is oldest; with one partition there is nothing to drop but it must not stop."""
    server = start("-local.max-size=1MiB")
    pushers = Pushers(server, make=bulky)
    wait_for(lambda: len(pushers.acknowledged) + pushers.statuses[503] > 60, "pushes are answered")
    pushers.stop()
    assert set(pushers.statuses) <= {200, 503}, pushers.refusals
    assert server.get("/api/0/services").status in (200, 404)


def test_a_restart_under_a_ceiling_of_size_keeps_what_there_is(start):
    """Before the first push nothing is being written: the newest partition is kept all the same."""
    server = start("-local.max-size=1MiB")
    one = server.push(encode(bulky(1, 2 << 20)))
    server.restart()
    wait_for(lambda: server.metrics()["profefe_local_free_bytes"], "upkeep has gone round once")
    assert differences(bulky(1, 2 << 20), parse(server.fetch(one))) == []
    assert server.metrics()["profefe_local_disk_bytes"] > 1 << 20
