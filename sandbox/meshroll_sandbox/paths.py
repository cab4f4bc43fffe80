"""Where things are: the files that come with the sandbox, the cache of binaries, a sandbox's own folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from meshroll_sandbox.errors import SandboxError

UNIX_SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux (sockaddr_un holds 108 bytes, the last one zero)."""

MARKER = ".meshroll-sandbox"
"""A file of this name says that a folder is a sandbox's own and may be removed with all that is in it."""


def content_root() -> Path:
    """The folder that holds tools/, charts/, kwok.yml, estate.yml and prometheus.yml.

    In a checkout that is `sandbox/`; a wheel carries the same files inside the package.
    """
    installed = Path(__file__).parent / "_content"
    return installed if installed.is_dir() else Path(__file__).parents[1]


def inventory_source() -> Path:
    """The Ansible inventory that every sandbox folder gets a copy of."""
    installed = content_root() / "inventory"
    return installed if installed.is_dir() else content_root().parent / "inventories" / "sandbox"


def cache_root() -> Path:
    """Where built binaries are kept, shared by all sandboxes of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "meshroll" / "tools"


@dataclass(frozen=True)
class SandboxFolder:
    """The layout of a sandbox's folder. All paths are absolute."""

    root: Path

    @classmethod
    def of(cls, folder: Path) -> "SandboxFolder":
        return cls(folder.expanduser().resolve())

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def egress_socket(self) -> Path:
        return self.root / "egress.sock"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def home(self) -> Path:
        """Home of the sandbox's processes, so that whatever they leave there goes with the sandbox."""
        return self.root / "home"

    @property
    def estate_applied(self) -> Path:
        """There once the estate was Ready. From then on it belongs to whoever works with it."""
        return self.root / "estate-applied"

    @property
    def inventory(self) -> Path:
        return self.root / "inventory"

    @property
    def etcd_data(self) -> Path:
        return self.root / "etcd"

    @property
    def prometheus_data(self) -> Path:
        return self.root / "prometheus"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line: each request of an account other than the administrator's."""
        return self.root / "log" / "audit.jsonl"

    def log(self, name: str) -> Path:
        """The file that takes both output streams of the process `name`."""
        return self.root / "log" / f"{name}.log"

    def check(self) -> None:
        """Raise SandboxError when no sandbox can live here: somebody's files, or too long a path."""
        self.refuse_foreign()
        if len(os.fsencode(self.egress_socket)) > UNIX_SOCKET_PATH_BYTES:
            raise SandboxError(
                f"{self.root} is too long a path for a Unix socket in it ({UNIX_SOCKET_PATH_BYTES} bytes)",
                "Choose a shorter folder with --folder.",
            )

    def refuse_foreign(self) -> None:
        """Raise SandboxError when the folder holds anything and was not made by a sandbox."""
        if self.root.exists() and not self.root.is_dir():
            raise SandboxError(f"{self.root} is a file, not a folder", "Name another folder with --folder.")
        if self.root.is_dir() and not self.marker.exists() and any(self.root.iterdir()):
            raise SandboxError(
                f"{self.root} is not a sandbox's folder: it holds files, and no {MARKER}",
                "Name another folder with --folder, or empty this one yourself.",
            )

    def create(self) -> None:
        """Make the folder and its subfolders, unless they are there."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.marker.write_text("Made by `meshroll sandbox up`; `meshroll sandbox down` removes it.\n")
        # Keeps a sandbox that lives inside a checkout out of its commits.
        (self.root / ".gitignore").write_text("*\n")
        for folder in (self.pki, self.config, self.home, self.log("any").parent):
            folder.mkdir(exist_ok=True)
