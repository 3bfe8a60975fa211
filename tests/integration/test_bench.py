"""profefe-bench against real servers, and against one that lies."""
# variants: release, asan, tsan

import datetime
import http.client
import http.server
import json
import itertools
import subprocess
import threading
import time

import pytest
from access import AuthFile, Token
from server import BINARY, BUILD, PATIENCE

BENCH = BUILD / "profefe-bench"
SMALL = ["-rounds=2", "-count=60", "-preload=60", "-services=6", "-hosts=2", "-queries=20", "-samples=40"]
SMALL += ["-merge-sizes=2,5", "-ingest-services=3", "-connections=3", "-settle=0", "-idle=20"]
QUERIES = ["get warm", "get spread", "find hour", "find label", "services"]
SCENARIOS = {"preload", "ingest first pass", "ingest steady", "mixed", "mixed, pushes", "mixed, queries", "disk"}
SCENARIOS |= {name + way for name in QUERIES for way in ("", " x3")}
SCENARIOS |= {f"merge {n} {what}" for n in (2, 5) for what in ("long tail", "cycled")}
CONNECTIONS = {"version kept", "version new connection", "connections idle"}
SCENARIOS |= CONNECTIONS
STARTS = {"start after kill -9", "start after stop"}


def bench(tmp_path, *flags, code=0):
    """Runs it; what it printed, and its JSON where it wrote one."""
    result = tmp_path / "result.json"
    run = subprocess.run(
        [BENCH, f"-json={result}", f"-tmp={tmp_path}", *flags],
        capture_output=True, text=True, timeout=10 * PATIENCE,
    )
    assert run.returncode == code, run.stderr
    return run, json.loads(result.read_text()) if result.exists() else None


def test_every_scenario_on_two_servers_that_it_starts(tmp_path):
    run, result = bench(tmp_path, f"-server={BINARY}", f"-vs-server={BINARY} -addr={{addr}} -local.dir={{dir}}", *SMALL)
    for server in "AB":
        rows = [row for row in result["summary"] if row["server"] == server]
        assert {row["scenario"] for row in rows} == SCENARIOS | STARTS
        assert all(row["wrong"] == 0 and row["calls"] > 0 for row in rows)
        assert all(row["rounds"] == (1 if row["scenario"] == "preload" else 2) for row in rows)
        steady = next(row for row in rows if row["scenario"] == "ingest steady")
        assert steady["cpu_ns_per_call"] > 0 and steady["rss_peak_bytes"] > 0 and steady["disk_allocated_bytes"] > 0
    in_turn = [row["server"] for row in result["rows"] if row["scenario"] == "find hour"]
    assert in_turn == ["A", "B", "A", "B"]
    assert run.stdout.count("B/A") == len(SCENARIOS | STARTS)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"], "it cleans up"


def test_connections_through_tls_and_by_http2(tmp_path):
    tls = f"{BINARY} -addr={{addr}} -local.dir={{dir}} -tls.cert={{cert}} -tls.key={{key}}"
    _, result = bench(tmp_path, f"-server={tls}", f"-vs-server={tls}", "-vs-http2", "-scenario=connections,find", *SMALL)
    for server in "AB":
        rows = {row["scenario"]: row for row in result["summary"] if row["server"] == server}
        assert CONNECTIONS | {"version resumed TLS", "find hour"} <= set(rows)
        assert all(row["wrong"] == 0 and row["calls"] > 0 for row in rows.values())
        assert rows["version new connection"]["cpu_ns_per_connection"] > 0
        assert "bytes_per_connection" in rows["connections idle"]


def test_connections_that_a_server_refuses(tmp_path):
    few = f"{BINARY} -addr={{addr}} -local.dir={{dir}} -http.max-connections=10"
    run, _ = bench(tmp_path, f"-server={few}", "-scenario=connections", *SMALL, code=3)
    assert "of 20 connections were closed" in run.stderr


def test_a_server_that_runs_already(tmp_path, server):
    _, result = bench(
        tmp_path, f"-url={server.url}", f"-pid={server.process.pid}", f"-dir={server.data}", "-scenario=ingest", *SMALL
    )
    assert {row["scenario"] for row in result["summary"]} == {"ingest first pass", "ingest steady"}
    assert all(row["cpu_ns"] > 0 and row["disk_length_bytes"] > 0 for row in result["rows"])
    assert set(server.get("/api/0/services").result) == {f"ingest-{r}-{s}" for r in (1, 2) for s in range(3)}


