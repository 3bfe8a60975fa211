"""Starting: flags in every form, the environment, the original's flags, and data directories that can't be used."""
# variants: release, asan

import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest
from builders import small
from pprof_wire import encode
from server import Server, run_server, wait_for

BODY = encode(small())


def fails(*arguments, code=1, environment=None):
    """Runs a start that must fail with one line that says so on standard error; that line."""
    done = run_server(*arguments, environment=environment)
    assert done.returncode == code, done
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "level=info" not in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


def fails_with(directory, *words):
    line = fails("-addr=127.0.0.1:0", f"-local.dir={directory}")
    for word in (str(directory), *words):
        assert word in line, line
    return line


# --- flags --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["-{0}={1}", "--{0}={1}", "-{0} {1}", "--{0} {1}"])
def test_flags_are_read_in_every_form_of_go(tmp_path, form):
    directory = tmp_path / "here"
    flags = [("addr", "localhost:0"), ("local.dir", directory), ("log.format", "json"), ("exit-timeout", "3s")]
    words = [word for name, value in flags for word in form.format(name, value).split(" ")]
    server = Server(tmp_path)
    binary = server.command()[0]
    server.command = lambda: [binary, *words]
    server.start()
    assert server.push(BODY)
    assert directory.is_dir()
    server.stop()


BOOLEANS = {"": True, "=true": True, "=1": True, "=T": True, "=false": False, "=0": False, "=F": False}


@pytest.mark.parametrize("value, logged", BOOLEANS.items())
def test_a_boolean_flag_stands_alone_or_has_a_value(start, value, logged):
    server = start("-log.access" + value)
    server.get("/api/0/version")
    server.stop()
    assert bool(server.access_lines()) == logged


@pytest.mark.parametrize(
    "flag, word",
    [
        ("-nonsense=1", "nonsense"),
        ("-nonsense", "nonsense"),
        ("--nonsense=1", "nonsense"),
        ("-local.data-ttl=soon", "local.data-ttl"),
        ("-local.data-ttl=-1h", "local.data-ttl"),
        ("-http.max-body-size=lots", "http.max-body-size"),
        ("-http.max-body-size=99999999999999999999", "http.max-body-size"),
        ("-http.workers=0", "http.workers"),
        ("-http.workers=x", "http.workers"),
        ("-log.level=loud", "log.level"),
        ("-log.format=xml", "log.format"),
        ("-log.access=maybe", "log.access"),
        ("-storage-type=tape", "storage-type"),
        ("-addr", "addr"),
        ("something", "something"),
        ("-", "-"),
        ("-=x", "flag"),
    ],
)
def test_wrong_flags_end_the_start_and_are_named(tmp_path, flag, word):
    line = fails(f"-local.dir={tmp_path / 'data'}", flag, code=2)
    assert word in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "nowhere.invalid:80"])
def test_an_address_that_can_not_be_read_ends_the_start(tmp_path, address):
    assert address in fails(f"-local.dir={tmp_path / 'data'}", f"-addr={address}")


def test_an_address_in_use_ends_the_start(tmp_path, server):
    line = fails(f"-local.dir={tmp_path / 'data'}", f"-addr=127.0.0.1:{server.port}")
    assert "in use" in line and str(server.port) in line
    assert server.push(BODY)


def test_ipv6_is_listened_on(start):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert start(address="[::1]:0").push(BODY)


@pytest.mark.parametrize("flag", ["-h", "-help", "--help"])
def test_help_is_grouped_and_names_every_flag(flag):
    done = run_server(flag)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("-addr", "-local.dir", "-local.data-ttl", "-local.min-free", "-local.max-size", "-exit-timeout",
                 "-http.max-body-size", "-http.max-inflated-size", "-memory.max-inflight", "-log.level",
                 "-log.format", "-storage-type", "-badger.dir", "-version", "PROFEFE_"):
        assert name in done.stdout
    assert ":10100" in done.stdout and "64MiB" in done.stdout and "256MiB" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("flag", ["-version", "--version", "-version=true"])
