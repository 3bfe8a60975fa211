"""Requests on whose end two programs could disagree, which is how one is made to look like two (RFC 9112 11.2).

Behind each of them stands a second request. It must never be handled: the first is refused, and that is the end of
the connection. Beside them the forms that look odd and are right.
"""
# variants: release, asan, tsan

import itertools
import os

import pytest
from echo import Client, Server
from server import SANITIZED

SECOND = b"GET /info?second HTTP/1.1\r\nHost: test\r\n\r\n"
MAX_BODY = 1000


def request_line(line, status=400):
    return status, line + b"\r\nHost: test\r\n\r\n"


def header(line, status=400):
    """One header line beside a Host; no body."""
    return status, b"GET /info HTTP/1.1\r\nHost: test\r\n" + line + b"\r\n\r\n"


def post(*lines, status=400, body=b"hello", version=b"1.1"):
    head = b"POST /inline HTTP/" + version + b"\r\nHost: test\r\n"
    return status, head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def length(value, status=400):
    return post(b"Content-Length: " + value, status=status)


def coding(value, status=501):
    """Taken for chunked by one, for something else by another: the body is both."""
    return post(b"Transfer-Encoding: " + value, status=status, body=b"5\r\nhello\r\n0\r\n\r\n")


def chunks(body, status=400):
    return post(b"Transfer-Encoding: chunked", status=status, body=body)


# The classics. Who goes by the length sees one request, who goes by the chunks two, and the other way round.
INNER = b"GET /info?inner HTTP/1.1\r\nHost: test\r\n\r\n"
CL_TE = b"0\r\n\r\n" + INNER
TE_CL = b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
FIVE = b"Content-Length: 5"