def test_the_same_seed_pushes_the_same_profiles(tmp_path, start):
    totals = []
    for _ in range(2):
        server = start()
        bench(tmp_path, f"-url={server.url}", "-scenario=disk", *SMALL)
        found = server.find("disk-1-0").result
        totals.append(len(server.fetch(*[profile["id"] for profile in found])))
    # The times within differ from run to run; nothing else does.
    assert abs(totals[0] - totals[1]) < 64


def test_real_profiles(tmp_path, corpus):
    _, result = bench(
        tmp_path, f"-server={BINARY}", "-scenario=disk", "-rounds=1", f"-profiles={corpus}/collector-service"
    )
    row = result["rows"][0]
    files = list((corpus / "collector-service").glob("cpu.*"))
    assert row["calls"] == row["profiles"] == len(files)
    assert row["pushed_bytes"] == sum(path.stat().st_size for path in files)


BOTH = [f"-server={BINARY}", f"-vs-server={BINARY} -addr={{addr}} -local.dir={{dir}}"]
LONG = ["-rounds=1", "-services=6", "-samples=40", "-connections=3", "-settle=0", "-duration=1s", "-rate=40"]
LONG += ["-each=4", "-partitions=3", "-same-services=2,9", "-big=100KB", "-time-limit=500ms", "-preload=60", "-count=200"]


def rows_of(result, server="A"):
    rows = {row["scenario"]: row for row in result["rows"] if row["server"] == server}
    assert all(row["wrong"] == 0 and row["calls"] > 0 for row in rows.values())
    return rows


def test_ingest_tells_a_services_first_profiles_from_its_later_ones(tmp_path):
    small = ["-rounds=1", "-samples=5", "-services=2", "-count=1010", "-settle=0", "-connections=2"]
    _, result = bench(tmp_path, f"-server={BINARY}", "-scenario=ingest", *small)
    calls = {name: row["calls"] for name, row in rows_of(result).items()}
    assert calls == {"ingest first pass": 40, "ingest first 100": 200, "ingest steady": 970, "ingest from 500": 10}
    assert rows_of(result)["ingest steady"]["pushed_bytes"] > 0


def test_paced_pushes_are_counted_with_what_was_written(tmp_path):
    _, result = bench(tmp_path, *BOTH, "-scenario=paced", *LONG)
    for server in "AB":
        rows = rows_of(result, server)
        assert rows["paced, stored before"]["calls"] == 24
        assert rows["paced, 40/s"]["calls"] == 40
        assert rows["paced, 40/s"]["wall_ns"] >= 39 / 40 * 1e9, "the last is not due earlier"


def test_the_same_profiles_in_more_services(tmp_path):
    _, result = bench(tmp_path, *BOTH, "-scenario=same", *LONG)
    for server in "AB":
        rows = rows_of(result, server)
        few, many = rows["same 10 profiles, 2 services"], rows["same 10 profiles, 9 services"]
        assert (few["profiles"], many["profiles"]) == (20, 90)
        # The same bytes but for the times in them.
        assert abs(few["pushed_bytes"] / 20 - many["pushed_bytes"] / 90) < 16
        assert "the bytes of 2 services" in many["note"] and "note" not in few


def test_big_pushes_beside_small_ones(tmp_path):
    _, result = bench(tmp_path, *BOTH, "-scenario=stall", *LONG)
    for server in "AB":
        rows = rows_of(result, server)
        assert rows["stall, small alone"]["calls"] == rows["stall, small beside big"]["calls"] == 40
        assert rows["stall, big push"]["calls"] == 3
        assert rows["stall, big push"]["note"].startswith("0.1 MB inflated")


def test_days_become_partitions(tmp_path):
    now = datetime.datetime.now(datetime.timezone.utc)
    if (now + datetime.timedelta(minutes=3)).date() != now.date():
        pytest.skip("midnight is near, and with it another partition")
    today = now.date()
    _, result = bench(tmp_path, *BOTH, "-scenario=partitions", "-keep", *LONG)
    questions = {"services", "find one day", "find all", "get", "merge one day", "merge all"}
    for server in "AB":
        names = {f"3 days, {question}{way}" for question in questions for way in ("", " cold")}
        assert names | {"days, stored"} == set(rows_of(result, server))
    stores = list(tmp_path.glob("profefe-bench.*/data/partitions"))
    assert len(stores) == 2
    days = {(today - datetime.timedelta(days=ago)).isoformat() for ago in range(3)}
    for store in stores:
        assert {path.name[:10] for path in store.glob("*.db")} == days


def test_soak_tells_its_calls_apart(tmp_path):
    _, result = bench(tmp_path, *BOTH, "-scenario=soak", *LONG)
    for server in "AB":
        rows = rows_of(result, server)
        parts = [rows[f"soak, {kind}"]["calls"] for kind in ("pushes", "reads", "merges")]
        assert sum(parts) == rows["soak"]["calls"] and parts[0] > parts[1] > parts[2]
        assert "resident in the four quarters" in rows["soak"]["note"]


