"""`go tool pprof -top` as the oracle of views: every row, exact, whatever it is made from."""

import re
import subprocess

from conftest import tool_environment

INLINE = re.compile(r" \((?:partial-)?inline\)$")


def tool_rows(home, *sources, unit="ns", index=None, flags=()):
    """[(label, flat, cum)], sorted, by Debian's `go tool pprof -top`."""
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
        rows.append((INLINE.sub("", name), number(flat, unit), number(cum, unit)))
    return sorted(rows)


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
