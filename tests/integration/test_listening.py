"""Where the server listens: several addresses, Unix sockets, sockets that were left for it; and who a client is
behind a proxy."""
# variants: release, asan, tsan

import itertools
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import echo
import pytest
from builders import small
from echo import Client
from pprof_wire import encode
from server import Server, run_server, wait_for


def asks(address):
    with Client(address) as c:
        c.request("GET", "/info")
        return c.answer().json()["peer"]


def fails(*flags, **how):
    """http_echo does not start; what it says."""
    done = subprocess.run([echo.PROGRAM, *flags], capture_output=True, text=True, timeout=echo.PATIENCE, **how)
    assert done.returncode == 1, done
    assert done.stdout == ""
    return done.stderr


# --- addresses ----------------------------------------------------------------------------------------------


def test_several_addresses_are_one_server(serve, tmp_path):
    server = serve("-addr=127.0.0.1:0", f"-addr=unix:{tmp_path}/one", "-addr=localhost:0", f"-addr=unix:{tmp_path}/two")
    assert len(set(server.addresses)) == 4
    assert [asks(one) for one in server.addresses] == ["127.0.0.1", "unix", "127.0.0.1", "unix"]
    assert server.state()["handled"] == 4
    server.stop()
    for one in server.addresses:
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            Client(one)


def test_the_real_server_listens_on_several_addresses(start, tmp_path):
    server = start(f"-addr=unix:{tmp_path}/socket", "-addr=127.0.0.1:0")
    shown = [line["addr"] for line in server.log() if line["msg"] == "server is running"]
    assert len(shown) == 3 and shown[1] == f"unix:{tmp_path}/socket"
    for n, one in enumerate(shown):
        with Client(one) as c:
            c.send(f"GET /healthz?{n} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert c.upto(b"\r\n").startswith(b"HTTP/1.1 200 ")
    lines = wait_for(lambda: len(server.access_lines()) == 3 and server.access_lines(), "access lines")
    assert sorted(re.search(r"uri=(\S+) .* ip=(\S+) ", line).groups() for line in lines) == [
        ("/healthz?0", "127.0.0.1"), ("/healthz?1", "unix"), ("/healthz?2", "127.0.0.1")
    ]
    server.stop()
    assert not (tmp_path / "socket").exists()


def test_one_address_that_is_taken_ends_the_start_and_frees_the_others(serve, tmp_path):
    taken = serve().address
    error = fails(f"-addr=unix:{tmp_path}/socket", f"-addr={taken}")
    assert error == f"http_echo: can't listen on {taken}: Address already in use\n"
    assert not (tmp_path / "socket").exists()


# --- Unix sockets -------------------------------------------------------------------------------------------


def test_the_socket_of_a_killed_server_is_taken_over(serve, tmp_path):
    address = f"unix:{tmp_path}/socket"
    first = serve(f"-addr={address}")
    assert asks(address) == "unix"
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "socket").is_socket()
    with pytest.raises(ConnectionRefusedError):
        Client(address)
    second = serve(f"-addr={address}")
    assert asks(address) == "unix"
    second.stop()
    assert not (tmp_path / "socket").exists()


def test_the_socket_of_a_living_server_is_left_alone(serve, tmp_path):
    address = f"unix:{tmp_path}/socket"
    serve(f"-addr={address}")
    assert fails(f"-addr={address}") == f"http_echo: can't listen on {address}: Address already in use\n"
    assert asks(address) == "unix"


@pytest.mark.parametrize("what", ["file", "directory", "link"])
def test_what_is_no_socket_is_left_alone(tmp_path, what):
    path = tmp_path / "here"
    (tmp_path / "other").write_text("mine")
    if what == "file":
        path.write_text("mine")
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to("other")
    assert fails(f"-addr=unix:{path}") == f"http_echo: can't listen on unix:{path}: Address already in use\n"
    assert path.is_dir() or path.read_text() == "mine"


@pytest.mark.parametrize(
    "address, why",
    [
        ("unix:", "the path of a Unix socket has 1 to 107 bytes"),
        ("unix:" + "/tmp" * 27, "the path of a Unix socket has 1 to 107 bytes"),
        ("unix:/nowhere/at/all", "No such file or directory"),
    ],
)
def test_paths_that_can_not_be_listened_on(address, why):
    error = fails(f"-addr={address}")
    assert address in error and why in error


