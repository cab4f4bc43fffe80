"""The issuer renewed as a step of its own, on a real API server: proved, restarted, refused, put back, gone on with."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from faults.tree import kill_tree
from sandbox.support import REPOSITORY

from meshroll.adapters import identity, issuer_update, renewal
from meshroll.adapters.certificates import Issued, anchor_from_file, make
from meshroll.adapters.chain import read_certificates, trusts
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.journal import Journal
from meshroll.adapters.mesh_identity import anchors_pem, identity_of
from meshroll.core.certificates import Certificate, anchor_spec, issuer_spec, problems
from meshroll.core.errors import Drift, Failed, Refused, RollbackFailed
from meshroll.core.history import fingerprint
from meshroll.core.issuer_update import DEPLOYMENT, SKIPPED, UNPROVED, UPDATED, Proof
from meshroll.core.model import Pod, Workload
from meshroll.core.renewal import decide
from meshroll.core.settings import Certificates, OwnIssuer
from meshroll_sandbox import faults
from meshroll_sandbox.faults import IdentityMissesRotation
from meshroll_sandbox.status import Connection, Status

HOME = "/api/v1/namespaces/linkerd"
SECRET, ROOTS = f"{HOME}/secrets/linkerd-identity-issuer", f"{HOME}/configmaps/linkerd-identity-trust-roots"
IDENTITY = f"/apis/apps/v1/namespaces/linkerd/deployments/{DEPLOYMENT}"
SHORT = timedelta(seconds=4)
INSTALL = [
    {
        "ansible.builtin.import_role": {"name": "meshroll.linkerd.control_plane"},
        "vars": {"control_plane_release": "edge-26.6.3"},
    }
]
RENEW: dict[str, Any] = {"name": "Renew", "meshroll.linkerd.certificates": {"phase": "renew"}}


def in_a_run(history: str) -> list[dict[str, Any]]:
    """Renewed as an upgrade does it: the lock and the journal opened before, and closed after."""
    looked = {
        "direction": "in", "namespaces": [], "steps": [], "asked": {}, "release": None, "baseline": {},
        "history": history, "waived": [], "nothing_to_do": False,
    }  # fmt: skip

    def role(entry: str) -> dict[str, Any]:
        name = {"name": "meshroll.linkerd.run", "tasks_from": entry}
        return {"ansible.builtin.import_role": name, "vars": {"run_command": "rollout"}}

    return [{"ansible.builtin.set_fact": {"look_seen": looked}}, role("begin"), RENEW, role("finish")]


@dataclass(frozen=True)
class Mesh:
    """A sandbox with Linkerd, whose issuer and trust anchor the tests hand in and take out."""

    connection: Connection
    sandbox_folder: Path
    kube: Kube
    folder: Path

    def start(self, tasks: list[dict[str, Any]], *arguments: str) -> subprocess.Popen[str]:
        play = {"hosts": "all", "connection": "local", "gather_facts": False, "tasks": tasks}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]))
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "inventory"]
        return subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MESHROLL_")},
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder / "state"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
            },
        )

    def play(self, tasks: list[dict[str, Any]], *arguments: str) -> tuple[int, dict[str, Any], str]:
        """ansible's exit code, each task's result by name, and all that was printed."""
        process = self.start(tasks, *arguments)
        printed, _ = process.communicate()
        document = json.loads(printed[printed.index("{\n") :])
        found = {each["task"]["name"]: each["hosts"]["sandbox"] for each in document["plays"][0]["tasks"]}
        return process.returncode, found, printed

    def anchor(self) -> Issued:
        return anchor_from_file(self.key_file, anchors_pem(self.get(ROOTS)))

    @property
    def key_file(self) -> Path:
        file = self.folder / "inventory" / "host_vars" / "sandbox" / "connection.yml"
        return Path(yaml.safe_load(file.read_text())["meshroll_certificates"]["anchor_key_file"])

    @property
    def files(self) -> Certificates:
        return Certificates(anchor_key_file=str(self.key_file))

    def get(self, path: str) -> dict[str, Any]:
        found = self.kube.get(path)
        assert found is not None, path
        return found

    def issuer(self) -> Certificate:
        return read_certificates(base64.b64decode(self.get(SECRET)["data"]["tls.crt"]).decode())[0]

    def unproved(self) -> bool:
        return UNPROVED in self.get(SECRET)["metadata"].get("annotations", {})

    def key_lines(self) -> list[str]:
        """Lines that stand in no other text than the keys of the Secret and of the anchor, as PEM and in base64."""
        encoded = self.get(SECRET)["data"]["tls.key"]
        texts = [base64.b64decode(encoded).decode(), self.key_file.read_text()]
        return [
            encoded[40:80],
            *(line for text in texts for line in text.splitlines() if "-----" not in line),
        ]

    def hand_in(self, issuer: Issued) -> None:
        """As somebody does it by hand; until identity has said what it thinks of it."""
        before = self.told()
        data = {"tls.crt": issuer.certificate_pem, "tls.key": issuer.key_pem}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        unmarked = {"annotations": {UNPROVED: None}}
        self.kube.merge_patch(SECRET, {"data": encoded, "metadata": unmarked})
        self.until(lambda: len(self.told() - before) >= self.get(IDENTITY)["spec"]["replicas"])
        time.sleep(1.1)  # times of events have whole seconds

    def due(self) -> None:
        """An issuer that ends in 35 days."""
        self.hand_in(
            make(
                issuer_spec("linkerd", "cluster.local"),
                datetime.now(UTC) - timedelta(days=330),
                self.anchor(),
            )
        )

    def told(self, *reasons: str) -> set[str]:
        events, _ = self.kube.list_all(f"{HOME}/events")
        wanted = reasons or (UPDATED, SKIPPED)
        return {event["metadata"]["uid"] for event in events if event["reason"] in wanted}

    def pods(self) -> set[str]:
        items, _ = self.kube.list_all(f"{HOME}/pods", labelSelector=issuer_update.COMPONENT)
        return {item["metadata"]["uid"] for item in items if not Pod(item).ending}

    def restart(self) -> None:
        """And wait until it is up again."""
        note = {"metadata": {"annotations": {"test": str(time.time())}}}
        self.kube.merge_patch(IDENTITY, {"spec": {"template": note}})
        self.until(lambda: Workload(self.get(IDENTITY)).rolled)

    def see_through(self, since: datetime, timeout_seconds: float = 30.0) -> Proof:
        update = issuer_update.Update(
            self.kube, "linkerd", since, timeout_seconds, lambda _: None, lambda: None, looked_for=SHORT
        )
        return issuer_update.see_through(update)

    def write(self) -> datetime:
        seen = renewal.see(self.kube, "linkerd", self.files)
        return renewal.write(self.kube, seen, self.files, decide(seen, self.kube.server_now()), "test")

    def until(self, done: Any) -> None:
        for _ in range(150):
            if done():
                return
            time.sleep(0.2)
        raise AssertionError("it did not come about within 30 s")


@pytest.fixture(scope="module")
def mesh(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    assert sandbox.connection
    folder = tmp_path_factory.mktemp("renewal")
    shutil.copytree(sandbox.connection.inventory, folder / "inventory")
    kube = Kube.connect(str(sandbox.connection.kubeconfig), sandbox.connection.context)
    made = Mesh(sandbox.connection, Path(sandbox.folder), kube, folder)
    code, _, printed = made.play(INSTALL)
    assert code == 0, printed
    return made


@pytest.fixture(autouse=True)
def without_faults(mesh: Mesh) -> Iterator[None]:
    yield
    faults.write(mesh.sandbox_folder, ())


def test_an_issuer_that_is_due_is_renewed_and_every_pod_of_identity_has_said_so(mesh: Mesh) -> None:
    mesh.due()
    code, tasks, printed = mesh.play([RENEW], "--check")
    assert (code, tasks["Renew"]["certificates"]["action"]) == (0, "renew"), printed
    assert mesh.issuer().not_after < datetime.now(UTC) + timedelta(days=36)

    before, old_lines = mesh.told(UPDATED), mesh.key_lines()
    journal = Journal(mesh.kube, mesh.folder / "copies", print)
    run = in_a_run(fingerprint(journal.read()))
    code, tasks, printed = mesh.play(run, "-e", f"meshroll_result_file={mesh.folder / 'result.json'}")
    assert (code, tasks["Renew"]["certificates"]["proved_by"]) == (0, "events"), printed
    assert mesh.issuer().not_after > datetime.now(UTC) + timedelta(days=364)
    secret = mesh.get(SECRET)
    assert trusts(mesh.anchor().certificate_pem, base64.b64decode(secret["data"]["tls.crt"]).decode())
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert not mesh.unproved()
    assert len(mesh.told(UPDATED) - before) >= mesh.get(IDENTITY)["spec"]["replicas"]

    remembered = json.dumps(mesh.kube.list_all("/api/v1/namespaces/meshroll/configmaps")[0])
    events = json.dumps(mesh.kube.list_all("/api/v1/events")[0])
    local = "".join(file.read_text(errors="replace") for file in mesh.folder.rglob("*") if file.is_file())
    for line in {*old_lines, *mesh.key_lines()}:
        assert line not in printed + remembered + events + local

    code, tasks, printed = mesh.play([RENEW])
    assert (code, tasks["Renew"]["changed"]) == (0, False), printed
    assert mesh.get(SECRET)["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]


@pytest.mark.exhaustive
def test_identity_that_has_missed_it_is_restarted_once(mesh: Mesh) -> None:
    mesh.due()
    faults.write(mesh.sandbox_folder, [IdentityMissesRotation()])
    before = mesh.pods()
    proof = mesh.see_through(mesh.write())
    assert (proof.state, proof.restarted) == ("proved", True)
    assert mesh.pods().isdisjoint(before)
    assert not mesh.unproved()


@pytest.mark.exhaustive
def test_what_identity_does_not_take_fails_at_once_in_its_own_words_and_the_old_issuer_is_back(
    mesh: Mesh,
) -> None:
    mesh.due()
    before, bundle = mesh.issuer(), anchors_pem(mesh.get(ROOTS))
    other = make(anchor_spec("linkerd", "cluster.local"), datetime.now(UTC))
    mesh.kube.merge_patch(ROOTS, {"data": {"ca-bundle.crt": other.certificate_pem}})
    mesh.restart()  # identity reads the anchors only as it starts
    mesh.kube.merge_patch(ROOTS, {"data": {"ca-bundle.crt": bundle}})
    try:
        since = mesh.write()
        assert mesh.issuer() != before
        with pytest.raises(Failed) as failed:
            mesh.see_through(since)
    finally:
        mesh.restart()
    (problem,) = failed.value.problems
    assert problem.code == "issuer-skipped"
    assert "certificate signed by unknown authority" in problem.message
    assert problem.hint.startswith("The issuer before it is back")
    assert mesh.issuer() == before
    secret = mesh.get(SECRET)
    assert not mesh.unproved()
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}


@pytest.mark.exhaustive
def test_identity_that_does_not_come_up_with_it_gets_the_old_issuer_back_and_that_is_told_too(
    mesh: Mesh,
) -> None:
    mesh.due()
    before = mesh.issuer()
    faults.write(mesh.sandbox_folder, [IdentityMissesRotation()])
    mesh.kube.merge_patch(IDENTITY, {"spec": {"paused": True}})  # no new pod comes of a restart
    try:
        with pytest.raises(RollbackFailed) as failed:
            mesh.see_through(mesh.write(), timeout_seconds=3.0)
    finally:
        mesh.kube.merge_patch(IDENTITY, {"spec": {"paused": False}})
        mesh.until(lambda: Workload(mesh.get(IDENTITY)).rolled)
    assert [problem.code for problem in failed.value.problems] == ["issuer-not-taken-up", "identity-not-up"]
    assert mesh.issuer() == before
    assert not mesh.unproved()


@pytest.mark.exhaustive
def test_a_run_that_was_killed_before_identity_had_it_is_gone_on_with(mesh: Mesh) -> None:
    mesh.due()
    faults.write(mesh.sandbox_folder, [IdentityMissesRotation()])
    process = mesh.start([RENEW])
    mesh.until(mesh.unproved)
    kill_tree(process.pid)
    process.communicate()
    written = mesh.get(SECRET)

    seen = renewal.see(mesh.kube, "linkerd", mesh.files)
    assert decide(seen, mesh.kube.server_now()).action == "prove"
    assert seen.unproved_since is not None
    before = mesh.pods()
    assert mesh.see_through(seen.unproved_since).restarted
    assert mesh.pods().isdisjoint(before)
    secret = mesh.get(SECRET)
    assert secret["data"]["tls.crt"] == written["data"]["tls.crt"]
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}


@pytest.mark.exhaustive
def test_without_the_anchors_key_it_is_refused_with_the_steps_and_nothing_is_changed(mesh: Mesh) -> None:
    mesh.due()
    before = mesh.get(SECRET)
    nowhere = json.dumps({"meshroll_certificates": {"anchor_key_file": str(mesh.folder / "nowhere.key")}})
    code, tasks, _ = mesh.play([RENEW], "-e", nowhere)
    assert code != 0
    assert tasks["Renew"]["meshroll"]["exit_code"] == 3
    (problem,) = tasks["Renew"]["meshroll"]["problems"]
    assert problem["code"] == "issuer-renewal-key"
    assert "step certificate create identity.linkerd.cluster.local" in problem["hint"]
    assert "kubectl -n linkerd rollout restart deployment/linkerd-identity" in problem["hint"]
    assert mesh.get(SECRET) == before


def own_files(folder: Path, issuer: Issued, anchor: Issued) -> OwnIssuer:
    contents = {
        "issuer.crt": issuer.certificate_pem,
        "issuer.key": issuer.key_pem,
        "anchors.crt": anchor.certificate_pem,
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    names = [str(folder / name) for name in contents]
    return OwnIssuer(certificate_file=names[0], key_file=names[1], anchors_file=names[2])


@pytest.mark.exhaustive
def test_an_issuer_of_ones_own_is_what_an_install_starts_from(mesh: Mesh, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    anchor = make(anchor_spec("own", "cluster.local"), now)
    issuer = make(issuer_spec("own", "cluster.local"), now, anchor)
    files = Certificates(issuer=own_files(tmp_path, issuer, anchor))
    mesh.kube.apply(
        "/api/v1/namespaces/own", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "own"}}
    )
    core = "/api/v1/namespaces/own"
    secret, roots = (
        f"{core}/secrets/linkerd-identity-issuer",
        f"{core}/configmaps/linkerd-identity-trust-roots",
    )
    identity.carry_out(mesh.kube, identity.plan_identity(None, None, "own", "cluster.local", files, now), now)
    found = identity_of(mesh.get(secret), mesh.get(roots), [])
    assert found.chain is not None
    assert problems(found.chain, "identity.own.cluster.local", now) == []
    again = identity.plan_identity(mesh.get(secret), mesh.get(roots), "own", "cluster.local", files, now)
    assert again.step == "keep"
    mesh.kube.delete(core)


@pytest.mark.exhaustive
def test_a_later_issuer_in_the_operators_files_is_what_it_is_renewed_with(mesh: Mesh, tmp_path: Path) -> None:
    mesh.due()
    later = make(
        issuer_spec("linkerd", "cluster.local"), datetime.now(UTC) - timedelta(days=100), mesh.anchor()
    )
    pair = {"issuer.crt": later.certificate_pem, "issuer.key": later.key_pem}
    for name, content in {**pair, "anchors.crt": mesh.anchor().certificate_pem}.items():
        (tmp_path / name).write_text(content)
    names = [str(tmp_path / name) for name in ("issuer.crt", "issuer.key", "anchors.crt")]
    own = OwnIssuer(certificate_file=names[0], key_file=names[1], anchors_file=names[2])
    files = {"meshroll_certificates": {"issuer": msgspec.to_builtins(own)}}
    code, tasks, printed = mesh.play([RENEW], "-e", json.dumps(files))
    assert (code, tasks["Renew"]["certificates"]["proved_by"]) == (0, "events"), printed
    assert mesh.issuer() == read_certificates(later.certificate_pem)[0]


@pytest.mark.exhaustive
def test_proxies_that_would_not_trust_a_new_issuer_refuse_it_by_name(mesh: Mesh) -> None:
    mesh.due()
    other = make(anchor_spec("linkerd", "cluster.local"), datetime.now(UTC))
    variable = {"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "value": other.certificate_pem}
    proxy = {"name": "linkerd-proxy", "image": "registry.example/proxy:1", "env": [variable]}
    name = {"name": "stranger", "namespace": "default", "labels": {"linkerd.io/control-plane-ns": "linkerd"}}
    stranger = {"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": {"containers": [proxy]}}
    before = mesh.get(SECRET)
    seen = renewal.see(mesh.kube, "linkerd", mesh.files)
    mesh.kube.create("/api/v1/namespaces/default/pods", stranger)
    try:
        with pytest.raises(Refused) as late:  # it came after the look
            renewal.write(mesh.kube, seen, mesh.files, decide(seen, mesh.kube.server_now()), "test")
        looked = decide(renewal.see(mesh.kube, "linkerd", mesh.files), mesh.kube.server_now())
    finally:
        mesh.kube.delete("/api/v1/namespaces/default/pods/stranger")
    for found in (late.value.problems, looked.problems):
        (problem,) = found
        assert problem.code == "proxies-without-anchor"
        assert "default/Pod/stranger" in problem.message
    assert mesh.get(SECRET) == before


@pytest.mark.exhaustive
def test_what_cert_manager_renews_is_said_and_never_touched(mesh: Mesh) -> None:
    mesh.due()
    name = "cert-manager.io/certificate-name"
    mesh.kube.merge_patch(SECRET, {"metadata": {"annotations": {name: "linkerd-identity-issuer"}}})
    before = mesh.get(SECRET)
    try:
        code, tasks, printed = mesh.play([RENEW])
        after = mesh.get(SECRET)
    finally:
        mesh.kube.merge_patch(SECRET, {"metadata": {"annotations": {name: None}}})
    assert (code, tasks["Renew"]["changed"]) == (0, False), printed
    assert "cert-manager (Certificate linkerd-identity-issuer) renews it" in " ".join(
        tasks["Renew"]["certificates"]["notes"]
    )
    assert after == before


@pytest.mark.exhaustive
def test_a_secret_that_somebody_has_changed_since_the_look_is_not_written(mesh: Mesh) -> None:
    mesh.due()
    seen = renewal.see(mesh.kube, "linkerd", mesh.files)
    mesh.kube.merge_patch(SECRET, {"metadata": {"annotations": {"note": str(time.time())}}})
    before = mesh.get(SECRET)
    with pytest.raises(Drift):
        renewal.write(mesh.kube, seen, mesh.files, decide(seen, mesh.kube.server_now()), "test")
    stale = {**before, "metadata": {**before["metadata"], "resourceVersion": seen.version}}
    with pytest.raises(Drift):
        renewal.replace_secret(mesh.kube, "linkerd", stale)
    assert mesh.get(SECRET) == before
