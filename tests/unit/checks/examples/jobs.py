from __future__ import annotations

from unit.checks.example import Example, with_facts
from unit.core.check_cases import case
from unit.core.factories import Json, workload

from meshroll.core.checks import Case

CLASSIC = {"proxy": {"nativeSidecar": False}}


def running(values: Json) -> Case:
    spec = {"template": {"metadata": {}, "spec": {}}}
    job = {"metadata": {"name": "import", "namespace": "charging"}, "spec": spec, "status": {"active": 1}}
    return with_facts(case(values=values), listed={"jobs": (job,)})


EXAMPLES = [
    Example(
        "cron-job-without-native",
        lambda: case(workload("CronJob", "billing"), wanted={"sidecar": "native"}),
        lambda: case(workload("CronJob", "billing"), wanted={"sidecar": "wait"}),
        "CronJob/billing stays out of the mesh: its proxy would be no native sidecar.",
    ),
    Example(
        "job-running",
        lambda: running({"proxy": {"nativeSidecar": True}}),
        lambda: running(CLASSIC),
        "Job/import is running: its next pods, and other Jobs from here on, get a proxy that is no native sidecar, "
        "and never complete.",
    ),
]