def test_a_stop_does_not_remove_the_socket_of_another(serve, tmp_path):
    address = f"unix:{tmp_path}/socket"
    first = serve(f"-addr={address}")
    (tmp_path / "socket").unlink()
    second = serve(f"-addr={address}")
    first.stop()
    assert asks(address) == "unix"
    second.stop()


# --- inherited sockets --------------------------------------------------------------------------------------

# Puts the sockets where systemd does, and names the process that they are for.
WRAPPER = """
import os, sys
fds, pid, program = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
for n, fd in enumerate(fds):
    os.dup2(int(fd), 3 + n, True)
os.environ.update(LISTEN_FDS=sys.argv[1] and str(len(fds)), LISTEN_PID=pid or str(os.getpid()), LISTEN_FDNAMES="x")
os.execv(program[0], program)
"""


def handed_over(*sockets, pid=""):
    """How to start a program that inherits these: what goes before it, and the descriptors to pass."""
    copies = [os.dup(one.fileno()) for one in sockets]  # above where they are to go
    high = [os.dup2(fd, 100 + n) for n, fd in enumerate(copies)]
    for fd in copies:
        os.close(fd)
    return [sys.executable, "-S", "-c", WRAPPER, ",".join(map(str, high)), pid], high


def begin(serve, *sockets, flags=(), pid=""):
    command, fds = handed_over(*sockets, pid=pid)
    try:
        return serve(*flags, command=command, pass_fds=fds)
    finally:
        for fd in fds:
            os.close(fd)


def listening(family=socket.AF_INET, where=("127.0.0.1", 0)):
    one = socket.socket(family, socket.SOCK_STREAM)
    one.bind(where)
    one.listen(64)
    return one


def address_of(one):
    name = one.getsockname()
    return f"unix:{name}" if isinstance(name, str) else f"{name[0]}:{name[1]}"


def test_inherited_sockets_take_the_place_of_addresses(serve, tmp_path):
    sockets = [listening(), listening(socket.AF_UNIX, str(tmp_path / "socket")), listening()]
    with listening() as unused:
        other = address_of(unused)
    server = begin(serve, *sockets, flags=[f"-addr={other}"])
    assert server.addresses == [address_of(one) for one in sockets]
    assert [asks(one) for one in server.addresses] == ["127.0.0.1", "unix", "127.0.0.1"]
    with pytest.raises(ConnectionRefusedError):
        Client(other)
    server.stop()
    assert (tmp_path / "socket").is_socket()  # it is not the server's


def test_who_connects_between_two_servers_waits_for_the_second(serve, tmp_path):
    sockets = [listening(), listening(socket.AF_UNIX, str(tmp_path / "socket"))]
    begin(serve, *sockets).stop()
    clients = [Client(address_of(one)) for one in sockets]
    for c in clients:
        c.request("GET", "/info")
    begin(serve, *sockets)
    for c in clients:
        assert c.answer().status == 200
        c.close()


def test_sockets_for_another_process_are_not_taken(serve):
    with listening() as one:
        server = begin(serve, one, pid="1")
        assert server.address != address_of(one)
        assert asks(server.address) == "127.0.0.1"


def test_children_do_not_inherit_them_once_more(serve):
    with listening() as one:
        server = begin(serve, one)
        flags = Path(f"/proc/{server.process.pid}/fdinfo/3").read_text()
        assert int(re.search(r"flags:\s+(\d+)", flags)[1], 8) & os.O_CLOEXEC


@pytest.mark.parametrize("kind", ["datagram", "unconnected", "file"])
def test_what_is_no_listening_socket_ends_the_start(tmp_path, kind):
    if kind == "file":
        one = open(tmp_path / "file", "w")
    else:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
    command, fds = handed_over(one)
    done = subprocess.run([*command, echo.PROGRAM], capture_output=True, text=True, pass_fds=fds, timeout=echo.PATIENCE)
    for fd in fds:
        os.close(fd)
    assert (done.returncode, done.stderr) == (1, "http_echo: the inherited descriptor 3 is no listening socket\n")


class Restarted(Server):
    """The real server on a socket that outlives it."""

    def __init__(self, directory, *flags):
        super().__init__(directory, *flags)
        self.socket = listening()
        self.socket.listen(1024)
        self.prefix, self.fds = handed_over(self.socket)

    def launch(self):
        self.runs += 1
        self.log_path = self.directory / f"server.{self.runs}.log"
        self.access_path = self.directory / f"access.{self.runs}.log"
        with open(self.log_path, "wb") as log, open(self.access_path, "wb") as access:
            self.process = subprocess.Popen(
                [*self.prefix, *self.command()], stdin=subprocess.DEVNULL, stdout=access, stderr=log, pass_fds=self.fds
            )


