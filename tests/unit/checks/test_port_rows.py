"""Which ports Linkerd takes as opaque, and which a pod has."""

from __future__ import annotations

from typing import Any

import pytest
from unit.checks.test_rows import asked
from unit.core.check_cases import case
from unit.core.factories import Json, service, workload

from meshroll.core.checks import Case

OPAQUE = "config.linkerd.io/opaque-ports"
MYSQL = {"name": "mysql", "port": 3307, "targetPort": 3307, "protocol": "TCP"}
DECLARED = [{"name": "db", "ports": [{"name": "mysql", "containerPort": 3307}]}]


def served(port: Json, annotations: Json | None = None, **more: Any) -> Case:
    how = {key: more.pop(key) for key in ("containers", "pod_spec") if key in more}
    server = workload(name="db", annotations=annotations, **how)
    return case(server, services=(service("db", "db", ports=[{**MYSQL, **port}]),), **more)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (served({}), "warn"),
        (served({}, {OPAQUE: "mysql"}, containers=DECLARED), "pass"),
        (served({}, {OPAQUE: "25, 3300-3310"}), "pass"),
        (served({}, {OPAQUE: "3306"}), "warn"),
        (served({}, {OPAQUE: "db"}, containers=DECLARED), "warn"),
        (served({"targetPort": "mysql"}, {OPAQUE: "3307"}, containers=DECLARED), "pass"),
        (served({}, values={"proxy": {"opaquePorts": "3307"}}), "pass"),
        (served({"port": 3306}, values={"proxy": {"opaquePorts": "25"}}), "warn"),
        (served({"name": "tcp-mysql"}), "warn"),
        (served({"name": "http-mysql-exporter"}), "pass"),
    ],
)
def test_a_port_is_opaque_by_number_by_name_and_by_the_values(found: Case, state: str) -> None:
    assert asked("server-speaks-first", found).state == state


def test_a_native_sidecar_has_the_port_that_it_names_and_an_init_container_has_none() -> None:
    for policy, state in (("Always", "pass"), (None, "warn")):
        sidecar = {"name": "proxy", "ports": [{"name": "sql", "containerPort": 1}], "restartPolicy": policy}
        found = served({"targetPort": "sql", "name": "grpc"}, pod_spec={"initContainers": [sidecar]})
        assert asked("target-port-missing", found).state == state
