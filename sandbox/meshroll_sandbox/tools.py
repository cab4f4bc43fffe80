"""The programs that the sandbox runs: found ready, or built once into a cache that all sandboxes share.

`python -m meshroll_sandbox.tools` makes sure that all of them are there, and says where.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from meshroll_sandbox.builds import build_all
from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import cache_root, content_root
from meshroll_sandbox.toolchain import GoToolchain, find_go
from meshroll_sandbox.toolspecs import TOOLS, Tool, version_of

Say = Callable[[str], None]

GATEWAY_API_MODULE = "sigs.k8s.io/gateway-api"
GATEWAY_API_FILE = "standard-install.yaml"


@dataclass(frozen=True)
class Tools:
    """Absolute paths of the executables, and of the Gateway API's CRDs (standard channel, one YAML file)."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kwok: Path
    helm: Path
    prometheus: Path
    promtool: Path
    gateway_api: Path


def ensure(say: Say) -> Tools:
    """Find every tool on PATH, in KUBEBUILDER_ASSETS or in the cache, and build those that are nowhere.

    Raises SandboxError when there is no Go and none can be had, or when a build fails.
    """
    if not sys.platform.startswith("linux"):
        raise SandboxError("the sandbox runs on Linux only", "Use a Linux machine, a virtual one or WSL 2.")
    modules, cache = content_root() / "tools", cache_root()
    found: dict[str, Path] = {}
    missing: list[tuple[Tool, Path]] = []
    for tool in TOOLS:
        cached = cache / f"{tool.name}-{cache_key(tool, modules / tool.name)}"
        ready = find_ready(tool, say) or find_cached(tool, cached)
        found |= ready
        if not ready:
            missing.append((tool, cached))
    gateway_api = cache / f"gateway-api-{modules_hash(modules / 'gateway-api')}" / GATEWAY_API_FILE
    if missing or not gateway_api.is_file():
        with _locked(cache, say):
            _make(missing, gateway_api, modules, say)
        found |= {name: path for tool, folder in missing for name, path in find_cached(tool, folder).items()}
    named = {name.replace("-", "_"): path for name, path in found.items()}
    return Tools(gateway_api=gateway_api, **named)


def find_ready(tool: Tool, say: Say = lambda _: None) -> dict[str, Path]:
    """The tool's binaries from PATH or KUBEBUILDER_ASSETS: all of them, of one version that fits, or {}."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    places = os.pathsep.join(place for place in (os.environ.get("PATH", ""), assets) if place)
    paths = {binary.name: shutil.which(binary.name, path=places) for binary in tool.binaries}
    if not all(paths.values()):
        return {}
    ready = {name: Path(path).resolve() for name, path in paths.items() if path}
    versions = {version_of(binary, ready[binary.name]) for binary in tool.binaries}
    version = versions.pop()
    if versions or version is None or not tool.fits(version):
        told = ".".join(map(str, version)) if version and not versions else "no one version"
        say(f"Passing over {tool.name} on PATH ({told}): wanted is {tool.wanted}.")
        return {}
    return ready


def find_cached(tool: Tool, folder: Path) -> dict[str, Path]:
    """The tool's binaries in its cache folder, or {}."""
    paths = {binary.name: folder / binary.name for binary in tool.binaries}
    return paths if all(path.is_file() for path in paths.values()) else {}


def cache_key(tool: Tool, module: Path) -> str:
    """Names what a build comes from: pinned modules, flags and machine.

    The Go version is not in it: binaries of any Go that could build them do, and a cache must serve a machine
    that has no Go at all.
    """
    build = json.dumps([tool.build_arguments(Path("/")), platform.system(), platform.machine()])
    return modules_hash(module, build)


def modules_hash(module: Path, more: str = "") -> str:
    """12 hexadecimal digits over go.mod, go.sum and `more`."""
    content = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes() + more.encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _make(missing: list[tuple[Tool, Path]], gateway_api: Path, modules: Path, say: Say) -> None:
    """Build what another process has not built while this one waited for the lock."""
    missing = [(tool, folder) for tool, folder in missing if not find_cached(tool, folder)]
    if not missing and gateway_api.is_file():
        return
    go = find_go(cache_root(), say)
    if missing:
        names = ", ".join(tool.name for tool, _ in missing)
        say(f"Building {names} once from pinned Go modules into {cache_root()}.")
        say("The first build of everything takes about 15 minutes on two cores; later ups take seconds.")
        build_all(missing, modules, go, say)
    if not gateway_api.is_file():
        fetch_gateway_api(gateway_api, modules / "gateway-api", go)


def fetch_gateway_api(target: Path, module: Path, go: GoToolchain) -> None:
    """Write the CRDs of the Gateway API's standard channel, taken from its pinned module, to `target`."""
    done = subprocess.run(
        [str(go.executable), "mod", "download", "-json", GATEWAY_API_MODULE],
        cwd=module,
        env=go.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SandboxError(
            f"the Gateway API's module could not be had:\n{(done.stderr or done.stdout).strip()[-2000:]}",
            "It comes from the Go module proxy ($GOPROXY): check that it is reachable, then try again.",
        )
    crds = sorted((Path(json.loads(done.stdout)["Dir"]) / "config" / "crd" / "standard").glob("*.yaml"))
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f"{target.name}.{os.getpid()}")
    staging.write_text("---\n".join(crd.read_text() for crd in crds))
    staging.rename(target)


@contextmanager
def _locked(cache: Path, say: Say) -> Iterator[None]:
    """One process builds at a time; the others wait and take what it built."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process that is building the tools.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Make sure of every tool; print where each is."""
    try:
        tools = ensure(_write_line)
    except SandboxError as error:
        sys.stderr.write(f"{error.hint}\n{error.message}\n")
        return 1
    for field in fields(tools):
        _write_line(f"{field.name:<24} {getattr(tools, field.name)}")
    return 0


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
