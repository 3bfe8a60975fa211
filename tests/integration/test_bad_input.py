"""Bytes that are no profile, or lie about what they hold: a clear answer, nothing stored, no crash, no memory."""
# variants: release, asan

import gzip
import random
import subprocess
import zlib

import pytest
from builders import everything, small
from conftest import corpus_files
from pprof_wire import Function, Line, Location, Mapping, Profile, Sample, differences, encode, parse, tag, varint
from raw_http import exchange, head, status
from server import SANITIZED

BODY = encode(small())


def refused(server, body, *words, **parameters):
    """400 `malformed profile (…)`, and each word stands in it."""
    answer = server.post(body, **parameters)
    assert answer.status == 400, answer
    assert answer.error.startswith("malformed profile ("), answer.error
    assert answer.error.endswith(")")
    for word in words:
        assert word in answer.error
    return answer


INVALID = {
    "empty": (b"", ""),
    "text": (b"hello", ""),
    "html": (b"<html><body>404 page not found</body></html>", ""),
    "a zero byte": (b"\x00", ""),
    "gzip of nothing": (gzip.compress(b""), ""),
    "gzip of text": (gzip.compress(b"hello, world"), ""),
    "gzip magic only": (b"\x1f\x8b", ""),
    "gzip within gzip": (gzip.compress(gzip.compress(BODY)), ""),
    "rubbish behind gzip": (gzip.compress(BODY) + b"rubbish", ""),
    "a wrong checksum": (gzip.compress(BODY)[:-8] + b"\0\0\0\0" + gzip.compress(BODY)[-4:], ""),
    "two profiles": (encode(small(time_nanos=1)) * 2, "concatenated profiles detected"),
    "two gzipped profiles": (gzip.compress(encode(small(time_nanos=1))) * 2, "concatenated profiles detected"),
    "an empty message": (encode(Profile()), "missing sample type information"),
    "neither samples nor their types": (encode(small(samples=[], sample_types=[])), "missing sample type information"),
    "no sample types": (encode(small(sample_types=[])), "missing sample type information"),
    "too few values": (encode(small(samples=[Sample([1], [1])])), "mismatch: sample has 1 values vs. 2 types"),
    "too many values": (encode(small(samples=[Sample([1], [1, 2, 3])])), "mismatch: sample has 3 values vs. 2 types"),
    "no values": (encode(small(samples=[Sample([1], [])])), "mismatch"),
    "a location that exists nowhere": (encode(small(samples=[Sample([9], [1, 1])])), "location"),
    "location 0": (encode(small(samples=[Sample([0], [1, 1])])), "location"),
    "mapping id 0": (encode(small(mappings=[Mapping(0)])), "found mapping with reserved ID=0"),
    "location id 0": (encode(small(locations=[Location(0), Location(1)])), "found location with reserved "),
    "function id 0": (encode(small(functions=[Function(0), Function(1)])), "found function with reserved ID=0"),
    "one mapping id twice": (encode(small(mappings=[Mapping(1), Mapping(1)])), "multiple mappings with same id: 1"),
    "one location id twice": (encode(small(locations=[Location(1), Location(1)])), "multiple locations with same id: 1"),
    "one function id twice": (encode(small(functions=[Function(1), Function(1)])), "multiple functions with same id: 1"),
    "a function that exists nowhere": (encode(small(locations=[Location(1, 1, 1, [Line(9, 1)])])), "function"),
    "a line without function": (encode(small(locations=[Location(1, 1, 1, [Line(0, 1)])])), "function"),
    "a first string that is not empty": (tag(6, b"x") + BODY, "string_table[0] must be ''"),
    "a string that exists nowhere": (BODY + tag(1, tag(1, 999)), ""),
    "a negative string": (BODY + tag(7, -1), ""),
    "wire type 3": (BODY + varint(1000 << 3 | 3), ""),
    "wire type 7": (BODY + b"\x0f", ""),
    "a group's end": (BODY + varint(1 << 3 | 4), ""),
    "a varint of 11 bytes": (BODY + b"\x60" + b"\xff" * 10 + b"\x01", ""),
    "a length beyond the end": (BODY + varint(2 << 3 | 2) + varint(1 << 40), ""),
    "a length of 2^64-1": (BODY + varint(2 << 3 | 2) + varint((1 << 64) - 1), ""),
    "a sample that is a number": (BODY + tag(2, 5), ""),
}


