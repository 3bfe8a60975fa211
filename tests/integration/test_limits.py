"""Memory, time and queues have ceilings: over them there is a clear answer, and afterwards all is as before."""

import gzip
import threading

from builders import small
from load import Pushers, all_served, bulky, unique
from pprof_wire import Function, Line, Location, Sample, encode, parse
from server import SANITIZED, wait_for

BODY = encode(small())
MIB = 1 << 20


def wide(n, stacks=3000):
    """Stacks, functions and locations of its own: what a merge can't share with another one."""
    functions = [Function(i, b"f%d.%d" % (n, i), b"", b"f%d.go" % n, i) for i in range(1, stacks)]
    locations = [Location(i, 1, 0x400000 + 16 * (n * stacks + i), [Line(i, i)]) for i in range(1, stacks)]
    return small(samples=[Sample([i, i], [i, i]) for i in range(1, stacks)], locations=locations, functions=functions)


def test_a_merge_over_its_memory_is_422_and_the_server_goes_on(start):
    server = start("-query.max-memory=2MiB")
    ids = [server.push(gzip.compress(encode(wide(n)), 1)) for n in range(12)]
    for answer in (server.merge(), server.get("/api/0/profiles/" + "+".join(ids))):
        assert answer.status == 422
        assert "memory" in answer.error or "bytes" in answer.error
    assert server.merge(limit=1).status == 200
    assert len(parse(server.fetch(ids[0])).samples) == 2999
    assert len(server.find().result) == 12


def test_a_long_list_needs_no_memory_of_its_length(start):
    server = start("-query.max-memory=1MiB", "-memory.max-inflight=2MiB")
    labels = [("k", "v" * 900)]
    for _ in range(1200):
        server.push(BODY, labels=labels)
    assert len(server.find().result) == 1200


def test_a_query_over_its_time_is_504_and_says_so(start):
    """Asked again it would take as long: it is not for a client to come back a second later."""
    server = start("-query.timeout=1ms")
    for n in range(40):
        server.push(gzip.compress(encode(wide(n, 500)), 1))
    answer = wait_for(lambda: (lambda got: got if got.status != 200 else None)(server.merge()), "a merge takes too long")
    assert answer.status == 504
    assert "longer" in answer.error and "-query.timeout" in answer.error
    assert "retry-after" not in answer.headers


def noise(n, size):
    """A profile that gzip can't make smaller."""
    return encode(bulky(n, size))


def test_what_could_never_fit_into_memory_is_413(start):
    server = start("-memory.max-inflight=1MiB")
    assert server.post(noise(1, 3 * MIB)).status == 413
    bomb = gzip.compress(encode(small(b"x" * (8 * MIB))))
    assert len(bomb) < MIB and server.post(bomb).status == 413
    assert server.post(BODY).status == 200


def test_what_alone_overfills_the_memory_is_413_and_names_the_flag(start):
    """Body, decoded profile, symbols and row are held together. Nobody else is there but for a moment the push before,
    whose memory is given back when its answer is out: a 503 passes, and would come for ever where it doesn't."""
    server = start("-memory.max-inflight=4MiB")
    seen = set()

    def settled(make):
        return wait_for(lambda: (lambda got: got if got.status != 503 else None)(server.post(make())), "no 503 for ever")

    for stacks in (2000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 20_000, 40_000):
        bare = encode(wide(1, stacks))
        zipped = gzip.compress(bare, 1)
        chunks = [bare[i : i + 10_000] for i in range(0, len(bare), 10_000)]
        for make in (lambda: bare, lambda: zipped, lambda: iter(chunks)):  # the last one's length is not announced
            answer = settled(make)
            seen.add((stacks > 20_000, answer.status))
            assert answer.status in (200, 413), (stacks, answer)
            assert answer.status == 200 or "-memory.max-inflight" in answer.error
    assert (False, 200) in seen and (False, 413) in seen and (True, 200) not in seen
    assert "-memory.max-inflight" in settled(lambda: noise(1, 3900 << 10)).error
    assert settled(lambda: BODY).status == 200


