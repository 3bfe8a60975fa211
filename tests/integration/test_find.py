"""Finding: by label every match, by time inclusive, oldest first, with a limit the newest."""
# variants: release, asan

import re
import urllib.parse

import pytest
from builders import small
from pprof_wire import encode
from server import labels_text

BODY = encode(small())
XID = re.compile("[0-9a-v]{20}")


def ids(answer):
    return [one["id"] for one in answer.result]


def push_at(server, seconds, **parameters):
    """A profile whose own time decides created_at."""
    return server.push(encode(small(time_nanos=int(seconds * 10**9))), **parameters)


def test_every_label_query_is_exact(start):
    """264 pushes of 2 services, 11 hosts, 4 versions and 3 runs; the original found 1 of 264."""
    server = start()
    pushed = {}
    for n in range(264):
        labels = [("host", f"h{n % 11}"), ("version", f"v{n % 4}"), ("run", f"{n % 3}"), ("all", "yes")]
        service = f"svc{n % 2}"
        pushed[server.push(BODY, service=service, labels=labels)] = (service, set(labels))
    questions = [[("all", "yes")], [("host", "h3"), ("version", "v1")], [("version", "v2"), ("run", "1"), ("all", "yes")]]
    questions += [[pair] for labels in (one for _, one in pushed.values()) for pair in labels]
    for asked in {tuple(sorted(one)) for one in questions}:
        for service in ("svc0", "svc1"):
            expected = {one for one, (s, labels) in pushed.items() if s == service and set(asked) <= labels}
            answer = server.find(service=service, labels=labels_text(asked))
            assert set(ids(answer)) == expected if expected else answer.status == 404, asked
    assert len(ids(server.find(service="svc0"))) == 132
    for asked in ("host=h99", "host=", "host=h3,host=h4", "HOST=h3", "all=ye", "all=yess"):
        assert server.find(service="svc0", labels=asked).status == 404, asked


def test_an_entry_says_what_was_pushed(server):
    one = push_at(server, 1_600_000_000.5, service="a b/ü", type="heap", labels=[("k", "v"), ("a", "")])
    entry = {
        "id": one,
        "type": "heap",
        "service": "a b/ü",
        "labels": [{"key": "a", "value": ""}, {"key": "k", "value": "v"}],
        "created_at": "2020-09-13T12:26:40.5Z",
    }
    assert server.find(service="a b/ü").result == [entry]
    plain = server.post(BODY, created_at="2020-01-02T03:04:05").result
    assert XID.fullmatch(plain["id"])
    assert "labels" not in plain
    assert plain["created_at"] == "2020-01-02T03:04:05Z"


LABEL_TEXTS = {
    "a=1,b=2": [("a", "1"), ("b", "2")],
    "b=2,a=1,b=2": [("a", "1"), ("b", "2")],
    " a = 1 , b=2 ": [("a", "1"), ("b", "2")],
    "a=1,a=0": [("a", "0"), ("a", "1")],
    "a=b=c": [("a", "b=c")],
    "a=": [("a", "")],
    "a": [("a", "")],
    "=x,a=1": [("a", "1")],
    ",,a=1,": [("a", "1")],
    "": None,
    "=,=": None,
    "a%2Cb=c%3Dd": [("a,b", "c=d")],
    "a=x+y%20z": [("a", "x y z")],
    "ключ=значение": [("ключ", "значение")],
}


@pytest.mark.parametrize("text", LABEL_TEXTS)
def test_labels_are_read_as_the_contract_says(server, text):
    expected = LABEL_TEXTS[text]
    answer = server.post(BODY, labels=text).result
    assert answer.get("labels") == (expected and [{"key": k, "value": v} for k, v in expected])
    assert ids(server.find(labels=text)) == [answer["id"]]


