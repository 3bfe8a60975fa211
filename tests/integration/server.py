"""The real server, started and stopped, and a client of it."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import openapi

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PROFEFE_BUILD", ROOT / "build")).resolve()
BINARY = BUILD / "profefe"
SANITIZED = BUILD.name in ("asan", "tsan")
PATIENCE = 60 if SANITIZED else 20  # seconds; a deadline for what should happen at once
FROM, TO = "1970-01-01T00:00:00", "2200-01-01T00:00:00"


class Impatient(AssertionError):
    pass


def wait_for(condition, what, seconds=PATIENCE):
    """Polls until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Impatient(f"after {seconds} s still not: {what}")
        time.sleep(0.01)


@dataclass
class Answer:
    status: int
    headers: dict  # lower-case names
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The message of a JSON error, which must carry the status as its code and say whose answer it is."""
        assert self.headers["content-type"] == "application/json", self
        assert self.body.endswith(b"\n")
        assert set(self.json) - {"param"} == {"code", "error", "kind", "request_id"}, self
        assert self.json["code"] == self.status and self.json["request_id"] == self.headers["x-request-id"], self
        return self.json["error"]

    @property
    def result(self):
        """The body of a JSON success."""
        assert self.status == 200, self
        assert self.headers["content-type"] == "application/json", self
        assert self.body.endswith(b"\n")
        assert set(self.json) == {"code", "body"} and self.json["code"] == 200, self
        return self.json["body"]


def query(**parameters):
    """`?a=1&b=2` of what is not None; `from_` is written `from`. A str may hold surrogate escapes."""
    given = {key.rstrip("_"): value for key, value in parameters.items() if value is not None}
    return "?" + urllib.parse.urlencode(given, errors="surrogateescape")


def labels_text(labels):
    """As the Go agent writes them: each key and value escaped; the query is escaped once more on top."""
    return ",".join(f"{urllib.parse.quote_plus(key)}={urllib.parse.quote_plus(value)}" for key, value in labels)


class Server:
    """One process. Its log and its access lines go to files beside the data directory."""

    def __init__(self, directory, *flags, data="data", preload=None, environment=None, address="127.0.0.1:0"):
        self.directory = Path(directory)
        self.data = self.directory / data
        self.flags = list(flags)
        self.address = address
        self.preload = preload
        self.environment = environment or {}
        self.process = None
        self.runs = 0

    def command(self):
        own = [f"-addr={self.address}", f"-local.dir={self.data}", "-log.format=json"]
        return [str(BINARY), *own, *self.flags]

    def start(self):
        self.launch()
        wait_for(self.is_running, f"server is running\n{self.log_text()}")
        return self

    def launch(self):
        self.runs += 1
        self.log_path = self.directory / f"server.{self.runs}.log"
        self.access_path = self.directory / f"access.{self.runs}.log"
        environment = {**os.environ, **self.environment}
        if self.preload:
            environment["LD_PRELOAD"] = preload_list(self.preload)
        with open(self.log_path, "wb") as log, open(self.access_path, "wb") as access:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=access, stderr=log, env=environment
            )

    def is_running(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
        for line in self.log():
            if line.get("msg") == "server is running":
                host, _, port = line["addr"].rpartition(":")
                self.host, self.port = host.strip("[]") or "127.0.0.1", int(port)
                openapi.begin(self.port, self.base_path)
                return True
        return False

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log(self):
        """The log's lines so far, those that are JSON and whole."""
        lines = []
        for line in self.log_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                pass
        return lines

    def errors(self):
        """What the log has of level error."""
        return [line["error"] if "error" in line else line["msg"] for line in self.log() if line["level"] == "error"]

    def logged(self, message):
        return [line for line in self.log() if line["msg"] == message]

    def access_lines(self):
        return self.access_path.read_text(errors="replace").splitlines()

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def base_path(self):
        given = [flag.partition("=")[2] for flag in self.flags if flag.startswith("-http.base-path=")]
        return given[-1].rstrip("/") if given else ""

    def stop(self, how=signal.SIGTERM, code=0):
        """Stops it and looks at how it ended. SIGKILL has no code to look at."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        ended = self.process.wait(timeout=PATIENCE)
        self.process = None
        openapi.end(getattr(self, "port", None))
        text = self.log_text()
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        if how != signal.SIGKILL:
            assert ended == code, f"ended with {ended}:\n{text}"

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def resident(self):
        """Bytes of memory that the process has, at its peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    # --- as a client ---------------------------------------------------------------------------------------

    def client(self, timeout):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, target, body=None, headers=None, timeout=PATIENCE):
        """Sends `Accept: */*` as curl does; with the header `Accept: None` none, as go tool pprof does."""
        sent = {"Accept": "*/*", **(headers or {})}
        connection = self.client(timeout)
        try:
            sent = {name: value for name, value in sent.items() if value is not None}
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, found, response.read())
            openapi.seen(self.port, method, target, answer.status, found, answer.body, sent)
            return answer
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.request("GET", target, headers={name.replace("_", "-"): v for name, v in headers.items()})

    def post(self, body, service="app", type="cpu", labels=None, created_at=None, headers=None):
        if isinstance(labels, (list, tuple)):
            labels = labels_text(labels)
        target = "/api/0/profiles" + query(service=service, type=type, labels=labels, created_at=created_at)
        return self.request("POST", target, body, headers)

    def push(self, body, **parameters):
        """Pushes a profile that must be taken; its id."""
        return self.post(body, **parameters).result["id"]

    def fetch(self, *ids):
        """The bytes of one profile, or of several merged."""
        answer = self.get("/api/0/profiles/" + "+".join(urllib.parse.quote(one, safe="") for one in ids))
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/octet-stream"
        assert re.fullmatch(r'attachment; filename="[^"]+"', answer.headers["content-disposition"])
        return answer.body

    def find(self, service="app", from_=FROM, to=TO, **parameters):
        return self.get("/api/0/profiles" + query(service=service, from_=from_, to=to, **parameters))

    def merge_target(self, service="app", type="cpu", from_=FROM, to=TO, **parameters):
        return "/api/0/profiles/merge" + query(service=service, type=type, from_=from_, to=to, **parameters)

    def merge(self, **parameters):
        return self.get(self.merge_target(**parameters))

    def metrics(self):
        """Prometheus text -> {'name{label="value"}': number}."""
        text = self.get("/debug/metrics").body.decode()
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#"]
        return {name: float(value) for name, value in lines}


def preload_list(library):
    """A sanitizer's runtime must come first in LD_PRELOAD."""
    linked = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout
    runtimes = re.findall(r"=> (\S*lib[at]san\S*)", linked)
    return " ".join([*runtimes, str(library)])


def run_server(*arguments, environment=None, timeout=PATIENCE):
    """Runs the binary to its end: for -help, and for starts that must fail."""
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
    )


def check_store(directory):
    """`profefe -local.check` finds nothing wrong; what it prints."""
    done = run_server("-local.check", f"-local.dir={directory}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