def test_pushes_after_a_restart(tmp_path):
    _, result = bench(tmp_path, *BOTH, "-scenario=restart", *LONG)
    for server in "AB":
        rows = rows_of(result, server)
        for end, how in itertools.product(("stop", "kill -9"), ("closed", "paced")):
            assert rows[f"restart, {end}: first, {how}"]["calls"] == 6, "one of each service"
            pushes = rows[f"restart, {end}: pushes, {how}"]
            if how == "paced":
                assert pushes["calls"] == 40 and "ended_in_second" not in pushes
            else:
                assert pushes["calls"] >= 6 and pushes["per_second_before"] > 0
                assert len(pushes["ended_in_second"]) == 1 and pushes["ended_in_second"][0] <= pushes["calls"]
                assert "before" in pushes["note"]
        assert rows["restart, lists of all"]["calls"] == 6
        assert len([row for row in result["rows"] if row["server"] == server and "ready" in row["scenario"]]) == 4


def test_restart_is_left_out_where_it_can_not_be(tmp_path, server):
    run, result = bench(tmp_path, f"-url={server.url}", "-scenario=restart,partitions,soak", *LONG)
    assert result["rows"] == []
    assert [f"{name} is skipped" in run.stderr for name in ("restart", "partitions", "soak")] == [True] * 3


def test_cold_phases(tmp_path):
    cold = ["-cold", "-scenario=get,find,services,merge", "-queries=10", "-rounds=1"]
    _, result = bench(tmp_path, f"-server={BINARY}", *[flag for flag in SMALL if "queries" not in flag], *cold)
    names = {"get one", "get spread", "find hour", "find label", "services"}
    names |= {f"merge {n} {what}" for n in (2, 5) for what in ("long tail", "cycled")}
    assert {f"{name} cold" for name in names} | {"preload"} == set(rows_of(result))


