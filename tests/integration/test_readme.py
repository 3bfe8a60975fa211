"""The commands of the README and of docs/operations.md work as printed, with what they print."""
# variants: release

import json
import re
import shutil
import sqlite3
import subprocess

import pytest
from builders import small
from pprof_tool import tool_environment
from pprof_wire import differences, encode, parse
from server import BINARY, ROOT, Server, run_server, wait_for

ID = re.compile(r"[0-9a-v]{20}")
DAY = "2026-11-22"  # of the README's example


def blocks(path, language):
    """The code blocks of a Markdown file, in order."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", (ROOT / path).read_text(), re.M | re.S)


def commands(path):
    """(command, what is printed below it) of every console block."""
    found = []
    for block in blocks(path, "console"):
        command, _, printed = block.partition("\n")
        assert command.startswith("$ "), block
        found.append((command[2:], printed))
    return found


def shape(text):
    """JSON without what differs from run to run."""
    text = ID.sub("<id>", text)
    return re.sub(r'("created_at":)"[^"]*"', r'\1"<time>"', text)


@pytest.fixture
def shell(tmp_path, server, go_profiles):
    """shell(command) -> its output, run where cpu.pb.gz is, against a server in place of the one on :10100."""
    (tmp_path / "cpu.pb.gz").write_bytes(go_profiles["cpu"])
    environment = tool_environment(tmp_path)

    def run(command):
        command = command.replace("http://localhost:10100", server.url).replace("build/profefe", str(BINARY))
        done = subprocess.run(
            ["sh", "-ec", command], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    return run


def test_the_readmes_commands_print_what_it_shows(server, shell, go_profiles, tmp_path):
    day, ids = None, []
    for command, printed in commands("README.md"):
        if day:
            command = command.replace("to=2026-11-23T00:00:00", f"to={day}T23:59:59").replace(DAY, day)
        output = shell(command)
        if printed.startswith("{"):
            assert shape(output) == shape(printed)
        else:
            assert printed.splitlines()[0] in output.splitlines()
            assert "flat  flat%   sum%        cum   cum%" in output
        if "--data-binary" in command:
            pushed = json.loads(output)["body"]
            day = pushed["created_at"][:10]
            ids = [pushed["id"], server.push(go_profiles["cpu"], service="shop", type="heap")]
    fetched = [one for block in blocks("README.md", "sh") for one in block.splitlines() if "-o " in one]
    assert len(fetched) == 2
    named = list(dict.fromkeys(ID.findall(" ".join(fetched))))
    for command in fetched:
        shell(command.replace(named[0], ids[0]).replace(named[1], ids[1]))
    assert differences(parse(go_profiles["cpu"]), parse((tmp_path / "one.pb.gz").read_bytes())) == []
    assert parse((tmp_path / "both.pb.gz").read_bytes()).samples


class Printed(Server):
    """Started by a printed command, in the directory that its files are in; only the port is another."""

    def __init__(self, directory, printed):
        super().__init__(directory)
        self.printed = printed.replace("build/profefe", str(BINARY))

    def command(self):
        return ["sh", "-ec", f"cd '{self.directory}' && exec {self.printed} -addr={self.address} -log.format=json"]


@pytest.fixture
def with_a_token(tmp_path, go_profiles):
    """(the server of the README's three commands, a shell beside it, what is printed to use it with)"""
    (tmp_path / "cpu.pb.gz").write_bytes(go_profiles["cpu"])
    section = (ROOT / "README.md").read_text().partition("## Say who may do what")[2].partition("\n## ")[0]
    made, used = ([line for line in block.splitlines() if line] for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S))
    assert len(made) == 3 and "Three commands" in section

    def run(command):
        command = command.replace("build/profefe", str(BINARY)).replace("localhost:10100", f"localhost:{getattr(server, 'port', None)}")
        return subprocess.run(
            ["sh", "-ec", command], capture_output=True, text=True, timeout=120, cwd=tmp_path, env=tool_environment(tmp_path)
        )

    server = Printed(tmp_path, made[-1])
    for command in made[:-1]:
        done = run(command)
        assert done.returncode == 0, (command, done.stderr)
    yield server.start(), run, used
    server.stop()


