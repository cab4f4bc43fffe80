"""Real Prometheus for these tests: promtool evaluates PromQL, prometheus serves series a test made up."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOOLS = Path.home() / ".cache" / "meshroll" / "tools"


def tool(name: str) -> str:
    """A program of Prometheus, from PATH or built by `meshroll sandbox up`; skips where there is none."""
    built = sorted(TOOLS.glob(f"prometheus-*/{name}"))
    path = shutil.which(name) or (str(built[-1]) if built else None)
    if path is None:
        pytest.skip(f"{name} is not built yet; `meshroll sandbox up` builds it")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    return tool("promtool")


@pytest.fixture(scope="module")
def serve_series(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a Prometheus that holds the given OpenMetrics text, and returns its URL.

    ``web_config`` is the text of its --web.config.file, with which it asks for TLS or a login.
    """
    running: list[subprocess.Popen[bytes]] = []

    def serve(openmetrics: str, web_config: str = "{}\n") -> str:
        folder = tmp_path_factory.mktemp("prometheus")
        (folder / "series.txt").write_text(openmetrics)
        (folder / "prometheus.yml").write_text("global: {}\n")
        (folder / "web.yml").write_text(web_config)
        subprocess.run(
            [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "series.txt", "data"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running.append(
            subprocess.Popen(
                [
                    tool("prometheus"),
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--web.config.file=web.yml",
                ],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=(folder / "log").open("wb"),
            )
        )
        for _ in range(1200):
            if b"ready to receive web requests" in (folder / "log").read_bytes():
                return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise AssertionError("Prometheus did not become ready")

    yield serve
    for process in running:
        process.terminate()
        process.wait()
