"""`go tool pprof -top` as the oracle of merges and views: every row, exact, whatever it is made from.

From Go 1.25 on the tool comes as source, and its first use compiles it into GOCACHE, which takes a minute or more. As
a program this file does that once, for ctest (`release/go-tool`), so that no test has to wait for it within its time.
"""

import fcntl
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from server import ROOT

CACHE = Path(os.environ.get("GOCACHE") or ROOT / "build/go-cache")  # of all trees

INLINE = re.compile(r" \((?:partial-)?inline\)$")
COLUMN = re.compile(r":(-?\d+):-?\d+(?= \(|$)")  # "a.c:10:4": tools from Go 1.22 on say the column, older ones don't


def tool_environment(home):
    """Tools keep their caches with the tests, and none asks a network for anything."""
    tool()
    return go_environment(home)


@functools.cache
def tool():
    """The program behind `go tool pprof`, which is compiled where that is still to be done; whoever else is at it is
    waited for. Started by itself it saves the go command's look at whether it must be compiled anew."""
    if not shutil.which("go"):
        raise AssertionError("go is missing: scripts/setup test installs it")
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "pprof.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["go", "tool", "-n", "pprof"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=CACHE, env=go_environment(CACHE))
        assert done.returncode == 0, done
    path = done.stdout.strip()
    done = subprocess.run([path, "-help"], capture_output=True, text=True)
    assert done.returncode == 0 and "-sample_index" in done.stdout + done.stderr, done
    return path


def go_environment(home):
    return {
        **os.environ,
        "HOME": str(home),
        "GOCACHE": str(CACHE),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GO111MODULE": "on",
        "CGO_ENABLED": "0",
        "PPROF_TMPDIR": str(home),
    }


def tool_top(home, *sources, unit="ns", index=None, flags=()):
    """[(flat, cum, label)] as `go tool pprof -top` prints them, values with their unit."""
    command = [tool(), "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0"]
    command += ["-symbolize=none", f"-unit={unit}", *flags]
    command += [f"-sample_index={index}"] if index is not None else []
    done = subprocess.run(
        [*command, *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
        env=tool_environment(home),
    )
    assert done.returncode == 0, done.stderr
    lines = iter(done.stdout.splitlines())
    for line in lines:
        if line.split() == ["flat", "flat%", "sum%", "cum", "cum%"]:
            break
    rows = []
    for line in lines:
        flat, _, _, cum, _, name = line.split(None, 5)
        rows.append((flat, cum, COLUMN.sub(r":\1", name)))
    return rows


def tool_rows(home, *sources, unit="ns", index=None, flags=()):
    """[(label, flat, cum)], sorted, values as numbers."""
    rows = tool_top(home, *sources, unit=unit, index=index, flags=flags)
    return sorted((INLINE.sub("", name), number(flat, unit), number(cum, unit)) for flat, cum, name in rows)


def number(text, unit):
    return int(text[: -len(unit)]) if text.endswith(unit) else int(text)


def label(row):
    """What the tool prints for a row of a top, by name, file, line and address."""
    parts = []
    address = int(row.get("address", "0x0"), 16)
    if address:
        parts.append(f"{address:016x}")
    named = row["name"] != row["file"] and not row["name"].startswith("[") and row["name"] != "<unknown>"
    if named:
        parts.append(row["name"])
    if row["line"]:
        parts.append(f"{row['file']}:{row['line']}")
    elif row["file"]:
        parts.append(row["file"])
    elif not named:
        parts.append(row["name"])
    return " ".join(parts)


def our_rows(body, granularity="functions", value=lambda row, key: row[key]):
    """The same of our own top; rows that come to nothing are left out, as the tool does."""
    rows = []
    for row in body["rows"]:
        flat, cum = value(row, "flat"), value(row, "cum")
        if flat or cum:
            rows.append((row["name"] if granularity in ("functions", "files") else label(row), flat, cum))
    return sorted(rows)


def difference(row, key):
    return row[key] - row["base_" + key]


if __name__ == "__main__":
    print(tool())
