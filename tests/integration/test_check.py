"""-local.check: what it finds, and that it changes nothing."""
# variants: release, asan

import hashlib
import sqlite3

import pytest
from builders import small
from pprof_wire import encode
from server import check_store, query, run_server

BODY = encode(small())


def state(directory):
    """Every file with its bytes and times."""
    found = {}
    for path in sorted(directory.rglob("*")):
        at = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(directory))] = (at.st_mtime_ns, at.st_size, at.st_ino, content)
    return found


@pytest.mark.parametrize("end", ["stopped", "killed"])
@pytest.mark.parametrize("data", ["data", "a?b#c%41"])
def test_an_offline_store_is_left_as_it_is(start, end, data):
    server = start(data=data)
    for n in range(10):
        server.push(BODY, service=f"s{n % 3}")
    server.stop() if end == "stopped" else server.kill()
    assert any(name.endswith("-wal") for name in state(server.data)) == (end == "killed")
    before = state(server.data)
    for _ in range(2):
        assert "10 profiles" in check_store(server.data)
        assert state(server.data) == before
    server.start()
    assert sum(len(server.find(service=f"s{n}").result) for n in range(3)) == 10


def test_a_running_server_is_not_disturbed(start):
    server = start()
    server.push(BODY)
    assert "1 profiles" in check_store(server.data)
    server.push(BODY)
    assert "2 profiles" in check_store(server.data)
    assert len(server.find().result) == 2


def test_an_external_id_that_leads_nowhere_is_found(start):
    server = start()
    answer = server.request("POST", "/api/0/profiles" + query(service="app", type="cpu", external_id="x"), BODY)
    assert answer.status == 200
    server.stop()
    check_store(server.data)
    (path,) = server.data.rglob("*.db")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE external SET number = 7")
    database.close()
    done = run_server("-local.check", f"-local.dir={server.data}")
    assert done.returncode == 1 and "leads to profile 7" in done.stdout
