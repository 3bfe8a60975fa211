"""Many pushes at once, each of a profile of its own, and what the server said to them."""

import gzip
import itertools
import random
import threading
from collections import Counter

from builders import small
from pprof_wire import Function, Label, Line, Location, Sample, differences, encode, parse


def unique(n):
    """The n-th of endlessly many profiles: some symbols are shared, some its own."""
    generator = random.Random(n)
    functions = [Function(i, b"shared%d" % i, b"", b"shared.go", i) for i in range(1, 6)]
    functions.append(Function(6, b"own%d" % n, b"", b"own.go", n % 1000))
    locations = [Location(i, 1, 0x400000 + 16 * i, [Line(1 + i % 6, i)]) for i in range(1, 13)]
    stacks = {tuple(generator.randrange(1, 13) for _ in range(8)) for _ in range(20)}
    samples = [
        Sample(list(stack), [generator.randrange(1, 9), generator.randrange(1 << 40)], [Label(b"n", b"%d" % (n % 7))])
        for stack in sorted(stacks)
    ]
    return small(samples=samples, locations=locations, functions=functions, comments=[b"%d" % n])


def bulky(n, size=60_000):
    """Like unique(), with bytes that nothing can compress."""
    one = unique(n)
    one.functions[5].filename = random.Random(n).randbytes(size)
    return one


class Pushers:
    """Threads that push until stop() or until the server is gone.

    acknowledged: {id: the number of its profile}, of answers that came whole; statuses: how many of each;
    refusals: the answers other than 200.
    """

    def __init__(self, server, threads=4, make=unique, first=0, service="load"):
        self.server, self.make, self.service = server, make, service
        self.acknowledged, self.statuses = {}, Counter()
        self.refusals, self.errors = [], []
        self.numbers = itertools.count(first)
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for one in self.threads:
            one.start()

    def run(self):
        while not self.stopping.is_set():
            n = next(self.numbers)
            body = gzip.compress(encode(self.make(n)), 1)
            try:
                answer = self.server.post(body, service=f"{self.service}{n % 3}", labels=[("n", str(n % 5))])
            except Exception as error:  # the server is gone, or cut us off: nothing was promised
                self.errors.append(error)
                return
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.acknowledged[answer.result["id"]] = n
            else:
                self.refusals.append(answer)

    def join(self):
        """Waits for the threads, which end by themselves once the server is gone."""
        for one in self.threads:
            one.join(60)
            assert not one.is_alive(), "a push hangs"
        return self.acknowledged

    def stop(self):
        self.stopping.set()
        return self.join()


def all_served(server, acknowledged, make=unique):
    """Every acknowledged id is there, equal to what was pushed."""
    for one, n in acknowledged.items():
        assert differences(make(n), parse(server.fetch(one))) == [], (one, n)


def all_found(server, acknowledged, service="load"):
    """Lists name every acknowledged id, and nothing twice."""
    found = []
    for n in range(3):
        answer = server.find(service=f"{service}{n}")
        found += [one["id"] for one in answer.result] if answer.status == 200 else []
    assert len(found) == len(set(found))
    missing = set(acknowledged) - set(found)
    assert not missing, f"{len(missing)} of {len(acknowledged)} are in no list"