def test_version_is_printed(flag):
    done = run_server(flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("profefe ")


def test_flags_come_from_the_environment_and_the_command_line_wins(tmp_path):
    directory, other = tmp_path / "of-environment", tmp_path / "of-flag"
    environment = {"PROFEFE_LOCAL_DIR": str(directory), "PROFEFE_HTTP_MAX_BODY_SIZE": "100", "PROFEFE_LOG_LEVEL": ""}
    server = Server(tmp_path, environment=environment)
    without_directory = [word for word in server.command() if not word.startswith("-local.dir")]
    server.command = lambda: without_directory
    server.start()
    assert directory.is_dir()
    assert server.post(b"x" * 101).status == 413
    server.stop()
    server.command = lambda: [*without_directory, f"-local.dir={other}"]
    server.start()
    assert other.is_dir()
    server.stop()
    line = fails(environment={"PROFEFE_EXIT_TIMEOUT": "soon"}, code=2)
    assert "soon" in line and ("exit-timeout" in line or "PROFEFE_EXIT_TIMEOUT" in line)


def test_the_default_directory_is_profefe_data(tmp_path):
    server = Server(tmp_path)
    binary = server.command()[0]
    log = open(tmp_path / "log", "wb")
    process = subprocess.Popen([binary, "-addr=127.0.0.1:0"], cwd=tmp_path, stderr=log, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: b"server is running" in (tmp_path / "log").read_bytes(), "server is running")
        assert (tmp_path / "profefe-data").is_dir()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("log_format", ["logfmt", "json", "console"])
def test_the_log_has_its_format(tmp_path, log_format):
    server = Server(tmp_path)
    process = subprocess.Popen(
        [*server.command(), f"-log.format={log_format}"], stderr=open(tmp_path / "log", "wb"), stdout=subprocess.DEVNULL
    )
    text = wait_for(lambda: "server is running" in (tmp_path / "log").read_text() and (tmp_path / "log").read_text(), "log")
    process.terminate()
    assert process.wait(20) == 0
    line = next(line for line in text.splitlines() if "server is running" in line)
    if log_format == "json":
        assert json.loads(line)["level"] == "info"
    else:
        assert "addr=127.0.0.1:" in line
        assert line.startswith("ts=") == (log_format == "logfmt")


def test_log_level_error_is_silent_and_a_wide_address_is_warned_of(start, tmp_path):
    server = start(address="0.0.0.0:0")
    assert any(line["level"] == "warn" and "authentication" in line["msg"] for line in server.log())
    server.stop()
    loopback = start()
    assert not any(line["level"] == "warn" for line in loopback.log())
    quiet = Server(tmp_path, "-log.level=error")
    quiet.launch()
    quiet.process.terminate()
    assert quiet.process.wait(20) in (0, -signal.SIGTERM)
    assert quiet.log_text() == ""
    quiet.process = None


# --- the original's flags -----------------------------------------------------------------------------------


def test_the_originals_flags_start_the_local_store(tmp_path):
    directory = tmp_path / "badger"
    server = Server(
        tmp_path,
        "-storage-type=badger",
        f"-badger.dir={directory}",
        "-badger.data-ttl=72h",
        "-badger.gc-interval=5m",
        "-badger.gc-discard-ratio=0.7",
        "-profefe.agent.collector-addr=http://localhost:10100",
        "-profefe.agent.enable-heap-profile",
        "-log.level=INFO",
    )
    command = server.command()
    server.command = lambda: [word for word in command if not word.startswith("-local.dir")]
    server.start()
    assert server.push(BODY)
    assert directory.is_dir()
    messages = [(line["level"], line["msg"], line.get("flag")) for line in server.log()]
    assert sum("Badger" in msg for _, msg, _ in messages) == 1
    warned = {flag for level, _, flag in messages if level == "warn"}
    assert {"badger.gc-interval", "badger.gc-discard-ratio", "profefe.agent.collector-addr"} <= warned
    server.stop()


@pytest.mark.parametrize("store", ["s3", "gcs", "clickhouse"])
def test_other_stores_come_later(tmp_path, store):
    line = fails(f"-storage-type={store}", f"-local.dir={tmp_path / 'data'}", code=2)
    assert store in line and "later" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("word", ["local", "auto"])
def test_local_is_what_auto_means(start, word):
    assert start(f"-storage-type={word}").push(BODY)


# --- data directories that can't be used --------------------------------------------------------------------


def tree(directory):
    """Everything below a directory: names, kinds, bytes and times of change."""
    return {
        str(path.relative_to(directory)): (path.is_dir(), path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in directory.rglob("*")
    }


@pytest.fixture
def used(start):
    """A directory with some profiles in it, and no server."""
    server = start()
    for n in range(20):
        server.push(encode(small(b"f%d" % n)), service=f"s{n % 3}")
    server.stop()
    return server


def partitions(server):
    found = sorted(server.data.rglob("*.db"))
    assert found
    return found


def test_a_missing_directory_is_created_with_its_parents(start):
    server = start(data="a/b/c")
    assert server.push(BODY) and server.data.is_dir()


def test_the_soft_limit_of_open_files_is_raised(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    try:
        server = start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = open(f"/proc/{server.process.pid}/limits").read()
    assert re.search(r"^Max open files +(\d+) +(\d+)", limits, re.M).groups() == (str(hard), str(hard))


def test_a_locked_directory_is_refused(server):
    before = server.push(BODY)
    fails_with(server.data, "another process")
    assert server.fetch(before) and server.push(BODY)


def test_a_lock_ends_with_its_process(server):
    server.push(BODY)
    server.kill()
    server.start()
    assert len(server.find().result) == 1


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file")
    fails_with(tmp_path / "data")
    fails_with(tmp_path / "data/below")
    assert (tmp_path / "data").read_text() == "a file"


@pytest.fixture
def read_only(tmp_path):
    """read_only(directory): nobody may write there, not even root."""
    mounted = []

    def make(directory):
        for command in (["mount", "--bind", directory, directory], ["mount", "-o", "remount,ro,bind", directory]):
            if subprocess.run(command, capture_output=True).returncode:
                if os.geteuid() == 0:
                    pytest.skip("THIS MACHINE LETS NOBODY MOUNT: a read-only directory can't be made for root")
                os.chmod(directory, 0o500)
                return
            mounted.append(directory)

    yield make
    for directory in set(mounted):
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_read_only_directory_is_refused(used, read_only):
    read_only(used.data)
    fails_with(used.data, "ead-only")


def test_a_read_only_parent_is_refused(tmp_path, read_only):
    parent = tmp_path / "parent"
    parent.mkdir()
    read_only(parent)
    fails_with(parent / "data", "ead-only")


def test_a_newer_format_is_refused_untouched(used):
    for path in partitions(used):
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 30000")
        database.commit()
        database.close()
    before = tree(used.data / "partitions") if (used.data / "partitions").exists() else {}
    fails_with(used.data, "newer")
    after = tree(used.data / "partitions") if before else {}
    assert {name: one[2] for name, one in before.items() if name.endswith(".db")} == {
        name: one[2] for name, one in after.items() if name.endswith(".db")
    }


def spoil(path, what):
    size = path.stat().st_size
    for log in path.parent.glob(path.name + "-*"):
        log.unlink()
    if what == "text":
        path.write_text("this is no database\n" * 500)
    elif what == "header":
        with open(path, "r+b") as file:
            file.write(b"\xff" * 100)
    elif what == "another application's":
        path.unlink()
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE t (x)")
        database.commit()
        database.close()
    elif what == "cut":
        os.truncate(path, size // 2 // 4096 * 4096 or 4096)
    elif what == "schema":
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"\xff" * (4096 - 100))


def test_another_applications_file_is_refused(used):
    files = partitions(used)
    for path in files:
        spoil(path, "another application's")
    assert files[0].name in fails("-addr=127.0.0.1:0", f"-local.dir={used.data}")


@pytest.mark.parametrize("what", ["text", "header", "cut", "schema"])
def test_a_damaged_partition_is_put_aside(used, what):
    """The others are read, today's pushes go into a file beside it, and people are told."""
    damaged = partitions(used)
    others = used.data / "partitions/2024-02-03.db"
    shutil.copy(damaged[0], others)
    for path in damaged:
        spoil(path, what)
    before = [path.read_bytes() for path in damaged]
    for start in range(2):
        used.start()
        assert used.fetch(used.push(BODY, service="after"))
        assert len(used.find(service="after").result) == start + 1
        assert len(used.find(service="s0").result) == 7, "what the other holds"
        assert damaged[0].stem in used.get("/readyz").body.decode()
        wait_for(lambda: used.metrics().get("profefe_local_partitions_damaged") == 1, "it is counted")
        assert [line["partition"] for line in used.logged("put a damaged partition aside")] == [damaged[0].stem], used.errors()
        used.kill()
    assert [path.read_bytes() for path in damaged] == before


def test_damaged_symbols_of_today_send_pushes_into_a_file_beside_it(used):
    """They are met by the first push of their service: nobody is refused, what needs none of them is still read."""
    (today,) = partitions(used)
    with sqlite3.connect(today) as database:
        database.execute(
            "UPDATE symbols SET chunk = zeroblob(length(chunk))"
            " WHERE number >> 32 = (SELECT number FROM service WHERE name = CAST('s1' AS BLOB))"
        )
    database.close()
    used.start()
    for n in range(3):
        assert used.fetch(used.push(BODY, service=f"s{n}"))
    assert today.stem in used.get("/readyz").body.decode()
    assert [path.name for path in partitions(used)] == [today.stem + ".2.db", today.name]
    assert [len(used.find(service=f"s{n}").result) for n in range(3)] == [8, 8, 7]
    assert used.fetch(used.find(service="s0").result[0]["id"])
    used.stop()
    used.start()
    assert used.fetch(used.push(BODY, service="s1"))
    assert len(used.find(service="s1").result) == 9


BADGER = ["MANIFEST", "000000.vlog", "000001.sst", "KEYREGISTRY", "LOCK", "DISCARD"]


@pytest.mark.parametrize("files", [BADGER, ["MANIFEST", "000000.vlog"], ["MANIFEST", "000003.sst", "000001.vlog"]])
def test_a_directory_of_badger_is_refused_untouched(tmp_path, files):
    directory = tmp_path / "data"
    directory.mkdir()
    for name in files:
        (directory / name).write_bytes(b"Bdgr" + bytes(20))
    before = tree(directory)
    fails_with(directory, "Badger")
    line = fails("-storage-type=badger", f"-badger.dir={directory}", "-log.level=error")
    assert "Badger" in line
    assert tree(directory) == before


def test_what_else_lies_in_the_directory_is_left_alone(start):
    server = start()
    (server.data / "notes.txt").write_text("mine")
    server.push(BODY)
    server.restart()
    assert (server.data / "notes.txt").read_text() == "mine"
    assert len(server.find().result) == 1
