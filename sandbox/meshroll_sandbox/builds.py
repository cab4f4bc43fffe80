"""Build tools from their pinned Go modules into the cache, two side by side, saying how it goes."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.toolchain import GoToolchain
from meshroll_sandbox.toolspecs import Tool, built_name

SIDE_BY_SIDE = 2
PROGRESS_SECONDS = 20.0
ABANDON_SECONDS = 30.0
LOG_TAIL_CHARACTERS = 3000


@dataclass
class _Build:
    """One running `go build`: its process, where it builds to, and when it began (monotonic seconds)."""

    tool: Tool
    process: subprocess.Popen[bytes]
    staging: Path
    log: Path
    began: float


def build_all(
    wanted: Iterable[tuple[Tool, Path]], modules: Path, go: GoToolchain, say: Callable[[str], None]
) -> None:
    """Build each (tool, folder in the cache that is to hold it) from `modules`/<tool>.

    A folder appears in the cache by one rename, so it is there whole or not at all. Raises SandboxError with
    the end of the compiler's output; whatever else was being built is stopped then.
    """
    waiting = list(wanted)
    running: list[_Build] = []
    began = reported = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < SIDE_BY_SIDE:
                tool, target = waiting.pop(0)
                running.append(_begin(tool, target, modules, go))
                say(f"{_elapsed(began)} building {tool.name} (about {tool.minutes} min)")
            for build in [build for build in running if build.process.poll() is not None]:
                running.remove(build)
                _finish(build)
                took = _minutes(time.monotonic() - build.began)
                say(f"{_elapsed(began)} built {build.tool.name} in {took}")
            if running and time.monotonic() - reported >= PROGRESS_SECONDS:
                reported = time.monotonic()
                names = ", ".join(build.tool.name for build in running)
                rest = f"; then {', '.join(tool.name for tool, _ in waiting)}" if waiting else ""
                say(f"{_elapsed(began)} still building {names}{rest}")
            time.sleep(0.2)
    finally:
        for build in running:
            _abandon(build)


def _begin(tool: Tool, target: Path, modules: Path, go: GoToolchain) -> _Build:
    for stale in target.parent.glob(f"{target.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)  # of a build that was killed
    staging = target.with_name(f"{target.name}.{os.getpid()}")
    staging.mkdir(parents=True)
    log = staging / "build.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(go.executable), *tool.build_arguments(staging)],
            cwd=modules / tool.name,
            env=go.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return _Build(tool, process, staging, log, time.monotonic())


def _finish(build: _Build) -> None:
    if build.process.returncode != 0:
        tail = build.log.read_text(errors="replace").strip()[-LOG_TAIL_CHARACTERS:]
        shutil.rmtree(build.staging, ignore_errors=True)
        raise SandboxError(
            f"building {build.tool.name} failed:\n{tail}",
            "The modules come from the Go module proxy ($GOPROXY): see that it is reachable, then try again.",
        )
    for binary in build.tool.binaries:
        built = build.staging / built_name(binary.package)
        built.rename(build.staging / binary.name)
    build.log.unlink()
    target = build.staging.with_suffix("")
    try:
        build.staging.rename(target)
    except OSError:
        # Another process built the same meanwhile; theirs is as good.
        shutil.rmtree(build.staging, ignore_errors=True)
        if not target.is_dir():
            raise


def _abandon(build: _Build) -> None:
    if build.process.poll() is None:
        # Interrupted, `go` waits for its compilers and clears its own temporary folder away.
        build.process.send_signal(signal.SIGINT)
        try:
            build.process.wait(ABANDON_SECONDS)
        except subprocess.TimeoutExpired:
            build.process.kill()
            build.process.wait()
    shutil.rmtree(build.staging, ignore_errors=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


def _elapsed(began: float) -> str:
    return f"[{_minutes(time.monotonic() - began):>6}]"
