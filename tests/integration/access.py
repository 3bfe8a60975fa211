"""Auth files and tokens for the tests."""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

RIGHTS = ("push", "query", "write", "delete", "admin")


@dataclass
class Token:
    name: str
    rights: tuple
    services: tuple | None = None
    expires: str | None = None
    subject: str | None = None
    secret: str = field(default_factory=lambda: "pf_" + secrets.token_hex(20))

    def entry(self):
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        lines = [f"  - name: {self.name}"]
        lines.append(f'    subject: "{self.subject}"' if self.subject else f'    hash: "{digest}"')
        lines.append(f"    rights: [{', '.join(self.rights)}]")
        if self.services is not None:
            lines.append("    services: [" + ", ".join(f'"{s}"' for s in self.services) + "]")
        if self.expires:
            lines.append(f"    expires: {self.expires}")
        return "\n".join(lines) + "\n"

    @property
    def bearer(self):
        return {"Authorization": f"Bearer {self.secret}"}


class AuthFile:
    """A file of tokens, replaced as a careful writer does it: by renaming."""

    def __init__(self, directory, *tokens, more=""):
        self.path = Path(directory) / "auth.yaml"
        self.write(*tokens, more=more)

    @property
    def flag(self):
        return f"-auth.file={self.path}"

    @staticmethod
    def text(*tokens, more=""):
        return ("tokens:\n" + "".join(token.entry() for token in tokens) if tokens else "") + more

    def write(self, *tokens, more=""):
        self.put(self.text(*tokens, more=more))

    def put(self, text):
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        os.replace(new, self.path)
