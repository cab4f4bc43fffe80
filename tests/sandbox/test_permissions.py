"""Each command with exactly what `meshroll rbac` prints for it, and what it then asked for, by the API server's audit
log; in a sandbox whose Linkerd nobody else needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox.support import Estate, Ran, own_estate
from sandbox.test_runs import take_lease

from meshroll.core.permissions import CHANGE, COMMANDS, WRITE

OLD, NEW = "edge-25.10.7", "edge-26.6.3"
# None of them balances over a headless Service, whose client is blind for a while once the servers restart.
TAKEN = ["Deployment/pricing", "Deployment/tariffs", "Deployment/sessions-gateway"]
READING = ("get", "list", "watch")
Asked = tuple[str, str, str, str]
"""(namespace or "", API group, resource, verb)."""
RBAC = "/apis/rbac.authorization.k8s.io/v1"
# Helm's records say when Linkerd last changed, and the issuer's Secret when it ends: told where they may be read.
NOT_NEEDED = {("linkerd", "", "secrets", "list"), ("linkerd", "", "secrets", "get")}
# A run comes to ask for these when something goes wrong or is in the way: a write is refused because somebody else was
# first, a pod is stuck, a Service is to be converted or put back, there are more runs than the journal keeps.
IF_NEED_BE = {
    *(("", resource, "get") for resource in ("namespaces", "pods", "configmaps", "services")),
    *(("apps", resource, "get") for resource in ("deployments", "statefulsets", "daemonsets")),
    *(
        ("", "pods", "delete"),
        ("", "services", "patch"),
        ("", "services", "delete"),
        ("", "services", "create"),
    ),
    *(("", "configmaps", "delete"), ("batch", "jobs", "get"), ("", "events", "list")),
    ("discovery.k8s.io", "endpointslices", "list"),
    # An apply that makes an object is one patch to the audit log, and needs both.
    ("", "configmaps", "create"),
}
# Kinds of these groups are asked for only where the API server has them.
NOT_SERVED = (
    *("multicluster.linkerd.io", "monitoring.coreos.com", "cilium.io", "crd.projectcalico.org"),
    *("policy.networking.k8s.io", "vpcresources.k8s.aws", "autoscaling.k8s.io", "keda.sh"),
)
pytestmark = pytest.mark.exhaustive


@dataclass
class Account:
    """A ServiceAccount that may what `meshroll rbac` prints for ``command``, and nothing more."""

    estate: Estate
    command: str
    audit_log: Path
    objects: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.command.replace(" --", "-").replace(" ", "-")

    def run(self, *arguments: str) -> Ran:
        command = "rollout" if self.command == "install" else self.command.split()[0]
        return self.estate.run(command, *arguments)

    def requests(self) -> Iterator[tuple[Asked, int]]:
        """Each request that RBAC was asked about, with the status of its answer."""
        user = f"system:serviceaccount:{self.estate.name}:{self.name}"
        for line in self.audit_log.read_text().splitlines():
            event = json.loads(line)
            what = event.get("objectRef") or {}
            if event["user"]["username"] != user or what.get("apiGroup") == "authorization.k8s.io":
                continue
            if not what:
                continue
            resource = "/".join(filter(None, [what["resource"], what.get("subresource")]))
            asked = (what.get("namespace", ""), what.get("apiGroup", ""), resource, event["verb"])
            yield asked, event["responseStatus"]["code"]

    @property
    def asked(self) -> set[Asked]:
        return {asked for asked, code in self.requests() if code != 403}

    @property
    def forbidden(self) -> set[Asked]:
        return {asked for asked, code in self.requests() if code == 403}

    @property
    def granted(self) -> set[Asked]:
        return set(permissions(self.objects))

    def unused(self) -> set[Asked]:
        """What was granted and not asked for. What is granted in the cluster may be asked for in a namespace."""
        asked = self.asked | {("", *each[1:]) for each in self.asked}
        return {each for each in self.granted if each not in asked and each[2] != "*"}


def permissions(objects: Iterable[Mapping[str, Any]]) -> Iterator[Asked]:
    for each in objects:
        for rule in each.get("rules", []):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield each["metadata"].get("namespace", ""), rule["apiGroups"][0], resource, verb


def path_of(item: Mapping[str, Any]) -> str:
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    if item["kind"] == "Namespace":
        return f"/api/v1/namespaces/{name}"
    home = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
    return f"{home}/{item['kind'].lower()}s/{name}"


@contextmanager
def account(estate: Estate, command: str) -> Iterator[Account]:
    """The account, whose kubeconfig the estate's inventory names meanwhile."""
    made = Account(estate, command, estate.folder / "sandbox" / "log" / "audit.jsonl")
    home, kube = f"/api/v1/namespaces/{estate.name}/serviceaccounts", estate.kube
    metadata = {"name": made.name, "namespace": estate.name}
    kube.apply(f"{home}/{made.name}", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = kube.create(f"{home}/{made.name}/token", request)["status"]["token"]
    administrators = estate.folder / "sandbox" / "kubeconfig"
    config = yaml.safe_load(administrators.read_text())
    config["users"][0]["user"] = {"token": token}
    file = estate.folder / f"kubeconfig-{made.name}"
    file.write_text(yaml.safe_dump(config))
    printed = estate.run("rbac", "--command", command, "--service-account", f"{estate.name}/{made.name}")
    assert printed.code == 0, printed.result["errors"]
    made.objects = printed.cluster["rbac"]["objects"]
    for item in made.objects:
        kube.apply(path_of(item), item)
    estate.settings(cluster={"kubeconfig": str(file), "context": "sandbox"})
    try:
        yield made
    finally:
        estate.settings(cluster={"kubeconfig": str(administrators), "context": "sandbox"})
        for item in made.objects:
            if item["kind"] != "Namespace":
                kube.delete(path_of(item))


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with own_estate("least", tmp_path_factory.mktemp("permissions")) as made:
        service = {"namespace": "monitoring", "name": "prometheus"}
        made.settings(
            release={"channel": OLD},
            upgrade={"interval_days": 0},
            prometheus={"service": service, "scrape_interval_seconds": 1},
        )
        yield made


def only_if_need_be(unused: Iterable[Asked], *also: tuple[str, str, str]) -> bool:
    left = {each for each in unused if each[1:] not in IF_NEED_BE | {*also}}
    left = {each for each in left if each[1] not in NOT_SERVED}
    assert left == set()
    return True


def helms(verbs: Sequence[str]) -> set[tuple[str, str, str]]:
    """What Helm asks for only where a chart has other objects than the one before, or there is a half install."""
    kinds = (
        *(("", kind) for kind in ("configmaps", "secrets", "serviceaccounts", "services")),
        *(("apps", "deployments"), ("batch", "cronjobs"), ("policy", "poddisruptionbudgets")),
        *(("monitoring.coreos.com", "podmonitors"), ("apiextensions.k8s.io", "customresourcedefinitions")),
        *(("rbac.authorization.k8s.io", kind) for kind in ("roles", "rolebindings")),
        *(("rbac.authorization.k8s.io", kind) for kind in ("clusterroles", "clusterrolebindings")),
        *(
            ("admissionregistration.k8s.io", f"{kind}webhookconfigurations")
            for kind in ("mutating", "validating")
        ),
    )
    return {(*kind, verb) for kind in kinds for verb in verbs}


# Asked about by the API server itself, on behalf of one who grants.
GRANTING = {
    ("rbac.authorization.k8s.io", kind, verb)
    for kind in ("roles", "clusterroles")
    for verb in ("bind", "escalate")
}


def test_an_install_and_a_rollout(estate: Estate) -> None:
    with account(estate, "install") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        assert only_if_need_be(made.unused(), *helms(["patch", "delete"]), *GRANTING)


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        ("status", [[]]),
        ("runs", [[], ["show", "RUN"]]),
        ("report", [["RUN", "--output-file", "PAGE"]]),
        ("verify", [[], ["--replay", "RUN"]]),
        ("releases --for", [["--for", "sandbox"]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_only_reads_needs_no_right_to_write(
    estate: Estate, tmp_path: Path, command: str, calls: list[list[str]]
) -> None:
    run = estate.run("runs").cluster["runs"][-1]["run_id"]
    words = {"RUN": run, "PAGE": str(tmp_path / "page.html")}
    with account(estate, command) as made:
        for call in calls:
            ran = made.run(*(words.get(each, each) for each in call))
            assert ran.code == 0, ran.result["errors"]
        assert {verb for *_, verb in made.granted | made.asked} <= set(READING)
        assert made.forbidden <= NOT_NEEDED
        assert only_if_need_be(made.unused())


def test_preflight_reads_only_and_says_what_a_rollout_would_lack(estate: Estate) -> None:
    with account(estate, "preflight") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        (lack,) = [each for each in ran.cluster["checks"] if each["id"] == "permission-missing"]
        assert lack["result"] == "warn"
        assert {verb for *_, verb in made.granted | made.asked} <= set(READING)
        assert made.forbidden <= NOT_NEEDED
        assert only_if_need_be(made.unused())


def test_without_any_one_rule_a_status_is_not_the_same(estate: Estate) -> None:
    with account(estate, "status") as made:
        whole = made.run().cluster
        for role in made.objects:
            for number in range(len(role.get("rules", []))):
                less = {**role, "rules": [*role["rules"][:number], *role["rules"][number + 1 :]]}
                estate.kube.apply(path_of(role), less)
                ran = made.run()
                assert ran.code != 0 or ran.cluster["certificates"] != whole["certificates"], role["rules"][
                    number
                ]
            if "rules" in role:
                estate.kube.apply(path_of(role), role)


def test_a_probe(estate: Estate) -> None:
    with account(estate, "verify --probe") as made:
        ran = made.run("--probe", "tariffs")
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        assert only_if_need_be(made.unused())


def test_drills(estate: Estate) -> None:
    with account(estate, "drill") as made:
        ran = made.run("all")
        assert ran.code in (0, 9, 10), ran.result["errors"]
        assert {each["outcome"] for each in ran.cluster["drills"]}.isdisjoint({"skipped", "aborted"})
        assert made.run("undo").code == 0
        assert made.forbidden == set()
        assert only_if_need_be(made.unused())


def test_a_rollback(estate: Estate) -> None:
    with account(estate, "rollback") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        assert only_if_need_be(made.unused())


def test_a_plan_needs_no_right_to_write_and_says_what_the_run_itself_would_lack(estate: Estate) -> None:
    with account(estate, "plan") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        (lack,) = [line for line in ran.cluster["plan"]["notes"] if line.startswith("permission-missing: ")]
        assert "patch deployments.apps" in lack
        assert made.run("--rollback", "fallback").code == 0
        assert {verb for *_, verb in made.granted | made.asked} <= set(READING)
        assert made.forbidden <= NOT_NEEDED
        assert only_if_need_be(made.unused())
        refused = estate.run("rollout", "--check")
        assert (refused.code, refused.codes) == (3, ["permission-missing"])


def test_a_rollout_where_linkerd_is(estate: Estate) -> None:
    with account(estate, "rollout") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden <= NOT_NEEDED
        assert only_if_need_be(made.unused())


def test_a_lock_is_stolen_and_the_run_resumed(estate: Estate) -> None:
    take_lease(estate.kube, "ann@laptop/20260101t000000z-abc123")
    with account(estate, "lock steal") as made:
        ran = made.run("steal", "--reason", "it hangs")
        assert ran.code == 0, ran.result["errors"]
        assert (made.forbidden, made.unused()) == (set(), set())
    estate.kube.delete("/apis/coordination.k8s.io/v1/namespaces/meshroll/leases/meshroll")
    with account(estate, "resume") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()


def test_an_upgrade(estate: Estate) -> None:
    assert estate.run("rollback").code == 0
    estate.namespace_settings(workloads=TAKEN, injection="workloads", waves=[{"share": 1.0}])
    assert estate.run("rollout").code == 0
    estate.settings(release={"channel": NEW})
    with account(estate, "upgrade") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        fixed = helms(["create", "update", "patch", "delete"])
        assert only_if_need_be(made.unused(), *fixed, *GRANTING, *workloads_only())


def test_an_uninstall(estate: Estate) -> None:
    assert estate.run("rollback").code == 0
    with account(estate, "uninstall --crds") as made:
        ran = made.run("--crds")
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        assert only_if_need_be(made.unused(), *helms(["get"]))


def test_an_uninstall_that_leaves_crds(estate: Estate) -> None:
    assert estate.run("rollout").code == 0
    assert estate.run("rollback").code == 0
    with account(estate, "uninstall") as made:
        ran = made.run()
        assert ran.code == 0, ran.result["errors"]
        assert made.forbidden == set()
        assert only_if_need_be(made.unused(), *helms(["get"]))


def workloads_only() -> set[tuple[str, str, str]]:
    """What a run of three Deployments in a namespace that it does not annotate has no need for."""
    return {
        tuple(each)
        for grant in (*CHANGE, *WRITE)
        for each in grant.permissions()
        if each.resource in ("statefulsets", "daemonsets", "cronjobs", "configmaps", "namespaces")
    }


def test_every_command_of_the_data_was_tried() -> None:
    source = Path(__file__).read_text().partition("def test_every_command_of_the_data")[0]
    # A task of a playbook of one's own; tests/sandbox/test_renewal.py has it, with an administrator's account.
    assert [name for name in COMMANDS if f'"{name}"' not in source] == ["renewal"]
