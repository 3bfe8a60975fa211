"""Everything at once: pushes, lists, merges, services, metrics, on many connections."""
# variants: release, asan, tsan

import random
import threading

from load import Pushers, all_found, all_served, unique
from pprof_merge import merge, merge_differences
from pprof_wire import parse
from server import wait_for


class Readers:
    """Threads that read in every way until stop(); what they saw that they should not have."""

    def __init__(self, server, threads):
        self.server = server
        self.stopping = threading.Event()
        self.faults, self.reads = [], 0
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(threads)]
        for one in self.threads:
            one.start()

    def run(self, n):
        generator = random.Random(n)
        while not self.stopping.is_set():
            try:
                self.read(generator)
                self.reads += 1
            except Exception as error:
                self.faults.append(error)
                return

    def read(self, generator):
        service = f"load{generator.randrange(3)}"
        kind = generator.randrange(6)
        if kind == 0:
            answer = self.server.find(service=service, labels=f"n={generator.randrange(5)}")
            ids = [one["id"] for one in answer.result] if answer.status == 200 else []
            assert len(ids) == len(set(ids))
        elif kind == 1:
            answer = self.server.merge(service=service, limit=generator.randrange(1, 30))
            assert answer.status in (200, 404), answer
            assert answer.status == 404 or parse(answer.body).samples
        elif kind == 2:
            answer = self.server.find(service=service, limit=5)
            ids = [one["id"] for one in answer.result] if answer.status == 200 else []
            if ids:
                assert parse(self.server.fetch(*ids)).samples
        elif kind == 3:
            assert self.server.get("/api/0/services").status in (200, 404)
        elif kind == 4:
            assert self.server.metrics()
        else:
            assert self.server.get("/readyz").status == 200

    def stop(self):
        self.stopping.set()
        for one in self.threads:
            one.join(60)
            assert not one.is_alive(), "a read hangs"
        assert self.faults == []


def test_many_clients_at_once_see_a_consistent_store(server):
    pushers, readers = Pushers(server, threads=4), Readers(server, threads=4)
    wait_for(lambda: len(pushers.acknowledged) > 300 and readers.reads > 100, "enough was done", 120)
    acknowledged = pushers.stop()
    readers.stop()
    assert set(pushers.statuses) == {200} and pushers.errors == []
    all_served(server, acknowledged)
    all_found(server, acknowledged)
    own = [(one["id"], acknowledged[one["id"]]) for one in server.find(service="load0").result]
    merged = parse(server.merge(service="load0").body)
    assert merge_differences(merge([unique(n) for _, n in own]), merged) == []
