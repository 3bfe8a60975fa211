"""SIGTERM and SIGINT under load: nothing acknowledged is lost, and it ends in time."""
# variants: release, asan, tsan

import signal
import time

import pytest
from builders import small
from load import Pushers, all_found, all_served
from pprof_wire import encode
from raw_http import connected, head, read_all, status
from server import SANITIZED, wait_for

BODY = encode(small())
SLACK = 20 if SANITIZED else 3  # seconds on top of -exit-timeout on a machine that does other things, too


def ends_within(server, seconds, how=signal.SIGTERM):
    began = time.monotonic()
    server.stop(how)
    assert time.monotonic() - began < seconds + SLACK


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_loses_nothing_acknowledged(start, how):
    server = start("-exit-timeout=5s")
    everything = {}
    for round in range(3):
        pushers = Pushers(server, threads=6, first=round * 100_000)
        wait_for(lambda: len(pushers.acknowledged) > 40, "pushes are acknowledged")
        ends_within(server, 5, how)
        everything.update(pushers.join())
        assert set(pushers.statuses) <= {200, 503}, pushers.refusals
        server.start()
    all_served(server, everything)
    all_found(server, everything)


def test_an_idle_server_ends_at_once(start):
    server = start("-exit-timeout=60s")
    server.push(BODY)
    ends_within(server, 0)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head("POST", "/api/0/profiles?service=a&type=cpu", "Content-Length: 999")])
def test_clients_that_dawdle_do_not_hold_up_the_end(start, sent):
    server = start("-exit-timeout=1s", "-http.header-timeout=60s", "-http.body-timeout=60s")
    with connected(server) as connection:
        connection.sendall(sent)
        server.get("/healthz")
        ends_within(server, 1)
        connection.settimeout(20)
        read_all(connection)


def test_a_request_under_way_is_answered(start):
    """Its headers are in before the signal, its body comes after."""
    server = start("-exit-timeout=10s")
    with connected(server) as connection:
        request = head("POST", "/api/0/profiles?service=a&type=cpu", f"Content-Length: {len(BODY)}") + BODY
        connection.sendall(request[:-10])
        server.get("/healthz")
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: any(line["msg"] == "exiting" for line in server.log()), "exiting")
        connection.sendall(request[-10:])
        response = read_all(connection)
        assert status(response) == 200 and b"\r\nConnection: close\r\n" in response
    server.stop()
    server.start()
    assert len(server.find(service="a").result) == 1


def test_a_second_signal_does_no_harm(start):
    server = start("-exit-timeout=2s")
    pushers = Pushers(server)
    wait_for(lambda: len(pushers.acknowledged) > 10, "pushes are acknowledged")
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGINT)
    ended = server.process.wait(timeout=30)
    assert ended in (0, -signal.SIGINT, -signal.SIGTERM)
    acknowledged = pushers.join()
    server.process = None
    server.start()
    all_served(server, acknowledged)
