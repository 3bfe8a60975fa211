"""Deleting profiles, and pushes that are repeated under an external id."""
# variants: release, asan

import gzip
import threading
import urllib.parse

import pytest
from access import AuthFile, Token
from builders import small
from pprof_wire import encode
from server import FROM, TO, query, wait_for

BODY = encode(small())
RANGE = {"from_": FROM, "to": TO}


def delete(server, *ids, headers=None, **parameters):
    path = "/api/0/profiles"
    if ids:
        path += "/" + "+".join(ids)
    return server.request("DELETE", path + query(**parameters), headers=headers)


def push(server, body=BODY, external_id=None, headers=None, **parameters):
    given = {"service": "app", "type": "cpu", "external_id": external_id, **parameters}
    return server.request("POST", "/api/0/profiles" + query(**given), body, headers)


def count(server, **parameters):
    answer = server.find(**parameters)
    return 0 if answer.status == 404 else len(answer.result)


# --- deleting ------------------------------------------------------------------------------------------------


def test_one_profile_goes_and_stays_gone(server):
    gone, kept = server.push(BODY), server.push(BODY)
    assert delete(server, gone).result == {"profiles": 1}
    for _ in range(2):
        assert server.get(f"/api/0/profiles/{gone}").status == 404
        assert [one["id"] for one in server.find().result] == [kept]
        assert server.fetch(kept)
        assert delete(server, gone).status == 404
        server.kill()
        server.start()
    assert server.metrics()["profefe_store_profiles{kind=\"columns\"}"] == 1


def test_of_several_ids_all_go_or_none(server):
    ids = [server.push(BODY) for _ in range(3)]
    absent = "0" * 20
    answer = delete(server, *ids, absent)
    assert answer.status == 404 and absent in answer.error
    assert count(server) == 3
    assert delete(server, ids[0], ids[1], ids[0], dry_run="true").result == {"profiles": 2}
    assert count(server) == 3
    assert delete(server, ids[0], ids[1], ids[0]).result == {"profiles": 2}
    assert [one["id"] for one in server.find().result] == [ids[2]]
    assert delete(server, "not-an-id").status == 400
    assert server.request("DELETE", f"/api/0/profiles/{ids[2]}++{ids[2]}").status == 400


def test_what_a_query_finds_goes(server):
    for second in range(20):
        for host in ("a", "b"):
            server.push(encode(small(time_nanos=(1_600_000_000 + second) * 10**9)), labels=[("host", host)])
    server.push(BODY, service="other")
    server.push(BODY, type="heap")
    asked = {"service": "app", "type": "cpu", "labels": "host=a", "from_": "1600000005", "to": "1600000014"}
    assert delete(server, dry_run="1", **asked).result == {"profiles": 10}
    assert count(server, type="cpu") == 40
    assert delete(server, **asked).result == {"profiles": 10}
    assert count(server, type="cpu", labels="host=a") == 10
    assert count(server, type="cpu", labels="host=b") == 20
    assert count(server, type="heap") == 1 and count(server, service="other") == 1
    assert delete(server, **asked).result == {"profiles": 0}
    assert delete(server, service="app", labels="host!=b", type="cpu", **RANGE).result == {"profiles": 10}
    assert delete(server, service="app", **RANGE).result == {"profiles": 21}
    assert server.get("/api/0/services").result == ["other"]
    assert delete(server, service="nobody", **RANGE).result == {"profiles": 0}


def test_what_would_widen_a_deletion_unawares_is_refused(server):
    server.push(BODY)
    for bad in ({"type": "heep"}, {"limit": "1"}, {"from_": None}, {"to": None}, {"service": None}, {"dry_run": "maybe"},
                {"labels": "a=~("}, {"from_": TO, "to": FROM}):  # fmt: skip
        answer = delete(server, **{"service": "app", **RANGE, **bad})
        assert answer.status == 400, (bad, answer)
        assert next(iter(bad)).rstrip("_") in answer.error
    for unknown in ({"label": "host=b"}, {"dryrun": "true"}, {"Type": "cpu"}):
        answer = delete(server, service="app", **RANGE, **unknown)
        assert answer.status == 400 and next(iter(unknown)) in answer.error, answer
    (one,) = [one["id"] for one in server.find().result]
    for target in (f"{one}?dry_run=false&dry_run=true", f"{one}?dry-run=1", f"{one}?dry_run=1&dry%5Frun=0"):
        assert server.request("DELETE", f"/api/0/profiles/{target}").status == 400, target
    assert count(server) == 1


