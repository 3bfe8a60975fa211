"""`go tool pprof -top` as the oracle of merges and views: every row, exact, whatever it is made from."""

import os
import re
import subprocess

from server import BUILD

INLINE = re.compile(r" \((?:partial-)?inline\)$")
COLUMN = re.compile(r":(-?\d+):-?\d+(?= \(|$)")  # "a.c:10:4": tools from Go 1.22 on say the column, older ones don't


def tool_environment(home):
    """Tools keep their caches with the tests, and none asks a network for anything."""
    return {
        **os.environ,
        "HOME": str(home),
        "GOCACHE": str(BUILD / "go-cache"),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GO111MODULE": "on",
        "CGO_ENABLED": "0",
        "PPROF_TMPDIR": str(home),
    }


def tool_top(home, *sources, unit="ns", index=None, flags=()):
    """[(flat, cum, label)] as Debian's `go tool pprof -top` prints them, values with their unit."""
    command = ["go", "tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0"]
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