def test_three_commands_to_a_server_with_tls_and_a_token(with_a_token, tmp_path):
    server, run, (push, top) = with_a_token
    done = run(push)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["body"]["service"] == "shop"
    done = run(top)
    assert done.returncode == 0 and "flat  flat%   sum%        cum   cum%" in done.stdout, done.stderr
    wait_for(lambda: server.access_lines()[-1:] and all(line.endswith(" who=me") for line in server.access_lines()), "who they were")
    # what is left lying about is the owner's alone, and the server has nothing to warn of
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("token", "auth.yaml", "tls.key")] == [0o600] * 3
    assert [line for line in server.log() if line["level"] in ("warn", "error")] == []
    # without the token, or with another, neither does anything
    (tmp_path / "token").write_text("x" * 20)
    for command in (push, push.replace('-H "Authorization: Bearer $(cat token)"', "")):
        done = run(command)
        assert done.returncode == 0 and json.loads(done.stdout)["kind"] == "unauthenticated", done
    done = run(top)
    assert done.returncode != 0 and "wrong token" in done.stderr, done.stderr


def test_a_backup_while_it_runs_restores_as_documented(server, shell, tmp_path):
    if not shutil.which("sqlite3"):
        pytest.fail("sqlite3 is missing: scripts/setup test installs it")
    one = server.push(encode(small()))
    (tmp_path / "profefe-data").symlink_to(server.data)
    backup = tmp_path / "backup"
    (command,) = (block for block in blocks("docs/operations.md", "sh") if "VACUUM INTO" in block)
    for text in (command, next(block for block in blocks("README.md", "sh") if "VACUUM INTO" in block)):
        backup.mkdir()
        day = next(server.data.glob("partitions/*.db")).name
        shell(text.replace("/backup/", f"{backup}/").replace(f"{DAY}.db", day))
        (tmp_path / backup.name / "check").mkdir()
        restored = Server(tmp_path / backup.name / "check")
        (restored.data / "partitions").mkdir(parents=True)
        shutil.copy(backup / day, restored.data / "partitions" / day)
        restored.start()
        assert differences(small(), parse(restored.fetch(one))) == []
        database = sqlite3.connect(restored.data / "partitions" / day)
        try:  # somebody who reads for long, as a check or the next backup does
            database.execute("BEGIN")
            assert database.execute("SELECT count(*) FROM profile").fetchone() == (1,)
            pushed = [restored.push(encode(small())) for _ in range(2)]
        finally:
            database.close()
        assert [differences(small(), parse(restored.fetch(id))) for id in pushed] == [[], []]
        restored.stop()
        shutil.rmtree(backup)


def test_the_check_runs_as_documented(server, shell, tmp_path):
    server.push(encode(small()))
    (tmp_path / "profefe-data").symlink_to(server.data)
    commands = [block for block in blocks("docs/operations.md", "sh") if "-local.check" in block]
    assert commands and shell(commands[0].strip())


def test_every_flag_that_the_documents_name_exists():
    forms = ("-help", "-help=markdown")  # the second one has those, too, that do nothing here
    help_text = "".join(subprocess.run([BINARY, one], capture_output=True, text=True, check=True).stdout for one in forms)
    known = set(re.findall(r"-([a-z][\w.-]*)", help_text)) | {"help", "h"}
    for path in ("README.md", "docs/operations.md", "docs/api.md"):
        text = (ROOT / path).read_text()
        for name in re.findall(r"`-([a-z]+(?:[.-][a-z-]+)+)(?:[ =][^`]*)?`", text):
            assert name in known, f"{path} names -{name}"


def test_a_backup_over_what_a_killed_server_left_is_not_ruined(start, tmp_path):
    """Its log belongs to the file that was there before: the start is refused, and the backup left as it is."""
    server = start()
    one = server.push(encode(small()))
    day = next(server.data.glob("partitions/*.db"))
    backup = tmp_path / "backup.db"
    source = sqlite3.connect(f"file:{day}?mode=ro", uri=True)
    source.execute(f"VACUUM INTO '{backup}'")
    source.close()
    for _ in range(20):
        server.push(encode(small()))
    server.kill()
    log = day.with_name(day.name + "-wal")
    assert log.stat().st_size > 0
    shutil.copy(backup, day)
    done = run_server(f"-local.dir={server.data}", "-addr=127.0.0.1:0")
    assert done.returncode == 1 and f"remove {day}-wal" in done.stderr, done.stderr
    assert day.read_bytes() == backup.read_bytes()
    log.unlink()
    day.with_name(day.name + "-shm").unlink(missing_ok=True)
    server.start()
    assert differences(small(), parse(server.fetch(one))) == []
    assert len(server.find().result) == 1