def test_reads_beside_deletions_leave_out_what_is_gone(server):
    ids = [server.push(encode(small(time_nanos=(1_600_000_000 + n) * 10**9))) for n in range(600)]
    server.push(BODY)
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            seen.append(server.merge())
            seen.append(server.find(totals="true"))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for n in range(0, len(ids), 20):
            assert delete(server, *ids[n : n + 20]).result == {"profiles": 20}
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {answer.status for answer in seen} == {200}, [answer for answer in seen if answer.status != 200][:1]
    assert count(server) == 1


def test_others_work_goes_on_beside_a_large_deletion(server):
    """Nothing that was pushed meanwhile is lost, nothing that was asked for stays."""
    for second in range(1200):
        server.push(encode(small(time_nanos=(1_600_000_000 + second) * 10**9)), service="old")
    pushed, stop = [], threading.Event()

    def go_on():
        while not stop.is_set():
            pushed.append(server.push(BODY, service="new"))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert delete(server, service="old", **RANGE).result == {"profiles": 1200}
    finally:
        stop.set()
        thread.join()
    assert count(server, service="old") == 0
    assert {one["id"] for one in server.find(service="new").result} == set(pushed)
    server.kill()
    server.start()
    assert count(server, service="old") == 0 and count(server, service="new") == len(pushed)


def test_a_token_deletes_what_it_may_see(start, tmp_path):
    keeper = Token("keeper", ("push", "query", "delete"))
    shop = Token("shop", ("delete",), services=("shop",))
    server = start(AuthFile(tmp_path, keeper, shop).flag)

    def pushed(service):
        answer = push(server, service=service, headers=keeper.bearer)
        return answer.result["id"]

    theirs, ours = pushed("bank"), pushed("shop")
    assert delete(server, theirs, headers=shop.bearer).status == 404
    assert delete(server, ours, theirs, headers=shop.bearer).status == 404
    assert delete(server, service="bank", headers=shop.bearer, **RANGE).result == {"profiles": 0}
    assert server.get(f"/api/0/profiles/{theirs}", **keeper.bearer).status == 200
    assert server.get(f"/api/0/profiles/{ours}", **keeper.bearer).status == 200
    assert delete(server, ours, headers=shop.bearer).result == {"profiles": 1}

    def audited():
        lines = [line for line in server.logged("audit") if line["what"] == "profiles deleted"]
        return [(line["who"], line["result"], line["amount"]) for line in lines]

    refused = ("shop", "not_found", 0)
    wanted = [refused, refused, ("shop", "done", 0), ("shop", "done", 1)]
    wait_for(lambda: len(audited()) == 4, "all are audited")
    assert audited() == wanted


# --- pushes that are repeated --------------------------------------------------------------------------------


def test_a_repeated_push_gets_the_first_answer(server):
    first = push(server, external_id="round-1", labels="host=a", created_at="2020-01-02T03:04:05").result
    for _ in range(2):
        again = push(server, external_id="round-1", labels="host=b", type="heap", created_at="2021-01-02T03:04:05")
        assert again.result == first
        assert push(server, gzip.compress(BODY), external_id="round-1").result == first
        assert push(server, headers={"Idempotency-Key": "round-1"}).result == first
        other = push(server, encode(small(value=4)), external_id="round-1")
        assert other.status == 409 and other.json["kind"] == "conflict" and "round-1" in other.error
        assert count(server) == 1
        server.kill()
        server.start()
    assert push(server, external_id="round-1", service="other").result["id"] != first["id"]
    assert push(server, external_id="round-2").result["id"] != first["id"]
    assert delete(server, first["id"]).result == {"profiles": 1}
    assert push(server, external_id="round-1").result["id"] != first["id"]


def test_the_same_push_at_once_is_stored_once(server):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(push(server, external_id="x").result["id"])) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16 and len(set(answers)) == 1
    assert count(server) == 1
    assert server.metrics()["profefe_store_writes_repeated_total"] == 15


@pytest.mark.parametrize("text", ["x" * 128, "a b/ü", "'; DROP TABLE profile; --"])
def test_an_external_id_is_any_text(server, text):
    first = push(server, external_id=text).result
    assert push(server, external_id=text).result == first
    assert push(server, external_id=urllib.parse.quote(text) + "?").status in (200, 400)