@pytest.mark.parametrize("body, word", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_profile_is_refused_with_the_reason(shared_server, body, word):
    refused(shared_server, body, word, service="invalid")
    assert shared_server.find(service="invalid").status == 404


def test_an_empty_trace_is_refused(shared_server):
    assert shared_server.post(b"", type="trace").status == 400


def answers_sanely(server, body, **parameters):
    """400, or 200 and then what was stored is what a tolerant reader finds in it."""
    answer = server.post(body, **parameters)
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        assert answer.error.startswith("malformed profile (")
    else:
        assert differences(parse(body), parse(server.fetch(answer.result["id"]))) == []
    return answer.status


def cuts(body, count, seed):
    """Every offset of a short body, of a long one those at its ends and some between."""
    if len(body) <= count:
        return range(len(body))
    between = random.Random(seed).sample(range(len(body)), count - 40)
    return sorted({*range(20), *range(len(body) - 20, len(body)), *between})


SOME = ("collector-service/cpu.001*", "collector-service/heap.004*", "collector-service/goroutine.004*",
        "go-compiler/mem.[Ob]*", "profefe/collector_cpu_1.prof", "languages/*")
TRIES = 60 if SANITIZED else 150


@pytest.mark.parametrize("path", corpus_files(*SOME))
def test_a_truncated_profile_gives_an_answer(shared_server, path):
    gzipped = path.read_bytes()
    if gzipped[:2] == b"\x1f\x8b":
        for cut in cuts(gzipped, 45, path.name):
            refused(shared_server, gzipped[:cut], service="cut")
    bare = gzip.decompress(gzipped) if gzipped[:2] == b"\x1f\x8b" else gzipped
    for cut in cuts(bare, TRIES, path.name):
        answers_sanely(shared_server, bare[:cut], service="cut")


def test_a_small_profile_truncated_at_every_byte_gives_an_answer(shared_server):
    body = encode(everything())
    for cut in range(len(body)):
        answers_sanely(shared_server, body[:cut], service="cut")


def flipped(body, generator):
    out = bytearray(body)
    for _ in range(generator.choice((1, 1, 1, 2, 8))):
        out[generator.randrange(len(out))] ^= 1 << generator.randrange(8)
    return bytes(out)


@pytest.mark.parametrize("path", corpus_files(*SOME))
def test_a_bit_flipped_profile_gives_an_answer(shared_server, path):
    generator = random.Random(path.name)
    gzipped = path.read_bytes()
    bare = gzip.decompress(gzipped) if gzipped[:2] == b"\x1f\x8b" else gzipped
    for _ in range(TRIES):
        assert shared_server.post(flipped(bare, generator), service="flip").status in (200, 400)
        assert shared_server.post(flipped(gzipped, generator), service="flip").status in (200, 400)


def test_a_bit_flipped_small_profile_is_stored_as_it_was_read(shared_server):
    body = encode(everything())
    seen = {answers_sanely(shared_server, flipped(body, random.Random(n)), service="flip") for n in range(400)}
    assert seen == {200, 400}, "the flips were of both kinds"


# --- bombs --------------------------------------------------------------------------------------------------


def deflate_run(unit, repeats):
    """gzip of a unit repeated very often, made without holding it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = unit * (1 << 16)
    out = [packer.compress(block) for _ in range(repeats >> 16)]
    return b"".join([*out, packer.compress(unit * (repeats & 0xFFFF)), packer.flush()])


def stays_small(server, bodies, statuses):
    """The answers' statuses, and the peak of the server's memory under the limits' sum."""
    for body in bodies:
        assert server.post(body, service="bomb").status in statuses
    if not SANITIZED:
        assert server.resident() < 256 << 20
    assert server.find(service="bomb").status == 404
    assert server.post(BODY, service="fine").status == 200


def test_a_gzip_bomb_is_413(server):
    member = deflate_run(b"\0", 300 << 20)
    stays_small(server, [member, member * 40], {413})
    stays_small(server, [gzip.compress(member)], {400, 413})


def test_a_hundred_million_empty_samples_are_refused(server):
    """200 KB on the wire, 200 MB inflated, and gigabytes for whoever makes an object of each."""
    types = tag(1, b"")
    bomb = deflate_run(tag(2, b""), 100_000_000)
    assert len(bomb) < 300_000
    stays_small(server, [bomb], {400, 413})
    stays_small(server, [gzip.compress(types) + bomb], {400, 413})


MANY = 5_000_000 if SANITIZED else 20_000_000


@pytest.mark.parametrize("unit", [tag(1, b""), tag(3, b""), tag(4, b""), tag(5, b""), tag(6, b""), tag(13, 0)], ids=range(6))
def test_other_swarms_of_empty_entries_are_refused(server, unit):
    stays_small(server, [deflate_run(unit, MANY)], {400, 413, 503})


def test_swarms_within_one_sample_are_bounded(server):
    labels = gzip.compress(encode(small()) + tag(2, tag(2, b"\1\1") + tag(3, b"") * 3_000_000))
    assert server.post(labels, service="bomb").status in (200, 413, 503)
    lines = gzip.compress(encode(small()) + tag(4, tag(1, 77) + tag(4, tag(1, 1)) * 3_000_000))
    assert server.post(lines, service="bomb").status in (200, 413, 503)
    if not SANITIZED:
        assert server.resident() < 320 << 20


# --- what curl does -----------------------------------------------------------------------------------------


def test_curl_d_gets_a_hint(server, curl, tmp_path):
    """curl -d drops newlines and calls the body a form."""
    (tmp_path / "cpu.prof").write_bytes(gzip.compress(b"\n" + encode(everything())))
    out = curl("-d", "@cpu.prof", f"{server.url}/api/0/profiles?service=app&type=cpu")
    assert b"--data-binary" in out and b'"code":400' in out
    assert server.find().status == 404


def test_data_binary_gets_no_hint_of_curl_d(server, curl, tmp_path):
    """curl calls that body a form, too."""
    (tmp_path / "notes.txt").write_text("not a profile\nat all\n")
    out = curl("--data-binary", f"@{tmp_path / 'notes.txt'}", f"{server.url}/api/0/profiles?service=a&type=cpu")
    assert b'"code":400' in out and b"-d" not in out


def test_a_good_profile_sent_as_a_form_is_taken(server):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.post(BODY, headers=headers).status == 200


def test_content_encoding_gzip_is_undone_once(server):
    for name in ("gzip", "GZIP", "x-gzip"):
        for body in (BODY, gzip.compress(BODY)):
            one = server.push(gzip.compress(body), headers={"Content-Encoding": name})
            assert differences(small(), parse(server.fetch(one))) == []
    trace = b"a trace of any bytes"
    one = server.push(gzip.compress(trace), type="trace", headers={"Content-Encoding": "gzip"})
    assert server.fetch(one) == trace
    one = server.push(BODY, headers={"Content-Encoding": "identity"})
    assert differences(small(), parse(server.fetch(one))) == []


def test_content_encoding_gzip_of_something_else_is_400(server):
    assert server.post(BODY, headers={"Content-Encoding": "gzip"}).status == 400
    assert server.post(gzip.compress(BODY)[:-9], headers={"Content-Encoding": "gzip"}).status == 400
    bomb = deflate_run(b"\0", 1 << 29)
    assert server.post(bomb, type="trace", headers={"Content-Encoding": "gzip"}).status == 413


def zstd(body, *flags):
    return subprocess.run(["zstd", "-q", "-c", *flags], input=body, capture_output=True, check=True).stdout


def test_content_encoding_zstd_is_undone_once(server):
    for flags in ([], ["--no-check"], ["--no-content-size"], ["-19"]):
        for body in (BODY, gzip.compress(BODY)):
            one = server.push(zstd(body, *flags), headers={"Content-Encoding": "ZSTD"})
            assert parse(server.fetch(one)).samples == parse(BODY).samples


def test_content_encoding_zstd_of_something_else_is_refused(server):
    packed = zstd(BODY)
    for body in (BODY, packed[:-3], packed + b"x", b""):
        assert server.post(body, headers={"Content-Encoding": "zstd"}).status == 400
    bomb = zstd(bytes(1 << 29))
    assert server.post(bomb, type="trace", headers={"Content-Encoding": "zstd"}).status == 413
    assert server.find().status == 404


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "zstd, gzip", "compress", "x" * 500])
def test_other_content_encodings_are_415(server, name):
    answer = server.post(BODY, headers={"Content-Encoding": name})
    assert answer.status == 415 and answer.error
    assert server.find().status == 404