class Liar(http.server.BaseHTTPRequestHandler):
    """Takes everything and finds nothing."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer is one write: no waiting for acknowledgements

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        meta = {"id": "x", "type": "cpu", "service": "other", "created_at": "2026-11-22T10:00:00Z"}
        self.answer(200, {"code": 200, "body": meta})

    def do_GET(self):
        if "version" in self.path:
            self.answer(200, {"code": 200, "body": {}})
        else:
            self.answer(404, {"code": 404, "error": "nothing found"})

    def log_message(self, *_):
        pass


@pytest.fixture
def liar():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_wrong_answers_are_counted_and_end_with_3(tmp_path, liar):
    run, result = bench(tmp_path, f"-url={liar}", "-scenario=find", *SMALL, code=3)
    wrong = {row["scenario"]: row["wrong"] for row in result["summary"]}
    assert wrong["preload"] == 60 and wrong["find hour"] == 40
    assert "answered service other" in run.stderr


def test_wrong_answers_of_b_do_not_fail_a(tmp_path, server, liar):
    run, _ = bench(tmp_path, f"-url={server.url}", f"-vs-url={liar}", "-scenario=find", *SMALL)
    assert "wrong" in run.stdout


def test_an_error_ends_it_with_1(tmp_path, liar):
    run, _ = bench(tmp_path, f"-url={liar}", "-scenario=get", *SMALL, code=1)
    assert "get: the server answered 404: nothing found" in run.stderr


@pytest.mark.parametrize(
    "flags, code, says",
    [
        (["-url=http://127.0.0.1:1"], 1, "connect to"),
        (["-server=/bin/true"], 1, "ended as it was started"),
        (["-server=/nonexistent/program"], 1, "can't be started"),
        ([f"-server={BINARY} -nonsense"], 1, "unknown flag -nonsense"),
        (["-url=http://127.0.0.1:1", "-profiles=/nonexistent"], 1, "can't read the directory /nonexistent"),
        ([], 2, "name a server"),
        (["-server=x", "-scenario=nap"], 2, "nap"),
    ],
)
def test_what_can_not_be_measured_is_said_in_a_line(tmp_path, flags, code, says):
    run, result = bench(tmp_path, *flags, code=code)
    assert says in run.stderr and run.stderr.count("\n") == 1
    assert run.stdout == "" and (code == 2 or result["rows"] == [])


def test_a_token_is_sent_to_whom_it_belongs(tmp_path, start):
    """The same server with and without tokens."""
    token = Token("bench", ("push", "query"))
    guarded = start(AuthFile(tmp_path, token).flag)
    (tmp_path / "token").write_text(token.secret + "\n")
    small = ["-scenario=ingest", "-count=40", "-ingest-services=2", "-rounds=1", "-settle=0"]
    flags = [f"-url={guarded.url}", f"-pid={guarded.process.pid}", *small]
    assert "401" in bench(tmp_path, *flags, code=1)[0].stderr
    bench(tmp_path, *flags, f"-token-file={tmp_path}/token")
    assert "holds no token" in bench(tmp_path, *flags, f"-token-file={tmp_path}/none", code=1)[0].stderr
    assert token.secret not in guarded.access_path.read_text() + guarded.log_text()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Hands on what is asked and answered; `falsify` may change an answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer is one write: no waiting for acknowledgements

    def hand_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        to = http.client.HTTPConnection(self.server.behind)
        to.request(self.command, self.path, body)
        answer = to.getresponse()
        text = self.server.falsify(self, answer.status, answer.read())
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        to.close()

    do_GET = do_POST = hand_on

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(server):
    """A function that starts one in front of the server."""
    started = []

    def start_one(falsify):
        one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        one.behind, one.falsify = server.url.removeprefix("http://"), falsify
        threading.Thread(target=one.serve_forever, daemon=True).start()
        started.append(one)
        return f"http://127.0.0.1:{one.server_address[1]}"

    yield start_one
    for one in started:
        one.shutdown()
        one.server_close()


def change_list(change):
    """Changes the lists of profiles that have two or more."""

    def falsify(request, status, text):
        answer = json.loads(text) if status == 200 and "/profiles?" in request.path else {}
        if request.command != "GET" or len(answer.get("body", [])) < 2:
            return text
        change(answer["body"])
        return json.dumps(answer).encode()

    return falsify


@pytest.mark.parametrize(
    "change",
    [lambda body: body.reverse(), lambda body: body.pop(), lambda body: body[1].update(id=body[0]["id"])],
    ids=["order", "one missing", "one twice"],
)
def test_lists_are_checked(tmp_path, proxy, change):
    run, _ = bench(tmp_path, f"-url={proxy(change_list(change))}", "-scenario=find", *SMALL, code=3)
    assert "find in stored-" in run.stderr


def test_every_profile_got_is_checked(tmp_path, proxy):
    """One answer of all is another profile."""
    first, asked = {}, itertools.count(1)

    def falsify(request, status, body):
        if status != 200 or request.command != "GET" or "/profiles/" not in request.path:
            return body
        first.setdefault(request.path, body)
        others = [text for path, text in first.items() if path != request.path]
        # The same one is got 7 times to warm up and 60 times, then any 7 times and 60 times: this is the 30th of those.
        return others[0] if next(asked) == 7 + 60 + 7 + 30 else body

    flags = ["-rounds=1", "-preload=60", "-services=6", "-hosts=2", "-queries=60", "-samples=40", "-settle=0", "-time-limit=0"]
    run, result = bench(tmp_path, f"-url={proxy(falsify)}", "-scenario=get", "-connections=1", *flags, code=3)
    assert sum(row["wrong"] for row in result["rows"]) == 1
    assert "instead of" in run.stderr


def test_an_open_loop_counts_from_when_a_push_was_due(tmp_path, proxy):
    """One push is held up: those that were due meanwhile have waited, too."""
    pushes = itertools.count(1)
    held = 0.5

    def falsify(request, _, body):
        if request.command == "POST" and next(pushes) == 7 + 1:  # the second that is paced
            time.sleep(held)
        return body

    flags = ["-rounds=1", "-services=6", "-each=1", "-samples=40", "-settle=0", "-rate=40", "-duration=1s"]
    _, result = bench(tmp_path, f"-url={proxy(falsify)}", "-scenario=paced", "-connections=1", *flags)
    paced = rows_of(result)["paced, 40/s"]
    # Of the 40, 25 ms apart, those due in the 500 ms waited 475, 450, ... ms at least: 250 on the average.
    assert paced["mean_ns"] * 40 >= sum(held - k / 40 for k in range(20)) * 1e9
    assert paced["wall_ns"] < paced["mean_ns"] * 40, "they waited at the same time"


def test_the_list_says_what_is_run_by_name(tmp_path):
    run = subprocess.run([BENCH, "-list"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    lines = dict(line.split(None, 1) for line in run.stdout.splitlines())
    by_name = {name for name, what in lines.items() if "[by name only]" in what}
    assert by_name == {"paced", "same", "stall", "partitions", "soak", "restart"}
    assert {"ingest", "get", "find", "services", "merge", "mixed", "connections", "startup", "disk"} == set(lines) - by_name