def test_what_does_not_fit_just_now_is_503_and_nothing_acknowledged_is_lost(start):
    server = start("-memory.max-inflight=2MiB", "-http.workers=4")

    def make(n):
        return bulky(n, 150_000)

    pushers = Pushers(server, threads=12, make=make)
    wait_for(lambda: len(pushers.acknowledged) > 30, "pushes are acknowledged")
    acknowledged = pushers.stop()
    assert set(pushers.statuses) <= {200, 503}, pushers.refusals[:3]
    for answer in pushers.refusals:
        assert answer.headers["retry-after"]
    all_served(server, acknowledged, make)
    for n in range(5):
        assert server.post(encode(make(n))).status == 200, "all memory was given back"


def test_a_full_queue_is_503_at_once_and_empties(start):
    server = start("-http.workers=1", "-http.max-queue=2")
    for n in range(8):
        server.push(gzip.compress(encode(wide(n)), 1))
    statuses = []

    def ask():
        answer = server.merge()
        statuses.append((answer.status, answer.headers.get("retry-after")))

    def ask_together():
        threads = [threading.Thread(target=ask) for _ in range(24)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
            assert not one.is_alive()
        return any(status == 503 for status, _ in statuses)

    wait_for(ask_together, "the queue is full")
    assert {status for status, _ in statuses} <= {200, 503}
    assert all(retry for status, retry in statuses if status == 503)
    assert server.merge().status == 200


def test_too_many_series_are_503_and_known_ones_go_on(start):
    server = start("-local.max-series=2")
    server.push(BODY, labels=[("host", "a")])
    server.push(BODY, labels=[("host", "b")])
    refused = server.post(BODY, labels=[("host", "c")])
    assert refused.status == 503 and "-local.max-series" in refused.error
    assert server.post(BODY, labels=[("host", "a")]).status == 200
    assert len(server.find().result) == 3
    server.stop()
    server.start()
    assert server.post(BODY, labels=[("host", "c")]).status == 503
    assert server.post(BODY, labels=[("host", "b")]).status == 200


def test_one_services_series_keep_no_others_out(start):
    server = start("-local.max-series-per-service=3")
    for request in range(3):
        server.push(BODY, service="noisy", labels=[("request", str(request))])
    for _ in range(2):
        refused = server.post(BODY, service="noisy", labels=[("request", "4")])
        assert refused.status == 503 and "-local.max-series-per-service" in refused.error and '"noisy"' in refused.error
        assert server.post(BODY, service="noisy", labels=[("request", "2")]).status == 200
        for service in ("calm", "other"):
            assert server.post(BODY, service=service, labels=[("host", "a")]).status == 200
        server.kill()
        server.start()
    assert server.metrics()['profefe_store_writes_refused_total{reason="series"}'] == 0
    assert server.post(BODY, service="noisy", labels=[("request", "5")]).status == 503
    assert server.metrics()['profefe_store_writes_refused_total{reason="series"}'] == 1


def test_memory_stays_under_the_sum_of_its_ceilings(start):
    server = start("-memory.max-inflight=32MiB", "-local.cache-size=8MiB", "-local.symbols-memory=8MiB")
    server.push(BODY)
    floor = server.resident()

    def make(n):
        return bulky(n, 2 * MIB)

    pushers = Pushers(server, threads=16, make=make)
    wait_for(lambda: sum(pushers.statuses.values()) > 120, "many large pushes are answered")
    pushers.stop()
    assert set(pushers.statuses) <= {200, 503}, pushers.refusals[:3]
    pushers = Pushers(server, threads=8, make=unique, first=10_000)
    wait_for(lambda: len(pushers.acknowledged) > 1000, "many small pushes are acknowledged")
    pushers.stop()
    for n in range(3):
        server.merge(service=f"load{n}")
    if not SANITIZED:
        assert server.resident() - floor < (32 + 8 + 8) * MIB + 16 * MIB, "16 MiB for stacks, buffers and the allocator"


def test_a_client_that_hangs_up_ends_its_merge(start):
    """Its answer would take seconds; the workers are free at once for somebody else's."""
    server = start("-http.workers=1", "-query.max-memory=1GiB")
    for n in range(20):
        server.push(gzip.compress(encode(wide(n)), 1))
    for _ in range(10):
        try:
            server.request("GET", server.merge_target(), timeout=0.001)
        except OSError:
            pass
    assert server.get("/api/0/services").result == ["app"]