def test_two_content_encodings_are_415(server):
    packed = gzip.compress(BODY)
    for second in ("gzip", "br", "identity"):
        lines = head("POST", "/api/0/profiles?service=app&type=cpu", f"Content-Length: {len(packed)}", "Content-Encoding: gzip", f"Content-Encoding: {second}")
        assert status(exchange(server, lines + packed)) == 415
    assert server.find().status == 404


# --- extremes of ids, and of the target ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [2_000, 20_000, 100_000])
def test_endless_targets_are_refused(server, size):
    over = size > 32 << 10
    assert server.get("/api/0/profiles/" + "a" * size).status == (414 if over else 400)
    assert server.get("/" + "a" * size).status == (414 if over else 404)
    assert server.get("/api/0/version?" + "a" * size).status == (414 if over else 200)
    assert server.get("/api/0/version").status == 200


def test_many_ids_have_a_bound(server):
    one = server.push(BODY)
    assert len(parse(server.fetch(*[one] * 100)).samples) == 1
    assert server.get("/api/0/profiles/" + "+".join([one] * 5_000)).status == 414


@pytest.mark.parametrize("path", ["%00", "a%00b", "%ff%fe", "%", "%4", "%zz", "..%2f..%2fetc%2fpasswd", "%0d%0aX: y"])
def test_strange_ids_are_400(server, path):
    server.push(BODY)
    answer = server.request("GET", "/api/0/profiles/" + path.replace(" ", "%20"))
    assert answer.status == 400, answer
    assert answer.error