def test_a_restart_with_a_passed_socket_refuses_nobody(tmp_path):
    """Clients hammer it all the while, on kept and on fresh connections. Each request is answered, or its kept
    connection ends before the answer has begun, as one that is idle may; none is refused, no answer is cut."""
    server = Restarted(tmp_path, "-exit-timeout=30s", "-log.access=false").start()
    body = encode(small())
    numbers = itertools.count()
    answered, ended, wrong = [0] * 8, [0] * 8, []
    stop = threading.Event()
    push = f"POST /api/0/profiles?service=s&type=cpu&labels=n=%d HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    get = "GET /api/0/version?%d HTTP/1.1\r\n"

    def hammer(n):
        """The even push, the odd get; the first half on kept connections, the second on one a request."""
        c, kept = None, n < 4
        while not stop.is_set():
            lines = "Host: localhost\r\n\r\n" if kept else "Host: localhost\r\nConnection: close\r\n\r\n"
            request = ((get if n % 2 else push) % next(numbers) + lines).encode()
            try:
                c = c or Client(f"{server.host}:{server.port}")
                sent = c.try_send(request + (b"" if n % 2 else body))
                answer = c.answer_or_end()
                if answer is None and not kept:
                    wrong.append("a fresh connection ended without an answer")
                elif answer is None:
                    ended[n] += 1
                elif not sent or answer.status != 200:
                    wrong.append(answer.status)
                else:
                    answered[n] += 1
            except (OSError, AssertionError) as error:
                wrong.append(error)
                answer = None
            if c and (answer is None or not kept or answer.headers.get("connection") == "close"):
                c.close()
                c = None

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    try:
        for _ in range(5):
            before = list(answered)
            wait_for(lambda: wrong or all(now >= was + 5 for now, was in zip(answered, before)), "all are answered")
            server.restart()
        before = list(answered)
        wait_for(lambda: wrong or all(now >= was + 5 for now, was in zip(answered, before)), "all are answered again")
    finally:
        stop.set()
        for one in threads:
            one.join()
    assert wrong == []
    assert sum(ended) <= 5 * 4, "kept connections end once a restart"
    pushed = answered[0] + answered[2] + answered[4] + answered[6]
    found = len(server.find(service="s").result)
    assert pushed <= found <= pushed + sum(ended)  # one that was not answered may have been stored
    server.stop()


# --- who the client is --------------------------------------------------------------------------------------

TRUSTED = "-trusted-proxies=127.0.0.0/8, 10.0.0.0/8, ::1,2001:db8:1::/48,unix"
SELF = "127.0.0.1"