@pytest.mark.parametrize(
    "text",
    ["a=%zz", "a=%", "a=%00", "a=%0a", "a=%ff", "a=%7f", "k" * 129 + "=v", "k=" + "v" * 1025,
     ",".join(f"k{n}=v" for n in range(33)), "k=" + "v" * 100_000],
    ids=lambda text: text[:20],
)
def test_labels_beyond_the_limits_are_refused(server, text):
    for answer in (server.post(BODY, labels=text), server.find(labels=text), server.merge(labels=text)):
        assert answer.status == (414 if len(text) > 32 << 10 else 400), answer
        if answer.status == 400:
            assert answer.error.startswith('bad request: bad "labels" "')
    assert server.find().status == 404


def test_labels_at_the_limits_are_taken(server):
    text = ",".join(f"{n:0128d}={'v' * 100}" for n in range(32))
    long = "k=" + "v" * 1024
    for one in (text, long):
        pushed = server.push(BODY, labels=one)
        assert ids(server.find(labels=one)) == [pushed]


def test_lists_are_in_order_of_time_then_id_and_the_limit_keeps_the_newest(server):
    pushed = [(second, push_at(server, second)) for second in (50, 10, 30, 30, 20, 30, 40)]
    expected = [one for _, one in sorted(pushed)]
    assert ids(server.find()) == expected
    for limit in (1, 2, 3, 6, 7, 8, 1000, 1 << 62):
        assert ids(server.find(limit=limit)) == expected[-limit:]
    for limit in (0, -1, -(1 << 63)):
        assert ids(server.find(limit=limit)) == expected


def test_long_lists_are_whole_and_in_order(server):
    """More than a page, several with the same instant across a page's end."""
    pushed = sorted((second // 7, push_at(server, second // 7 + 1)) for second in range(2500))
    found = ids(server.find())
    assert len(found) == len(set(found)) == 2500
    assert found == [one for _, one in pushed]
    assert ids(server.find(limit=1500)) == found[-1500:]


TIMES = {
    "2020-06-01T12:00:00": 1591012800,
    "2020-06-01T12:00:00.25": 1591012800.25,
    "2020-06-01T12:00:00Z": 1591012800,
    "2020-06-01T12:00:00.25Z": 1591012800.25,
    "2020-06-01T14:00:00+02:00": 1591012800,
    "2020-06-01T14:00:00 02:00": 1591012800,
    "2020-06-01T08:30:00-03:30": 1591012800,
    "1591012800": 1591012800,
    "1591012800.25": 1591012800.25,
    "1969-12-31T23:59:59": -1,
    "-1": -1,
}


@pytest.mark.parametrize("text, seconds", TIMES.items())
def test_times_are_read_in_all_forms(server, text, seconds):
    created = server.post(BODY, created_at=text).result
    assert ids(server.find(from_=text, to=text)) == [created["id"]]
    assert ids(server.find(from_=seconds, to=seconds)) == [created["id"]]
    assert server.find(from_=seconds + 2, to=seconds + 3).status == 404
    assert server.find(from_=seconds - 3, to=seconds - 2).status == 404


def test_a_space_is_the_plus_that_form_decoding_ate(server):
    one = server.push(BODY, created_at="2020-06-01T12:00:00")
    plus = "/api/0/profiles?service=app&from=2020-06-01T14:00:00+02:00&to=2020-06-01T14:00:00+02:00"
    assert ids(server.get(plus)) == [one]


def test_from_and_to_are_inclusive_and_a_whole_second_includes_itself(server):
    early, late = push_at(server, 1000), push_at(server, 1000.999999999)
    assert ids(server.find(from_="1000", to="1000")) == [early, late]
    assert ids(server.find(from_="1000.5", to="1000.999999999")) == [late]
    assert ids(server.find(from_="1000", to="1000.0")) == [early]
    assert ids(server.find(from_="1000.999999999", to="1001")) == [late]
    assert server.find(from_="1000.1", to="1000.9").status == 404


def test_times_at_their_extremes(server):
    first = server.push(BODY, created_at="1677-09-21T00:12:44")
    last = server.push(BODY, created_at="2262-04-11T23:47:16")
    assert ids(server.find(from_="0000-01-01T00:00:00", to="9999-12-31T23:59:59")) == [first, last]
    assert ids(server.find(from_="2262-04-11T23:47:16", to="9999-12-31T23:59:59")) == [last]
    for text in ("0000-01-01T00:00:00", "9999-12-31T23:59:59", "1677-09-21T00:12:43", "2262-04-11T23:47:17"):
        answer = server.post(BODY, created_at=text)
        assert answer.status == 400 and '"created_at"' in answer.error and text in answer.error


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2020-13-01T00:00:00", "2020-02-30T00:00:00", "2020-01-01", "2020-01-01T25:00:00",
     "2020-01-01T00:00:00+99:99", "1591012800x", "1e9", "0x10", "--1", "2020-01-01T00:00:00Z ", "\x00", "9" * 400],
    ids=lambda text: repr(text[:30]),
)
def test_times_that_can_not_be_read_are_refused_by_name(server, text):
    for name, answer in (
        ("created_at", server.post(BODY, created_at=text)),
        ("from", server.find(from_=text)),
        ("to", server.find(to=text)),
        ("from", server.merge(from_=text)),
    ):
        assert answer.status == 400
        assert f'bad "{name}" timestamp "' in answer.error


