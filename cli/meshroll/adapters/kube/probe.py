"""Running a probe: its Job is made, its pod is waited for, and the Job goes again however that ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files

from meshroll.adapters.kube.client import Kube
from meshroll.core.errors import MeshrollError
from meshroll.core.model import Pod
from meshroll.core.probe.job import WAIT_SECONDS, Ended, ended, job, job_name, not_made, waits_for
from meshroll.core.probe.target import Aim

POLL_SECONDS = 1.0


def run_probe(
    kube: Kube,
    aim: Aim,
    image: str,
    run_id: str,
    between: Callable[[], None],
    warn: Callable[[str], None],
) -> Ended:
    """How the probe's pod ended; ``between`` is called every second and may raise.

    Raises Refused where the Job cannot be made. Asks for no log and no kubelet: the script's result is in the pod's
    status. A Job that cannot be removed goes by itself, and ``warn`` says so.
    """
    jobs = f"/apis/batch/v1/namespaces/{aim.namespace}/jobs"
    script = files("meshroll").joinpath("data/probe.sh").read_text(encoding="utf-8")
    manifest = job(aim, image, run_id, script)
    try:
        # Within it, because a create whose answer was lost may have made the Job all the same.
        kube.create(jobs, manifest)
        return _wait(kube, aim.namespace, run_id, between)
    finally:
        try:
            # Pods of a Job outlive it by default.
            kube.delete(f"{jobs}/{job_name(run_id)}?propagationPolicy=Background")
        except MeshrollError as error:
            warn(f"Job {job_name(run_id)} could not be removed; it goes by itself in a few minutes. {error}")


def _wait(kube: Kube, namespace: str, run_id: str, between: Callable[[], None]) -> Ended:
    until = time.monotonic() + WAIT_SECONDS
    home, name = f"/api/v1/namespaces/{namespace}", job_name(run_id)
    while True:
        between()
        items, _ = kube.list_all(f"{home}/pods", labelSelector=f"batch.kubernetes.io/job-name={name}")
        pod = Pod(items[0]) if items else None
        if pod is not None:
            end = ended(pod)
        else:
            of_the_job = f"involvedObject.kind=Job,involvedObject.name={name}"
            end = not_made(kube.list_all(f"{home}/events", fieldSelector=of_the_job)[0])
        if end:
            return end
        if time.monotonic() > until:
            return Ended(None, f"nothing came of it in {WAIT_SECONDS:.0f} s: {waits_for(pod)}")
        time.sleep(POLL_SECONDS)
