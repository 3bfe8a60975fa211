"""What the process holds: within the sum of its flags while it works, and little once it is idle."""
# variants: release

import threading
from pathlib import Path

from builders import CPU_TYPES, small
from pprof_wire import Function, Line, Location, Profile, Sample, encode
from server import wait_for

MiB = 1 << 20
CEILING = (64 + 64 + 128 + 32) * MiB  # -local.cache-size, -local.symbols-memory, -memory.max-inflight, and the rest


def large(number, stacks=1500, depth=16):
    """A profile whose stacks no other has: so many of them under one service weigh something."""
    first = number * stacks
    return Profile(
        sample_types=list(CPU_TYPES),
        samples=[
            Sample([1 + (first + i * (j + 1)) % 5_000 for j in range(depth)] + [5_001 + i], [1, first + i])
            for i in range(stacks)
        ],
        locations=[Location(i, 0, 0, [Line(i, i % 500)]) for i in range(1, 5_001 + stacks)],
        functions=[Function(i, b"package%d.function%d" % (number, i), b"", b"/src/file%d.go" % (i % 300)) for i in range(1, 5_001 + stacks)],
        period_type=small().period_type,
        period=10_000_000,
    )


def resident(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_memory_stays_within_the_flags_and_goes_back(start):
    server = start()
    for number in range(12):
        server.push(encode(large(number)), service="heavy", labels=[("host", f"h{number % 4}")])
    targets = [
        server.merge_target(service="heavy"),
        server.merge_target(service="heavy", format="flamegraph"),
        server.merge_target(service="heavy", format="top"),
    ]
    statuses = set()

    def ask():
        for _ in range(4):
            for target in targets:
                statuses.add(server.get(target).status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 in statuses and statuses <= {200, 422, 503}
    assert server.resident() < CEILING
    assert server.get(targets[0]).status == 200
    wait_for(lambda: server.metrics()["profefe_heap_trims_total"] > 0, "free memory is given back")
    caches = (64 + 64) * MiB // 2 + 64 * MiB  # tables that readers keep, and what recognises symbols, at the most
    wait_for(lambda: resident(server) < caches, f"the idle server is small again: {resident(server) // MiB} MiB")
