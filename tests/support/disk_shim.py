#!/usr/bin/env python3
"""Cuts files back to what had been synced, from the journal that disk_shim.c kept.

    disk_shim.py <journal>        after the process has been killed; once

restore() is the same for tests. What is undone: bytes written and files cut since the last sync of the file,
what a failed sync may have dropped, files made whose directory was not synced since, files removed likewise.
disk_shim.c describes the journal.
"""
import os
import shutil
import struct
import sys

HEADER = struct.Struct("=IIQQQ")
MAGIC = 0x4F444E55
PAGE = 4096


def read_records(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + HEADER.size <= len(data):
        magic, kind, offset, old_size, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if magic != MAGIC:
            raise ValueError(f"{path}: not a record at {at - HEADER.size}")
        if at + length > len(data):
            return  # killed while it was written: the operation did not happen
        yield chr(kind), offset, old_size, data[at : at + length]
        at += length


def pages(offset, length):
    return range(offset // PAGE, (offset + max(length, 1) + PAGE - 1) // PAGE)


def to_undo(path):
    """The records that have to be undone, oldest first, each with the pages that are still lost (None: all)."""
    pending, lost = [], []
    for kind, offset, old_size, data in read_records(path):
        if kind == "S":
            pending = []
        elif kind == "F":
            lost += [(record, set(pages(record[1], record[4]))) for record in pending]
            pending = []
        else:
            length = len(data) if kind == "T" else None
            record = [kind, offset, old_size, data, length or len(data)]
            for _, still in lost:
                still.difference_update(pages(offset, record[4]))
            pending.append(record)
    return [(record, still) for record, still in lost if still] + [(record, None) for record in pending]


def undo(file, record, still):
    kind, offset, old_size, data, _ = record
    size = os.fstat(file.fileno()).st_size
    if still is None:
        file.seek(offset)
        file.write(data)
        file.truncate(old_size)
        return
    for page in sorted(still):
        start, end = max(offset, page * PAGE), min(offset + len(data), (page + 1) * PAGE)
        if start < end and start < size:
            file.seek(start)
            file.write(data[start - offset : end - offset])


def restore_bytes(journal, inode, target):
    log = os.path.join(journal, f"{inode}.undo")
    if not os.path.exists(log) or not os.path.exists(target):
        return 0
    records = to_undo(log)
    with open(target, "r+b") as file:
        for record, still in reversed(records):
            undo(file, record, still)
    return len(records)


def unsynced_names(journal):
    """(made, removed): paths whose directory was not synced since; removed maps a path to its inode."""
    made, removed = set(), {}
    log = os.path.join(journal, "names")
    lines = open(log, encoding="utf-8").read().splitlines() if os.path.exists(log) else []
    for line in lines:
        kind, rest = line.split(" ", 1)
        if kind == "C":
            made.add(rest)
        elif kind == "U":
            inode, path = rest.split(" ", 1)
            if path in made:
                made.discard(path)
            else:
                removed[path] = inode
        elif kind == "S":
            made = {path for path in made if os.path.dirname(path) != rest}
            removed = {path: i for path, i in removed.items() if os.path.dirname(path) != rest}
    return made, removed


def restore(journal):
    """Returns how many writes were undone."""
    undone = 0
    made, removed = unsynced_names(journal)
    for path, inode in removed.items():
        if not os.path.exists(path) or path in made:
            shutil.copyfile(os.path.join(journal, f"{inode}.kept"), path)
            undone += restore_bytes(journal, inode, path)
            made.discard(path)
    for name in os.listdir(journal):
        if not name.endswith(".path"):
            continue
        inode = name[: -len(".path")]
        with open(os.path.join(journal, name), encoding="utf-8") as file:
            path = file.read()
        if os.path.exists(path) and os.stat(path).st_ino == int(inode):
            undone += restore_bytes(journal, inode, path)
    for path in sorted(made, reverse=True):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    return undone


if __name__ == "__main__":
    print(f"undid {restore(sys.argv[1])} writes")
