"""Fixtures that the tests share: servers, the real profiles, the Go and C programs."""

import os
import subprocess
from pathlib import Path

import echo
import openapi
import pytest
from certificates import Authority, TlsServer
from pprof_tool import tool_environment, tool_top
from server import BINARY, BUILD, ROOT, Server

FIXTURES = ROOT / "tests/fixtures"
ALL_SKIPPED = 77  # ctest shows such a run as skipped



def real_profiles():
    """{name: folder}: the project's own, and others of the same layout where there are any; see tests/README.md."""
    named = os.environ.get("PROFEFE_CORPUS")
    other = Path(named or ROOT / "../shared/corpus").resolve()
    if named and not other.is_dir():
        raise NotADirectoryError(f"PROFEFE_CORPUS is {named!r}, which is no folder")
    return {"fixtures": FIXTURES / "profiles", **({"corpus": other} if other.is_dir() else {})}


REAL_PROFILES = real_profiles()


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not built", returncode=1)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        session.exitstatus = ALL_SKIPPED


@pytest.fixture
def start(tmp_path):
    """start(*flags, …) -> a running Server with a data directory of its own, stopped after the test."""
    servers = []

    def launch(*flags, **how):
        directory = tmp_path / f"server{len(servers)}"
        directory.mkdir()
        servers.append(Server(directory, *flags, **how))
        return servers[-1].start()

    yield launch
    for one in servers:
        one.stop()


@pytest.fixture
def serve():
    """serve("-flag=value", ...) -> a running http_echo; all are stopped, clean, at the end of the test."""
    servers = []

    def begin(*flags, **how):
        servers.append(echo.Server(*flags, **how))
        return servers[-1]

    yield begin
    for one in servers:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture
def server(start):
    """A server with its defaults and nothing in it."""
    return start()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for all tests of a file: for those that only add services of their own, or only read."""
    one = Server(tmp_path_factory.mktemp("shared")).start()
    yield one
    one.stop()


def corpus_files(*patterns):
    """Real profiles as parameters, named after themselves. Each pattern finds some among the project's own."""
    found = []
    for name, folder in REAL_PROFILES.items():
        for pattern in patterns:
            files = sorted(folder.glob(pattern))
            assert files or name != "fixtures", f"{folder}/{pattern} finds nothing"
            found += [pytest.param(path, id=f"{name}/{path.relative_to(folder)}") for path in files]
    return found


@pytest.fixture(scope="session", params=REAL_PROFILES.values(), ids=REAL_PROFILES.keys())
def corpus(request):
    """A folder of real profiles; a test that uses it runs once with each."""
    return request.param


@pytest.fixture(scope="session")
def go_profiles(tmp_path_factory):
    """What tests/fixtures/go leaves when it is run: {"cpu": bytes, …, "trace": bytes}."""
    work = tmp_path_factory.mktemp("go")
    program = work / "workload"
    environment = tool_environment(work)
    subprocess.run(["go", "build", "-o", program, "."], cwd=FIXTURES / "go", env=environment, check=True)
    out = work / "profiles"
    subprocess.run([program, out], check=True, timeout=120)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="session")
def pie_program(tmp_path_factory):
    """The position-independent C program, which writes a profile of itself to the file it is given."""
    program = tmp_path_factory.mktemp("pie") / "pie"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O1", "-g", "-fPIE", "-pie", "-o", program, FIXTURES / "pie.c"], check=True)
    return program


@pytest.fixture(scope="session")
def disk_shim():
    """The library that makes disks fail; see tests/support/disk_shim.c."""
    return BUILD / "tests/libdisk_shim.so"


@pytest.fixture
def curl(tmp_path):
    """curl(*arguments) -> what it printed, as the README's reader would see it."""

    def run(*arguments, check=True):
        command = ["curl", "-sS", *map(str, arguments)]
        plain = not {"-w", "-i", "-I", "-o", "--parallel"} & set(command)
        if plain:  # what openapi.py wants to know goes elsewhere than the answer
            command += ["-D", str(tmp_path / "curl.head"), "-w", "%{stderr}\n%{method} %{url_effective}"]
        done = subprocess.run(command, capture_output=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0 or not check, done.stderr.decode()
        if plain and done.returncode == 0:
            openapi.seen_by_curl((tmp_path / "curl.head").read_text(), done.stderr.decode(), done.stdout)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def pprof_top(tmp_path_factory):
    """pprof_top(*sources, unit="ns") -> {function: [(flat, cum)]} by `go tool pprof -top`, exact."""
    home = tmp_path_factory.mktemp("pprof")

    def run(*sources, unit="ns", index=None):
        nodes = {}
        for flat, cum, name in tool_top(home, *sources, unit=unit, index=index):
            nodes.setdefault(name, []).append((flat, cum))
        assert nodes, sources
        return {name: sorted(values) for name, values in nodes.items()}

    return run


@pytest.fixture(scope="session")
def root_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("root"), "root")


@pytest.fixture(scope="session")
def middle_ca(tmp_path_factory, root_ca):
    """An authority between the root and those that it signs."""
    return Authority(tmp_path_factory.mktemp("middle"), "middle", root_ca)


@pytest.fixture(scope="session")
def pairs(middle_ca):
    """Certificates of localhost with their keys: {"p256": …, "rsa": …}."""
    return {kind: middle_ca.issue(kind=kind) for kind in ("p256", "rsa")}


@pytest.fixture
def serve_tls(pairs):
    """serve_tls("-flag=value", …, pair=) starts http_echo behind TLS; all must end clean."""
    from tls_echo import TlsEcho

    servers = []

    def launch(*flags, pair=None):
        servers.append(TlsEcho(pair or pairs["p256"], *flags))
        return servers[-1]

    yield launch
    for one in servers:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture
def start_tls(tmp_path):
    """start_tls(pair, *flags) -> the real server behind TLS, stopped after the test."""
    servers = []

    def launch(pair, *flags, **how):
        directory = tmp_path / f"tls{len(servers)}"
        directory.mkdir()
        servers.append(TlsServer(directory, pair, *flags, **how))
        return servers[-1].start()

    yield launch
    for one in servers:
        one.stop()