FORWARDED = [
    ([], SELF),
    (["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
    (["x-forwarded-for:192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 6.6.6.6, 192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 6.6.6.6,192.0.2.1 ,10.1.2.3"], "192.0.2.1"),
    (["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.1.2.3"], "192.0.2.1"),
    (["X-Forwarded-For: 10.1.1.1, 10.2.2.2"], "10.1.1.1"),
    (["X-Forwarded-For: 10.1.1.1, 192.0.2.1, 10.2.2.2"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1:4711"], "192.0.2.1"),
    (["X-Forwarded-For: 2001:db8::1"], "2001:db8::1"),
    (["X-Forwarded-For: [2001:db8::1]"], "2001:db8::1"),
    (["X-Forwarded-For: [2001:db8::1]:4711"], "2001:db8::1"),
    (["X-Forwarded-For: 2001:db8::1, 2001:db8:1::9"], "2001:db8::1"),
    (["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.1"], "192.0.2.1"),
    # what can't be read names nobody, and what stands before it is nobody's word
    (["X-Forwarded-For:"], SELF),
    (["X-Forwarded-For: unknown"], SELF),
    (["X-Forwarded-For: 192.0.2.1, unknown"], SELF),
    (["X-Forwarded-For: , 192.0.2.1,,"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1"], "10.0.0.1"),
    (["X-Forwarded-For: unknown, 192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.256"], SELF),
    (["X-Forwarded-For: 192.0.2"], SELF),
    (["X-Forwarded-For: 192.0.2.1.5"], SELF),
    (["X-Forwarded-For: 192.0.2.1 6.6.6.6"], SELF),
    (["X-Forwarded-For: 192.0.2.1/24"], SELF),
    (["X-Forwarded-For: 192.0.2.1:x"], SELF),
    (["X-Forwarded-For: 192.0.2.1:"], SELF),
    (["X-Forwarded-For: [2001:db8::1"], SELF),
    (["X-Forwarded-For: [2001:db8::1]x"], SELF),
    (["X-Forwarded-For: [2001:db8::1]:x"], SELF),
    (["X-Forwarded-For: " + "1" * 300], SELF),
    (["X-Forwarded-For: fe80::1%eth0"], SELF),
    (["X-Forwarded: 192.0.2.1", "X-Real-IP: 192.0.2.1"], SELF),
    # RFC 7239
    (["Forwarded: for=192.0.2.1"], "192.0.2.1"),
    (["Forwarded: For=192.0.2.1;proto=https;by=10.0.0.1"], "192.0.2.1"),
    (["Forwarded: proto=https; for=192.0.2.1"], "192.0.2.1"),
    (["Forwarded: for=6.6.6.6, for=192.0.2.1, for=10.0.0.1"], "192.0.2.1"),
    (["Forwarded: for=6.6.6.6", "Forwarded: for=192.0.2.1"], "192.0.2.1"),
    (['Forwarded: for="192.0.2.1"'], "192.0.2.1"),
    (['Forwarded: for="192.0.2.1:4711"'], "192.0.2.1"),
    (['Forwarded: for="[2001:db8::1]"'], "2001:db8::1"),
    (['Forwarded: for="[2001:db8::1]:4711";by="[::1]"'], "2001:db8::1"),
    (["Forwarded: for=unknown"], SELF),
    (["Forwarded: for=_hidden, for=10.0.0.1"], "10.0.0.1"),
    (["Forwarded: proto=https"], SELF),
    (["Forwarded: by=192.0.2.1"], SELF),
    (["Forwarded: 192.0.2.1"], SELF),
    (["Forwarded:"], SELF),
    # a client that hopes for a proxy that appends, or writes down the Host it was asked for
    (['Forwarded: for="6.6.6.6, for=192.0.2.1'], SELF),
    (['Forwarded: for=192.0.2.1;host="a,for=6.6.6.6;b"'], "192.0.2.1"),
    (['Forwarded: for=192.0.2.1;host="a\\",for=6.6.6.6;b"'], "192.0.2.1"),
    (['Forwarded: for=192.0.2.1;host="a;for=6.6.6.6"'], "192.0.2.1"),
    # a proxy that writes the one and passes the other on as it came
    (["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
    (["Forwarded: for=6.6.6.6", "X-Forwarded-For: 192.0.2.1"], SELF),
    (["X-Forwarded-For: 6.6.6.6", "Forwarded: for=192.0.2.1"], SELF),
    (["X-Forwarded-For: garbage", "Forwarded: for=192.0.2.1"], SELF),
    (["X-Forwarded-For:", "Forwarded: for=192.0.2.1"], SELF),
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    path = tmp_path_factory.mktemp("echo") / "socket"
    flags = ["-addr=127.0.0.1:0", f"-addr=unix:{path}"]
    careful = echo.Server("-addr=127.0.0.1:0", f"-addr=unix:{path}.2", "-trusted-proxies=10.0.0.0/8")
    servers = echo.Server(*flags, TRUSTED), careful
    yield servers
    for one in servers:
        one.stop()


def peer(address, headers):
    with Client(address) as c:
        c.request("GET", "/info", headers=headers)
        return c.answer().json()["peer"]


@pytest.mark.parametrize("headers, client", FORWARDED, ids=["|".join(lines)[:60] for lines, _ in FORWARDED])
def test_a_trusted_proxy_names_the_client(proxied, headers, client):
    trusting, careful = proxied
    assert peer(trusting.addresses[0], headers) == client
    assert peer(trusting.addresses[1], headers) == ("unix" if client == SELF else client)
    assert peer(careful.addresses[0], headers) == SELF
    assert peer(careful.addresses[1], headers) == "unix"


def test_an_ipv6_proxy(serve):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve("-addr=[::1]:0", TRUSTED)
    assert peer(server.address, ["X-Forwarded-For: 192.0.2.1"]) == "192.0.2.1"
    mapped = serve("-addr=:0", TRUSTED).address.replace("[::]", "127.0.0.1")
    assert peer(mapped, ["X-Forwarded-For: 192.0.2.1"]) == "192.0.2.1"


def told(address, headers=(), source=None):
    """Whether the connection came to a loopback address, and from a trusted proxy."""
    with Client(address, source=source) as c:
        c.request("GET", "/info", headers=headers)
        info = c.answer().json()
    return info["loopback"], info["proxy"]


def test_who_connects_to_a_loopback_address(proxied, serve):
    trusting, careful = proxied
    assert told(careful.addresses[0], ["X-Forwarded-For: 192.0.2.1"]) == (True, False)
    assert told(trusting.addresses[0], ["X-Forwarded-For: 192.0.2.1"]) == (True, True)
    assert told(trusting.addresses[1]) == (False, True)  # no page can have a browser connect to a Unix socket
    assert told(careful.addresses[1]) == (False, False)
    everywhere = serve("-addr=:0").address  # IPv4 comes to it as IPv6, where there is IPv6
    port = everywhere.rpartition(":")[2]
    assert told(f"127.0.0.1:{port}") == (True, False)
    assert told(f"127.1.2.3:{port}") == (True, False)


def test_who_connects_to_an_outer_address_of_its_own_machine(serve):
    """It is the address connected to that counts, not where the client is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("THIS MACHINE HAS NO ADDRESS BUT LOOPBACK: connections to others are not tested")
        outer = way.getsockname()[0]
    port = serve("-addr=:0").address.rpartition(":")[2]
    assert told(f"{outer}:{port}", source="127.0.0.1") == (False, False)
    assert told(f"127.0.0.1:{port}", source=outer) == (True, False)


def test_the_access_log_has_the_clients_address(start):
    server = start("-http.trusted-proxies=127.0.0.1")
    for n, client in enumerate(["192.0.2.1", "2001:db8::1", "garbage", "6.6.6.6, 192.0.2.2"]):
        server.request("GET", f"/healthz?{n}", headers={"X-Forwarded-For": client})
    lines = wait_for(lambda: len(server.access_lines()) == 4 and server.access_lines(), "access lines")
    found = dict(re.search(r"uri=/healthz\?(\d) .* ip=(\S+) ", line).groups() for line in lines)
    assert found == {"0": "192.0.2.1", "1": "2001:db8::1", "2": "127.0.0.1", "3": "192.0.2.2"}


@pytest.mark.parametrize(
    "networks",
    ["nonsense", "10.0.0.0/33", "::1/129", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/", "10.0.0.1;10.0.0.2", "localhost",
     "10.0.0.1:80", "[::1]:80", "10.0.0.1,,10.0.0.2", ",".join(["10.0.0.1"] * 65)],
)  # fmt: skip
def test_networks_that_can_not_be_read_end_the_start_and_are_named(tmp_path, networks):
    done = run_server("-addr=127.0.0.1:0", f"-local.dir={tmp_path}/data", f"-http.trusted-proxies={networks}")
    assert done.returncode in (1, 2)
    assert "-http.trusted-proxies" in done.stderr


# --- descriptors --------------------------------------------------------------------------------------------


def limited(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limited_server(directory, connections):
    """The real server, started with 64 descriptors of 4096 that it may have."""
    one = Server(directory, f"-http.max-connections={connections}")
    one.command = lambda command=one.command(): ["prlimit", "--nofile=64:4096", *command]
    return one


def test_the_limit_of_descriptors_is_raised(tmp_path):
    server = limited_server(tmp_path, 700).start()
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    assert re.search(r"Max open files +4096 +4096 ", limits)
    held = [Client(f"{server.host}:{server.port}") for _ in range(600)]  # many more than it was started with
    for c in held:
        c.request("GET", "/healthz")
    for c in held:
        assert c.upto(b"\r\n").startswith(b"HTTP/1.1 200 ")
        c.close()
    server.stop()


def test_more_connections_than_descriptors_end_the_start(tmp_path):
    server = limited_server(tmp_path, 5000)
    server.launch()
    assert server.process.wait(timeout=60) == 1
    server.process = None
    last = server.log()[-1]
    assert last["level"] == "error"
    for word in ("-http.max-connections", "5000", "4096", "ulimit -n"):
        assert word in last["msg"], last
