"""Disks that fail: servers under tests/support/disk_shim.c, and small file systems of their own."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from server import BUILD, ROOT, Server

sys.path.append(str(ROOT / "tests/support"))
import disk_shim  # noqa: E402 (found through the line above)

SHIM = BUILD / "tests/libdisk_shim.so"


class ShimmedServer(Server):
    """A server whose disk can be told to fail, and to forget what was not synced."""

    def __init__(self, directory, *flags, journal=True, **how):
        super().__init__(directory.resolve(), *flags, preload=SHIM, **how)
        self.faults_path = self.directory / "faults"
        self.with_journal = journal

    def launch(self):
        """Each run has a journal of its own: what an earlier one left unsynced has been dealt with."""
        self.environment["PROFEFE_SHIM_DIR"] = str(self.data)
        self.environment["PROFEFE_SHIM_FAULTS"] = str(self.faults_path)
        self.journal = self.directory / f"journal.{self.runs}"
        if self.with_journal:
            self.journal.mkdir()
            self.environment["PROFEFE_SHIM_JOURNAL"] = str(self.journal)
        super().launch()

    def fail(self, *lines):
        """From now on these operations fail, see disk_shim.c; with none, all go well again."""
        if not lines:
            self.faults_path.unlink(missing_ok=True)
            return
        fresh = self.faults_path.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.rename(self.faults_path)

    def cut_back(self):
        """After a kill: the files as a power cut would have left them. How many writes that undid."""
        return disk_shim.restore(str(self.journal))


@contextmanager
def small_disk(directory, megabytes):
    """A file system of its own: a tmpfs mounted on `directory`. Skips where nobody may mount."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("NOBODY MAY MOUNT HERE: a full file system is only played by the shim")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
