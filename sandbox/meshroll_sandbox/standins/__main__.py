"""Run the stand-ins of a sandbox until a signal ends them: `python -m meshroll_sandbox.standins --folder DIR`."""

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from aiohttp import web

from meshroll_sandbox.paths import SandboxFolder
from meshroll_sandbox.standins import charts, egress, identity, injector
from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.state import State


def main() -> None:
    parser = argparse.ArgumentParser(prog="meshroll_sandbox.standins", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="the sandbox's folder")
    layout = SandboxFolder.of(parser.parse_args().folder)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    state = State.read(layout.state)
    if state is None:
        parser.error(f"{layout.state} does not say what to serve: there is no sandbox in {layout.root}")
    asyncio.run(run(layout, state))


async def run(layout: SandboxFolder, state: State) -> None:
    """Serve until SIGTERM or SIGINT. /healthz answers once everything is served."""
    # Imported only here: the model is the largest part, and the other stand-ins can be tried without it.
    from meshroll_sandbox.standins import traffic

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = web.Application()
    app.router.add_get("/healthz", _healthy)
    context = Context(layout.root, layout.kubeconfig, state.ports, state.seed, app)
    await asyncio.to_thread(charts.package, Path(state.helm), layout.root / "charts")
    for part in (egress, charts, injector, identity, traffic):
        await part.start(context)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", state.ports["standins"]).start()
    await stop.wait()
    await runner.cleanup()
    await context.kube.close()


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


if __name__ == "__main__":
    main()