REFUSED = {
    "CL.TE": post(b"Content-Length: %d" % len(CL_TE), CHUNKED, body=CL_TE),
    "TE.CL": post(CHUNKED, b"Content-Length: 4", body=TE_CL),
    "CL.TE, a zero length": post(b"Content-Length: 0", CHUNKED, body=CL_TE),
    "TE.TE": post(CHUNKED, CHUNKED, body=TE_CL),
    "TE.TE, the second something else": post(CHUNKED, b"Transfer-Encoding: cow", body=TE_CL),
    "TE.TE, the first something else": post(b"Transfer-Encoding: cow", CHUNKED, body=TE_CL, status=501),
    "CL.TE with a space before the colon": post(b"Content-Length: 5", b"Transfer-Encoding : chunked", body=CL_TE),
    "CL.TE with a fold": post(b"Content-Length: 5", b"Transfer-Encoding:", b" chunked", body=CL_TE),
    "CL.TE behind a bare LF": post(b"Content-Length: 5", b"X: y\nTransfer-Encoding: chunked", body=CL_TE),
    "CL.TE behind a bare CR": post(b"Content-Length: 5", b"X: y\rTransfer-Encoding: chunked", body=CL_TE),
    "CL.TE in a folded line": post(b"Content-Length: 5", b"X: y", b" Transfer-Encoding: chunked", body=CL_TE),
    "CL.TE with a coding nobody knows": post(FIVE, b"Transfer-Encoding: xchunked", body=CL_TE, status=501),
    "chunked in HTTP/1.0": post(CHUNKED, body=CL_TE, version=b"1.0"),
    "chunked beside a length in HTTP/1.0": post(FIVE, CHUNKED, b"Connection: keep-alive", body=CL_TE, version=b"1.0"),
    "a GET with both": (400, b"GET /info HTTP/1.1\r\nHost: test\r\n" + FIVE + b"\r\n" + CHUNKED + b"\r\n\r\n" + CL_TE),
    # Content-Length
    "two lengths": post(FIVE, FIVE),
    "two lengths that differ": post(FIVE, b"Content-Length: 6"),
    "two lengths apart, in other case": post(FIVE, b"X: y", b"CONTENT-length: 5"),
    "three lengths": post(FIVE, FIVE, FIVE),
    "a list of lengths": length(b"5, 5"),
    "a list of lengths without spaces": length(b"5,5"),
    "a list of one length": length(b"5,"),
    "a length with a plus": length(b"+5"),
    "a length with a minus": length(b"-5"),
    "minus zero": length(b"-0"),
    "a hexadecimal length": length(b"0x5"),
    "a length with a space in it": length(b"1 5"),
    "a length with a tab in it": length(b"1\t5"),
    "a length with a point": length(b"5.0"),
    "a length with an exponent": length(b"5e0"),
    "a length in quotes": length(b'"5"'),
    "a length with a parameter": length(b"5;q=1"),
    "a length with letters behind": length(b"5bytes"),
    "an empty length": length(b""),
    "a length of spaces": length(b"   "),
    "a length of other digits": length("\u0665".encode()),
    "a length and a no-break space": length(b"5\xa0"),
    "a length and a vertical tab": length(b"5\x0b"),
    "a length and a NUL": length(b"5\0"),
    "a length and a bare CR": length(b"5\r"),
    "a folded length": post(b"Content-Length:", b" 5"),
    "a length of 2^32 + 5": length(b"4294967301", 413),
    "a length of 2^63": length(b"9223372036854775808", 413),
    "a length of 2^64 + 5": length(b"18446744073709551621", 413),
    "a length over the limit": length(b"1001", 413),
    "a space before the length's colon": post(b"Content-Length : 5"),
    "a tab before the length's colon": post(b"Content-Length\t: 5"),
    "a NUL before the length's colon": post(b"Content-Length\0: 5"),
    "two colons behind a length": length(b": 5"),
    # Transfer-Encoding
    "xchunked": coding(b"xchunked"),
    "chunked and a comma": coding(b"chunked,"),
    "a comma and chunked": coding(b",chunked"),
    "identity": coding(b"identity"),
    "an empty coding": coding(b""),
    "chunked, identity": coding(b"chunked, identity"),
    "identity, chunked": coding(b"identity, chunked"),
    "gzip, chunked": coding(b"gzip, chunked"),
    "chunked, chunked": coding(b"chunked, chunked"),
    "chunked with a parameter": coding(b"chunked;q=1"),
    "chunked in quotes": coding(b'"chunked"'),
    "chunked in single quotes": coding(b"'chunked'"),
    "chunked with a tab in it": coding(b"chun\tked"),
    "chunked with a Kelvin sign": coding("chun\u212aed".encode()),
    "a no-break space before chunked": coding(b"\xa0chunked"),
    "a byte order mark before chunked": coding(b"\xef\xbb\xbfchunked"),
    "a colon before chunked": coding(b": chunked"),
    "chunked in brackets": coding(b"[chunked]"),
    "a vertical tab before chunked": coding(b"\x0bchunked", 400),
    "a form feed before chunked": coding(b"\x0cchunked", 400),
    "a NUL behind chunked": coding(b"chunked\0", 400),
    "a vertical tab behind chunked": coding(b"chunked\x0b", 400),
    "a delete behind chunked": coding(b"chunked\x7f", 400),
    "a bare CR behind chunked": coding(b"chunked\r", 400),
    "a bare LF before chunked": coding(b"\nchunked", 400),
    "a fold before chunked": coding(b"\r\n chunked", 400),
    "a fold behind chunked": coding(b"chunked\r\n\t", 400),
    "a space before the coding's colon": post(b"Transfer-Encoding : chunked", body=CL_TE),
    "a tab before the coding's colon": post(b"Transfer-Encoding\t: chunked", body=CL_TE),
    "a NUL in the coding's name": post(b"Transfer\0Encoding: chunked", body=CL_TE),
    "a space in the coding's name": post(b"Transfer Encoding: chunked", body=CL_TE),
    "a semicolon behind the coding's name": post(b"Transfer-Encoding;: chunked", body=CL_TE),
    "a quoted coding's name": post(b'"Transfer-Encoding": chunked', body=CL_TE),
    # Connection that would have a proxy take the framing away
    "Connection: Content-Length": post(FIVE, b"Connection: Content-Length"),
    "Connection: close, transfer-encoding": post(CHUNKED, b"Connection: close, transfer-encoding", body=CL_TE),
    "Connection: Host": header(b"Connection: keep-alive,Host"),
    "a second Connection: Content-Length": post(FIVE, b"Connection: keep-alive", b"Connection: content-length"),
    # chunks
    "no size": chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "an extension without a size": chunks(b";a\r\nhello\r\n0\r\n\r\n"),
    "a size with a plus": chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a size with a minus": chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a size with 0x": chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a size with a space before": chunks(b" 5\r\nhello\r\n0\r\n\r\n"),
    "a size with a space behind": chunks(b"5 \r\nhello\r\n0\r\n\r\n"),
    "a size with a space in it": chunks(b"0 5\r\nhello\r\n0\r\n\r\n"),
    "a size with letters behind": chunks(b"5h\r\nhello\r\n0\r\n\r\n"),
    "a size with a comma": chunks(b"5,\r\nhello\r\n0\r\n\r\n"),
    "a size with a NUL": chunks(b"5\0\r\nhello\r\n0\r\n\r\n"),
    "a size with a vertical tab": chunks(b"5\x0b\r\nhello\r\n0\r\n\r\n"),
    "a size of 17 digits": chunks(b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a size of 2^64": chunks(b"10000000000000000\r\nhello\r\n0\r\n\r\n"),
    "a size of 2^64 + 5": chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a size of 2^64 - 1": chunks(b"ffffffffffffffff\r\n" + b"x" * (MAX_BODY + 1), 413),
    "a chunk over the limit": chunks(b"3e9\r\n" + b"x" * (MAX_BODY + 1) + b"\r\n0\r\n\r\n", 413),
    "a size and LF": chunks(b"5\nhello\r\n0\r\n\r\n"),
    "a size and CR": chunks(b"5\rhello\r\n0\r\n\r\n"),
    "a size and two CRs": chunks(b"5\r\r\nhello\r\n0\r\n\r\n"),
    "a CR in an extension": chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "a LF in an extension": chunks(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "an extension that ends in LF": chunks(b"5;\nhello\r\n0\r\n\r\n"),
    "a LF in a quoted extension": chunks(b'5;a="\nb"\r\nhello\r\n0\r\n\r\n'),
    "a CRLF in a quoted extension": chunks(b'5;a="\r\nb"\r\nhello\r\n0\r\n\r\n'),
    "a NUL in an extension": chunks(b"5;a=\0\r\nhello\r\n0\r\n\r\n"),
    "endless extensions": chunks(b"5;" + b"a" * (17 << 10) + b"\r\nhello\r\n0\r\n\r\n"),
    "no CRLF behind a chunk": chunks(b"5\r\nhello0\r\n\r\n"),
    "a LF behind a chunk": chunks(b"5\r\nhello\n0\r\n\r\n"),
    "a CR behind a chunk": chunks(b"5\r\nhello\r0\r\n\r\n"),
    "a chunk shorter than its size": chunks(b"6\r\nhello\r\n0\r\n\r\n"),
    "a chunk longer than its size": chunks(b"4\r\nhello\r\n0\r\n\r\n"),
    "two bytes that are no CRLF": chunks(b"5\r\nhelloXX0\r\n\r\n"),
    "a last chunk that ends in LF": chunks(b"5\r\nhello\r\n0\n\r\n"),
    "a body that ends in LF": chunks(b"5\r\nhello\r\n0\r\n\n"),
    "a body that ends in CR": chunks(b"5\r\nhello\r\n0\r\n\rX"),
    "minus zero as the last size": chunks(b"5\r\nhello\r\n-0\r\n\r\n"),
    "the next request for a trailer": chunks(b"5\r\nhello\r\n0\r\nGET /info?inner HTTP/1.1\r\nHost: test\r\n\r\n"),
    "a trailer without a colon": chunks(b"0\r\nX\r\n\r\n"),
    "a trailer without a name": chunks(b"0\r\n: x\r\n\r\n"),
    "a trailer with a space before its colon": chunks(b"0\r\nX : y\r\n\r\n"),
    "a folded trailer": chunks(b"0\r\nX: y\r\n z\r\n\r\n"),
    "a trailer that ends in LF": chunks(b"0\r\nX: y\n\r\n"),
    "a CR in a trailer": chunks(b"0\r\nX: y\rz\r\n\r\n"),
    "a NUL in a trailer": chunks(b"0\r\nX: \0\r\n\r\n"),
    "endless trailers": chunks(b"0\r\n" + b"X: y\r\n" * 6000 + b"\r\n"),
    # request lines
    "two spaces behind the method": request_line(b"GET  /info HTTP/1.1"),
    "two spaces behind the target": request_line(b"GET /info  HTTP/1.1"),
    "a space at the end": request_line(b"GET /info HTTP/1.1 "),
    "a space at the beginning": request_line(b" GET /info HTTP/1.1"),
    "tabs": request_line(b"GET\t/info\tHTTP/1.1"),
    "a tab at the end": request_line(b"GET /info HTTP/1.1\t"),
    "a vertical tab": request_line(b"GET\x0b/info HTTP/1.1"),
    "a NUL at the end": request_line(b"GET /info HTTP/1.1\0"),
    "a space in the target": request_line(b"GET /info HTTP/1.1 HTTP/1.1"),
    "no version": request_line(b"GET /info"),
    "no target": request_line(b"GET HTTP/1.1"),
    "an empty target": request_line(b"GET  HTTP/1.1"),
    "HTTP/1.10": request_line(b"GET /info HTTP/1.10"),
    "HTTP/01.1": request_line(b"GET /info HTTP/01.1"),
    "HTTP/1": request_line(b"GET /info HTTP/1"),
    "HTTP/1,1": request_line(b"GET /info HTTP/1,1"),
    "http/1.1": request_line(b"GET /info http/1.1"),
    "XTTP/1.1": request_line(b"GET /info XTTP/1.1"),
    "HTTP/0.9": request_line(b"GET /info HTTP/0.9", 505),
    "HTTP/2.0": request_line(b"GET /info HTTP/2.0", 505),
    "half of HTTP/2's preface": (505, b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n"),
    "an answer": (400, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "a method that is no token": request_line(b"G(T /info HTTP/1.1"),
    "a method that is not ASCII": request_line(b"G\xc3\x8bT /info HTTP/1.1"),
    "a header for a request line": request_line(b"X: y"),
    "a fragment": request_line(b"GET /info#x HTTP/1.1"),
    "a target without a slash": request_line(b"GET info HTTP/1.1"),
    "a backslash for a slash": request_line(b"GET \\info HTTP/1.1"),
    "a host with a user": request_line(b"GET http://user@test/info HTTP/1.1"),
    "a host with a bad port": request_line(b"GET http://test:8x/info HTTP/1.1"),
    "no host in the target": request_line(b"GET http:///info HTTP/1.1"),
    "another scheme": request_line(b"GET gopher://test/info HTTP/1.1"),
    "a LF at the end": (400, b"GET /info HTTP/1.1\nHost: test\r\n\r\n"),
    "nothing but LF": (400, b"GET /info HTTP/1.1\nHost: test\n\n"),
    "a CR at the end": (400, b"GET /info HTTP/1.1\rHost: test\r\r"),
    "two CRs and LF": (400, b"GET /info HTTP/1.1\r\r\nHost: test\r\n\r\n"),
    "a LF before": (400, b"\nGET /info HTTP/1.1\r\nHost: test\r\n\r\n"),
    "a CR before": (400, b"\rGET /info HTTP/1.1\r\nHost: test\r\n\r\n"),
    "a NUL before": (400, b"\0GET /info HTTP/1.1\r\nHost: test\r\n\r\n"),
    "five empty lines before": (400, b"\r\n" * 5 + b"GET /info HTTP/1.1\r\nHost: test\r\n\r\n"),
    # hosts
    "no Host": (400, b"GET /info HTTP/1.1\r\n\r\n"),
    "no Host but X-Host": (400, b"GET /info HTTP/1.1\r\nX-Host: test\r\n\r\n"),
    "no Host in absolute form": (400, b"GET http://test/info HTTP/1.1\r\n\r\n"),
    "two Hosts": header(b"Host: test"),
    "two Hosts that differ": header(b"hOST: other"),
    "two Hosts in HTTP/1.0": (400, b"GET /info HTTP/1.0\r\nHost: test\r\nHost: test\r\n\r\n"),
    "a list of Hosts": (400, b"GET /info HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "a Host with a space": (400, b"GET /info HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "a Host with a path": (400, b"GET /info HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a Host with a user": (400, b"GET /info HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    "a Host with a bad port": (400, b"GET /info HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    "a Host with two ports": (400, b"GET /info HTTP/1.1\r\nHost: a:80:81\r\n\r\n"),
    "a Host with an open bracket": (400, b"GET /info HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    "a Host that is not ASCII": (400, b"GET /info HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"),
    "a Host with a space before its colon": (400, b"GET /info HTTP/1.1\r\nHost : test\r\n\r\n"),
    # header lines
    "a space before the first header": (400, b"GET /info HTTP/1.1\r\n Host: test\r\n\r\n"),
    "a tab before the first header": (400, b"GET /info HTTP/1.1\r\n\tHost: test\r\n\r\n"),
    "a line of spaces first": (400, b"GET /info HTTP/1.1\r\n  \r\nHost: test\r\n\r\n"),
    "a line of spaces last": header(b"X: y\r\n "),
    "a folded header": header(b"X: y\r\n z"),
    "a header folded by a tab": header(b"X: y\r\n\tz"),
    "a header without a colon": header(b"X"),
    "a header without a name": header(b": x"),
    "a colon alone": header(b":"),
    "a space for a name": header(b" : x"),
    "a space before the colon": header(b"X : y"),
    "a space in the name": header(b"X Y: z"),
    "a bracket in the name": header(b"X(: y"),
    "a slash in the name": header(b"X/Y: z"),
    "a NUL in the name": header(b"X\0: y"),
    "a name that is not ASCII": header(b"\xc3\x84: y"),
    "a NUL in the value": header(b"X: a\0b"),
    "a control character in the value": header(b"X: a\x01b"),
    "a vertical tab in the value": header(b"X: a\x0bb"),
    "a delete in the value": header(b"X: a\x7fb"),
    "a bare CR in the value": header(b"X: a\rb"),
    "a bare LF in the value": header(b"X: a\nY: b"),
    "a bare CR at the value's end": header(b"X: a\r"),
    "a head that ends in LF": (400, b"GET /info HTTP/1.1\r\nHost: test\r\n\n"),
    "a head that ends in LF LF": (400, b"GET /info HTTP/1.1\r\nHost: test\n\n"),
    "a head that ends in CR": (400, b"GET /info HTTP/1.1\r\nHost: test\r\n\rX"),
}

ECHO = b"POST /inline HTTP/1.1\r\nHost: test\r\n"


def good(*lines, body=b"hello", expected=b"hello"):
    return ECHO + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body, expected


def good_chunks(body):
    return good(CHUNKED, body=body)


def answered(head, body=b""):
    """A request to /info, which says what it has seen."""
    return head + b"\r\n" + body, None


TAKEN = {
    "a length": good(FIVE),
    "a length in other case": good(b"content-LENGTH:5"),
    "a length with white space around it": good(b"Content-Length: \t 5 \t"),
    "a length with zeros before it": good(b"Content-Length: 00000000000000000000000005"),
    "a length of zero": good(b"Content-Length: 0", body=b"", expected=b""),
    "no length": good(body=b"", expected=b""),
    "chunks": good_chunks(b"5\r\nhello\r\n0\r\n\r\n"),
    "chunks of a byte": good_chunks(b"".join(b"1\r\n%c\r\n" % byte for byte in b"hello") + b"0\r\n\r\n"),
    "an empty chunked body": good(CHUNKED, body=b"0\r\n\r\n", expected=b""),
    "Chunked in other case": good(b"TRANSFER-encoding:\t CHUNKed \t", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "sizes with zeros before them": good_chunks(b"0000000000000005\r\nhello\r\n0000\r\n\r\n"),
    "extensions": good_chunks(b'5;a;b=c ; d="e;\tf" \r\nhello\r\n0;x\r\n\r\n'),
    "white space before an extension": good_chunks(b"5 \t;a\r\nhello\r\n0\r\n\r\n"),
    "CRLF in the data": good(CHUNKED, body=b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", expected=b"\r\n0\r\n\r\n"),
    "a chunk of 2^4 + 10 bytes": good(CHUNKED, body=b"1A\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n", expected=b"x" * 26),
    "trailers": good_chunks(b"5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n"),
    "trailers that would be framing": good_chunks(
        b"5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: gzip\r\nHost: other\r\nConnection: close\r\n\r\n"
    ),
    "names that only look like framing": good(FIVE, b"Transfer_Encoding: chunked", b"X-Transfer-Encoding: chunked"),
    "a length that only looks like one": good(FIVE, b"Content_Length: 9", b"Content-Length-X: 9"),
    "TE says nothing of this body": good(FIVE, b"TE: chunked, trailers", b"Connection: TE"),
    "empty lines before": (b"\r\n" * 4 + good(FIVE)[0], b"hello"),
    "an empty line behind the body": (good(FIVE)[0] + b"\r\n", b"hello"),
    "a GET with a length": answered(b"GET /info HTTP/1.1\r\nHost: test\r\n" + FIVE + b"\r\n", b"hello"),
    "a GET with chunks": answered(
        b"GET /info HTTP/1.1\r\nHost: test\r\n" + CHUNKED + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n"
    ),
    "a DELETE with a length": answered(b"DELETE /info HTTP/1.1\r\nHost: test\r\n" + FIVE + b"\r\n", b"hello"),
    "absolute form with another Host": answered(b"GET http://test/info HTTP/1.1\r\nHost: other\r\n"),
    "an empty Host": answered(b"GET /info HTTP/1.1\r\nHost:\r\n"),
    "a Host that is an address": answered(b"GET /info HTTP/1.1\r\nHost: [::1]:80\r\n"),
    "headers of any bytes above ASCII": answered(b"GET /info HTTP/1.1\r\nHost: test\r\nX: \xc3\xa4\xff\r\n"),
    "an empty header": answered(b"GET /info HTTP/1.1\r\nHost: test\r\nX:\r\nY: \t \r\n"),
    "tabs inside a value": answered(b"GET /info HTTP/1.1\r\nHost: test\r\nX: a\tb\r\n"),
    "every character of a name": answered(b"GET /info HTTP/1.1\r\nHost: test\r\n!#$%&'*+-.^_`|~0aA: x\r\n"),
    "HTTP/1.7": answered(b"GET /info HTTP/1.7\r\nHost: test\r\n"),
    "HTTP/1.0 kept alive": answered(b"GET /info HTTP/1.0\r\nConnection: x, Keep-Alive\r\n"),
    "HTTP/1.0 with a length": (
        b"POST /inline HTTP/1.0\r\nConnection: keep-alive\r\n" + FIVE + b"\r\n\r\nhello", b"hello"
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = tmp_path_factory.mktemp("echo") / "socket"
    one = Server(f"-max-body={MAX_BODY}", "-addr=127.0.0.1:0", f"-addr=unix:{path}")
    yield one
    one.stop()


def send_in_pieces(c, pieces):
    """Each is read by the server before the next is sent: a Unix socket tells."""
    for piece in pieces:
        if not c.try_send(piece):
            return
        while c.unsent():
            os.sched_yield()


def cuts(data, seed):
    """Where to cut in two: everywhere, under a sanitizer here and there; and at every byte."""
    size = min(len(data), 400)  # beyond, it is padding
    step = 7 if SANITIZED else 1
    for at in range(1 + seed % step, size, step):
        yield data[:at], data[at:]
    yield [*(data[i : i + 1] for i in range(size)), data[size:]]


def refusal(c):
    """The status and the message; that was the end of the connection."""
    answer = c.answer()
    assert answer.headers["connection"] == "close"
    c.closed()
    return answer.status, answer.json()["error"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubtful_request_is_refused_and_what_follows_is_not_handled(server, name):
    status, data = REFUSED[name]
    before = server.state()
    with server.connect() as c:
        c.send(data + SECOND)
        got = refusal(c)
    assert got[0] == status, got
    with server.connect() as c:  # behind a good one
        c.send(SECOND + data + SECOND)
        assert c.answer().json()["query"] == "second"
        assert refusal(c) == got
    runs = 0
    for pieces in cuts(data + SECOND, len(name)):
        with Client(server.addresses[1]) as c:
            send_in_pieces(c, pieces)
            assert refusal(c) == got, pieces
        runs += 1
    after = server.state()
    assert after["handled"] == before["handled"] + 1
    assert after["finished"] == before["finished"] + runs + 3


def check_taken(c, expected):
    answer = c.answer()
    assert answer.status == 200
    if expected is None:
        seen = answer.json()
        assert seen["path"] == "/info" and seen["query"] == ""
    else:
        assert answer.body == expected
    answer = c.answer()
    assert answer.json()["query"] == "second"


@pytest.mark.parametrize("name", TAKEN)
def test_an_odd_but_right_request_is_taken_and_so_is_what_follows(server, name):
    data, expected = TAKEN[name]
    with server.connect() as c:
        c.send(data + SECOND)
        check_taken(c, expected)
    for pieces in cuts(data + SECOND, len(name)):
        with Client(server.addresses[1]) as c:
            send_in_pieces(c, pieces)
            check_taken(c, expected)


def test_trailers_are_no_headers(server):
    with server.connect() as c:
        c.send(b"POST /info HTTP/1.1\r\nHost: test\r\n" + CHUNKED + b"\r\n\r\n")
        c.send(b"5\r\nhello\r\n0\r\nX-Test: trailer\r\n\r\n")
        seen = c.answer().json()
    assert (seen["body"], seen["x-test"]) == (5, "")


CLOSING = [
    ([b"Connection: close"], True),
    ([b"Connection: keep-alive, close"], True),
    ([b"Connection: CLOSE ,x"], True),
    ([b"Connection: keep-alive", b"Connection: close"], True),
    ([b"Connection: close", b"Connection: keep-alive"], True),
    ([b"Connection: closed"], False),
    ([b"Connection: x-close"], False),
    ([b"Connection: keep-alive"], False),
    ([b"Proxy-Connection: close"], False),
    ([], False),
]


@pytest.mark.parametrize("lines, closes", CLOSING)
def test_who_says_close_is_not_answered_a_second_time(server, lines, closes):
    with server.connect() as c:
        c.send(b"".join(line + b"\r\n" for line in [b"GET /info HTTP/1.1", b"Host: test", *lines, b""]) + SECOND)
        first = c.answer()
        assert first.headers.get("connection") == ("close" if closes else None)
        if closes:
            c.closed()
        else:
            assert c.answer().json()["query"] == "second"


def test_every_byte_alone_in_a_header_is_judged_the_same_everywhere(server):
    """A control character is refused in any part of a head, everything else but a name's characters in a name."""
    token = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    places = {
        "value": (b"X: a%cb", lambda byte: byte == 9 or (byte >= 32 and byte != 127)),
        "name": (b"X%cY: z", lambda byte: byte in token or byte == ord(":")),
        "end of a line": (b"X: a%c", lambda byte: byte == 9 or (byte >= 32 and byte != 127)),
    }
    for (what, (line, allowed)), byte in itertools.product(places.items(), range(256)):
        with server.connect() as c:
            c.send(b"GET /info HTTP/1.1\r\nHost: test\r\n" + line % byte + b"\r\n\r\n")
            assert c.answer().status == (200 if allowed(byte) else 400), (what, byte)
