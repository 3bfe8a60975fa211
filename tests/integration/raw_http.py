"""HTTP written by hand, for requests that no client would send."""

import socket
from contextlib import contextmanager

import openapi
from server import PATIENCE


@contextmanager
def connected(server, timeout=PATIENCE):
    connection = socket.create_connection((server.host, server.port), timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()


def read_all(connection):
    """What comes until the server closes; a reset counts as closing."""
    out = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionError:
            return out
        if not piece:
            return out
        out += piece


def exchange(server, request, half_close=False):
    """Sends these bytes and reads until the server closes (ask for it with Connection: close)."""
    with connected(server) as connection:
        try:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # refused before all was sent; the answer may be there all the same
        response = read_all(connection)
    openapi.seen_raw(server.port, request, response)
    return response


def status(response):
    """The status of a raw response, None where the connection was closed without one."""
    return int(response.split(b" ", 2)[1]) if response.startswith(b"HTTP/1.") else None


def head(method, target, *headers):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
