"""A store of many days: readers open a partition once, whatever their number."""
# variants: release, asan

import datetime
import shutil
import threading

import pytest
from builders import small
from pprof_wire import encode
from server import Server

OPENED = "profefe_local_connections_opened_total"


@pytest.fixture
def many_days(tmp_path):
    """many_days(n) -> a running server with as many partitions, each with the same profile in it."""
    servers = []

    def make(n):
        server = Server(tmp_path, "-local.data-ttl=0", "-http.workers=4").start()
        servers.append(server)
        server.push(encode(small()), service="app")
        server.stop()
        (one,) = server.data.glob("partitions/*.db")
        first = datetime.date.fromisoformat(one.stem)
        for day in range(1, n):
            shutil.copy(one, one.with_name(f"{first - datetime.timedelta(days=day)}.db"))
        return server.start()

    yield make
    for one in servers:
        one.stop()


@pytest.mark.parametrize("partitions", [17, 40])
def test_services_open_every_partition_once(many_days, partitions):
    server = many_days(partitions)
    assert server.get("/api/0/services").result == ["app"]
    opened = server.metrics()[OPENED]
    assert opened == partitions
    for _ in range(3):
        assert server.get("/api/0/services").result == ["app"]
    assert server.metrics()[OPENED] == opened


@pytest.mark.parametrize("partitions", [17, 40])
def test_several_at_once_open_no_more_than_can_meet(many_days, partitions):
    server = many_days(partitions)
    answers = []

    def ask():
        answers.extend(server.get("/api/0/services").result for _ in range(40))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [["app"]] * 320
    assert server.metrics()[OPENED] <= partitions * 4
