"""The stand-in charts as Helm renders them. They need Helm, but no cluster."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.adapters.catalogue import shipped
from meshroll.core.releases import Edge
from meshroll_sandbox.standins.charts import RELEASES, package
from meshroll_sandbox.tools import ensure

Object = dict[str, Any]
Manifests = dict[tuple[str, str], Object]

CERTIFICATES = (
    *("--set", "identityTrustAnchorsPEM=ANCHORS"),
    *("--set", "identity.issuer.tls.crtPEM=ISSUER", "--set", "identity.issuer.tls.keyPEM=ISSUER-KEY"),
)
EXTERNAL = ("--set", "identity.externalCA=true", "--set", "identity.issuer.scheme=kubernetes.io/tls")
OLDEST, OLD, NEW, BAD = "2025.4.4", "2025.10.7", "2026.6.3", "2026.6.99"
CRASHING = "2026.6.98"


@pytest.fixture(scope="module")
def helm() -> Path:
    return ensure(lambda _: None).helm


@pytest.fixture(scope="module")
def repository(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository") / "charts"
    package(helm, folder)
    return folder


class Charts:
    def __init__(self, helm: Path, repository: Path) -> None:
        self.helm, self.repository = helm, repository

    def run(self, version: str, *arguments: str, chart: str = "linkerd-control-plane") -> Any:
        """`helm template` of a release of a chart, as it ended."""
        command = [
            self.helm,
            "template",
            "release",
            self.repository / f"{chart}-{version}.tgz",
            "-n",
            "linkerd",
        ]
        kubernetes = [] if "--kube-version" in arguments else ["--kube-version", "1.35.4"]
        return subprocess.run(
            [*command, *kubernetes, *arguments], capture_output=True, text=True, check=False
        )

    def render(self, version: str, *arguments: str, chart: str = "linkerd-control-plane") -> Manifests:
        done = self.run(version, *arguments, chart=chart)
        assert done.returncode == 0, done.stderr
        return {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(done.stdout) if m}


@pytest.fixture(scope="module")
def charts(helm: Path, repository: Path) -> Charts:
    return Charts(helm, repository)


def containers(manifests: Manifests, name: str, field: str = "containers") -> list[str]:
    return [each["name"] for each in manifests["Deployment", name]["spec"]["template"]["spec"][field]]


def test_index_lists_every_release(repository: Path) -> None:
    index = yaml.safe_load((repository / "index.yaml").read_text())["entries"]
    versions = [release.version for release in reversed(RELEASES)]
    assert [entry["version"] for entry in index["linkerd-crds"]] == versions
    entries = index["linkerd-control-plane"]
    assert [entry["version"] for entry in entries] == versions
    kubernetes = {entry["appVersion"]: entry["kubeVersion"] for entry in entries}
    assert kubernetes["edge-25.11.2"] == ">=1.23.0-0"
    assert kubernetes["edge-26.6.3"] == ">=1.31.0-0"
    for entry in entries:
        assert entry["urls"] == [f"linkerd-control-plane-{entry['version']}.tgz"]
        assert (repository / entry["urls"][0]).is_file()


def test_packaging_replaces_what_was_there(helm: Path, repository: Path) -> None:
    stale = repository / "linkerd-control-plane-1.0.0.tgz"
    stale.touch()
    package(helm, repository)
    assert not stale.exists()
    assert (repository / "index.yaml").is_file()


def test_definitions(charts: Charts) -> None:
    found = charts.render(NEW, chart="linkerd-crds")
    assert {name for _, name in found} == {
        *("servers.policy.linkerd.io", "serverauthorizations.policy.linkerd.io"),
        *("authorizationpolicies.policy.linkerd.io", "meshtlsauthentications.policy.linkerd.io"),
        *("networkauthentications.policy.linkerd.io", "httproutes.policy.linkerd.io"),
        *("httplocalratelimitpolicies.policy.linkerd.io", "egressnetworks.policy.linkerd.io"),
        *("serviceprofiles.linkerd.io", "externalworkloads.workload.linkerd.io"),
    }
    for definition in found.values():
        assert [version["storage"] for version in definition["spec"]["versions"]].count(True) == 1


def test_gateway_api_is_installed_when_asked_for(charts: Charts) -> None:
    found = charts.render(NEW, "--set", "installGatewayAPI=true", chart="linkerd-crds")
    routes = {name: one for (_, name), one in found.items() if name.endswith("gateway.networking.k8s.io")}
    assert {name.split(".")[0] for name in routes} == {"httproutes", "grpcroutes", "tlsroutes", "tcproutes"}
    for route in routes.values():
        assert route["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert route["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"] == "v1.1.1"
    some = ("--set", "installGatewayAPI=true", "--set", "enableTcpRoutes=false")
    assert len(charts.render(NEW, *some, chart="linkerd-crds")) == len(found) - 1


def test_releases_are_those_of_the_catalogue_and_two_bad_ones() -> None:
    catalogue = shipped()
    known = {str(release.edge): catalogue.find(Edge.parse(str(release.edge))) for release in RELEASES}
    assert [edge for edge, row in known.items() if row is None] == ["edge-26.6.98", "edge-26.6.99"]
    rows = [row for row in known.values() if row]
    assert {row.milestone for row in rows} >= {"2.18", "2.19", "2.20"}
    assert [row.edge for row in rows if row.mark == "not_recommended"] == ["edge-25.11.2"]
    for release in RELEASES:
        row = known[str(release.edge)]
        # Before 1.31, what the charts demand is not told apart: no cluster here is that old.
        assert row is None or (row.kubernetes_min == "1.31") == (release.kube_version == ">=1.31.0-0")


def test_values_that_older_releases_have(charts: Charts) -> None:
    def values(version: str, chart: str = "linkerd-control-plane") -> Any:
        archive = charts.repository / f"{chart}-{version}.tgz"
        return yaml.safe_load(
            subprocess.run([charts.helm, "show", "values", archive], capture_output=True, check=True).stdout
        )

    oldest, old, withdrawn, new = (values(version) for version in (OLDEST, OLD, "2025.11.2", NEW))
    assert oldest["policyController"]["image"]["name"] == "cr.l5d.io/linkerd/policy-controller"
    assert "image" not in old["policyController"]
    assert oldest["controlPlaneTracing"] is False and "tracing" not in oldest["controller"]
    assert "controlPlaneTracing" not in old and old["controller"]["tracing"]["enabled"] is False
    for each in (oldest, old, withdrawn):
        assert each["proxyInit"]["image"]["version"] == "v2.4.3"
        assert each["proxy"]["nativeSidecar"] is False
    assert "image" not in new["proxyInit"]
    assert (oldest["proxyInit"]["iptablesMode"], old["proxyInit"]["iptablesMode"]) == ("legacy", "nft")
    assert [values(version, "linkerd-crds")["installGatewayAPI"] for version in (OLDEST, OLD)] == [
        True,
        False,
    ]


def test_release_whose_control_plane_crashes(charts: Charts) -> None:
    fault = "sandbox.meshroll.io/fault"
    for version, label in ((CRASHING, "crash-loop"), (BAD, None), (NEW, None)):
        for (kind, _), one in charts.render(version, *EXTERNAL).items():
            if kind == "Deployment":
                assert one["spec"]["template"]["metadata"]["labels"].get(fault) == label


@pytest.mark.parametrize(("version", "native"), [(OLDEST, False), (OLD, False), (NEW, True), (BAD, True)])
def test_control_plane_pods(charts: Charts, version: str, native: bool) -> None:
    found = charts.render(version, *CERTIFICATES)
    edge = f"edge-{version.removeprefix('20')}"
    proxy, init = (["linkerd-proxy"], ["linkerd-init"])
    destination = ["destination", "sp-validator", "policy"]
    assert containers(found, "linkerd-destination") == ([] if native else proxy) + destination
    assert containers(found, "linkerd-proxy-injector") == ([] if native else proxy) + ["proxy-injector"]
    for name in ("linkerd-destination", "linkerd-proxy-injector"):
        assert containers(found, name, "initContainers") == init + (proxy if native else [])
    # Identity's own proxy is never a native sidecar.
    assert containers(found, "linkerd-identity") == ["identity", "linkerd-proxy"]
    for (kind, name), deployment in found.items():
        if kind != "Deployment":
            continue
        assert deployment["metadata"]["annotations"]["linkerd.io/created-by"] == f"linkerd/helm {edge}"
        assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == edge
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"]["linkerd.io/control-plane-ns"] == "linkerd"
        assert template["metadata"]["labels"]["linkerd.io/proxy-deployment"] == name
        assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        images = {each["image"] for each in template["spec"]["containers"]}
        assert all(image.endswith(f":{edge}") for image in images)


def test_values_are_published_without_keys(charts: Charts) -> None:
    config = charts.render(NEW, *CERTIFICATES)["ConfigMap", "linkerd-config"]
    assert "ISSUER-KEY" not in json.dumps(config)
    values = yaml.safe_load(config["data"]["values"])
    assert values["linkerdVersion"] == "edge-26.6.3"
    assert values["proxy"]["nativeSidecar"] is True
    assert values["identityTrustDomain"] == "cluster.local"
    old = charts.render(OLD, *CERTIFICATES)["ConfigMap", "linkerd-config"]
    assert yaml.safe_load(old["data"]["values"])["proxy"]["nativeSidecar"] is False


def test_certificates_as_values(charts: Charts) -> None:
    found = charts.render(NEW, *CERTIFICATES)
    assert found["ConfigMap", "linkerd-identity-trust-roots"]["data"] == {"ca-bundle.crt": "ANCHORS"}
    issuer = found["Secret", "linkerd-identity-issuer"]["data"]
    assert {key: base64.b64decode(value) for key, value in issuer.items()} == {
        "crt.pem": b"ISSUER",
        "key.pem": b"ISSUER-KEY",
    }


@pytest.mark.parametrize("version", [OLD, NEW])
def test_certificates_that_others_keep(charts: Charts, version: str) -> None:
    found = charts.render(version, *EXTERNAL)
    assert ("ConfigMap", "linkerd-identity-trust-roots") not in found
    assert ("Secret", "linkerd-identity-issuer") not in found


def test_webhooks_have_certificates_of_their_own(charts: Charts) -> None:
    first, second = charts.render(NEW, *EXTERNAL), charts.render(NEW, *EXTERNAL)
    hook = first["MutatingWebhookConfiguration", "linkerd-proxy-injector-webhook-config"]["webhooks"][0]
    secret = first["Secret", "linkerd-proxy-injector-k8s-tls"]
    assert hook["clientConfig"]["caBundle"] == secret["data"]["tls.crt"]
    assert hook["failurePolicy"] == "Ignore"
    assert hook["rules"][0]["resources"] == ["pods", "services"]
    # Every render makes them anew, and restarts the pods that mount them.
    assert secret["data"] != second["Secret", "linkerd-proxy-injector-k8s-tls"]["data"]
    sums = [
        each["Deployment", "linkerd-proxy-injector"]["spec"]["template"]["metadata"]["annotations"]
        for each in (first, second)
    ]
    assert sums[0]["checksum/config"] != sums[1]["checksum/config"]


def test_high_availability(charts: Charts, tmp_path: Path) -> None:
    subprocess.run(
        ["tar", "-xzf", charts.repository / f"linkerd-control-plane-{NEW}.tgz", "-C", tmp_path], check=True
    )
    values = str(tmp_path / "linkerd-control-plane" / "values-ha.yaml")
    found = charts.render(NEW, *EXTERNAL, "-f", values)
    for name in ("linkerd-destination", "linkerd-identity", "linkerd-proxy-injector"):
        deployment = found["Deployment", name]["spec"]
        assert deployment["replicas"] == 3
        affinity = deployment["template"]["spec"]["affinity"]["podAntiAffinity"]
        (required,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
        assert required["topologyKey"] == "kubernetes.io/hostname"
        assert deployment["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "100m"
    budgets = {name for kind, name in found if kind == "PodDisruptionBudget"}
    assert budgets == {"linkerd-dst", "linkerd-identity", "linkerd-proxy-injector"}
    for (kind, _), one in found.items():
        if kind.endswith("WebhookConfiguration"):
            assert one["webhooks"][0]["failurePolicy"] == "Fail"


def test_pod_monitors(charts: Charts) -> None:
    assert not [kind for kind, _ in charts.render(NEW, *EXTERNAL) if kind == "PodMonitor"]
    found = charts.render(NEW, *EXTERNAL, "--set", "podMonitor.enabled=true")
    (endpoint,) = found["PodMonitor", "linkerd-proxy"]["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"][0]["regex"] == "^linkerd-proxy;linkerd-admin;linkerd$"
    assert endpoint["honorTimestamps"] is False
    old = charts.render(OLD, *EXTERNAL, "--set", "podMonitor.enabled=true")
    assert "honorTimestamps" not in old["PodMonitor", "linkerd-proxy"]["spec"]["podMetricsEndpoints"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "identityTrustAnchorsPEM=ANCHORS"), "identity.issuer.tls.crtPEM is missing"),
        (("--set", "identity.issuer.tls.crtPEM=ISSUER"), "identity.issuer.tls.keyPEM is missing"),
        ((*EXTERNAL, "--kube-version", "1.30.9"), "incompatible with Kubernetes"),
        ((*EXTERNAL, "--set", "proxyInit.iptablesMode=plain"), "nft or legacy"),
        ((*EXTERNAL, "--set", "proxyInjector.externalSecret=true"), "externalSecret needs one of"),
    ],
)
def test_refused(charts: Charts, arguments: tuple[str, ...], message: str) -> None:
    done = charts.run(NEW, *arguments)
    assert done.returncode != 0
    assert message in done.stderr


def test_older_release_takes_an_older_cluster(charts: Charts) -> None:
    assert charts.run(OLD, *EXTERNAL, "--kube-version", "1.30.9").returncode == 0
