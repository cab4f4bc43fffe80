from __future__ import annotations

from unit.checks.example import Example
from unit.core.check_cases import BEHIND, CALLER, LISTED, POINTS, SERVICES, case
from unit.core.factories import Json, workload

ACCOUNTED: Json = {**SERVICES, "clients": [LISTED]}

EXAMPLES = [
    Example(
        "service-unconvertible",
        lambda: case(CALLER, POINTS, wanted=ACCOUNTED, **BEHIND),
        lambda: case(wanted={"services": [{"name": "absent"}]}),
        "charging has no Service absent.",
    ),
    Example(
        "dial-mode-unset",
        lambda: case(CALLER, POINTS, wanted=ACCOUNTED, **BEHIND),
        lambda: case(workload(), POINTS, wanted=ACCOUNTED, **BEHIND),
        "Deployment/omni has no plain variable DIAL in its template.",
    ),
    Example(
        "caller-not-listed",
        lambda: case(CALLER, POINTS, wanted=ACCOUNTED, **BEHIND),
        lambda: case(CALLER, POINTS, wanted=SERVICES, **BEHIND),
        "charging/Deployment/omni calls points and would stay pinned to one pod.",
    ),
]