def test_the_profiles_own_time_beats_the_parameter(server):
    body = encode(small(time_nanos=10**18))
    assert server.post(body, created_at="2020-01-01T00:00:00").result["created_at"] == "2001-09-09T01:46:40Z"
    for nanos in (0, -5):
        body = encode(small(time_nanos=nanos))
        assert server.post(body, created_at="2020-01-01T00:00:00").result["created_at"] == "2020-01-01T00:00:00Z"


def test_types_are_told_apart_and_an_unknown_word_asks_for_any(server):
    types = ["cpu", "heap", "block", "mutex", "goroutine", "threadcreate", "other", "trace"]
    pushed = {kind: push_at(server, n + 1, type=kind) for n, kind in enumerate(types)}
    for kind, one in pushed.items():
        assert [(entry["id"], entry["type"]) for entry in server.find(type=kind).result] == [(one, kind)]
    for word in (None, "", "unknown", "CPU", "wall"):
        assert ids(server.find(type=word)) == list(pushed.values())


def test_services_are_sorted_by_bytes_and_told_apart(server):
    assert server.get("/api/0/services").status == 404
    names = ["b", "a", "B", "a/b", "a b", "ä", "z" * 255, "a+b", "%41", "__"]
    for name in names:
        server.push(BODY, service=name)
    assert server.get("/api/0/services").result == sorted(names, key=str.encode)
    for name in names:
        assert len(ids(server.find(service=name))) == 1


def test_a_plus_in_an_unescaped_query_is_a_space(server):
    one = server.push(BODY, service="a b")
    assert ids(server.get("/api/0/profiles?service=a+b&from=0&to=9999999999")) == [one]


@pytest.mark.parametrize("name", ["", "x" * 256, "x" * 100_000, "\x00", "a\nb", "\x7f", "\udcff\udcfe", "\udcc3"], ids=repr)
def test_services_beyond_the_limits_are_refused(server, name):
    for answer in (server.post(BODY, service=name), server.find(service=name), server.merge(service=name)):
        assert answer.status == (414 if len(name) > 32 << 10 else 400)
        if answer.status == 400:
            assert answer.error.startswith("bad request: ")
    assert server.get("/api/0/services").status == 404


def test_unknown_parameters_are_ignored(server):
    answer = server.request("POST", "/api/0/profiles?service=app&type=cpu&instance_id=abc&x=%zz&&=&y", BODY)
    assert ids(server.get("/api/0/profiles?from=0&to=9999999999&service=app&nonsense")) == [answer.result["id"]]


def test_a_found_id_can_be_fetched_escaped(server):
    one = server.push(BODY)
    escaped = "".join(f"%{ord(c):02X}" for c in one)
    assert server.get(f"/api/0/profiles/{escaped}").status == 200
    assert server.get(f"/api/0/profiles/{urllib.parse.quote(one + '+' + one)}").status == 200
