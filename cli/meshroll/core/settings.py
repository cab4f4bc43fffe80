"""What an inventory may say: the flat ``meshroll_*`` variables, their types, units and defaults.

This is the one place where a setting and its default are defined; the roles' argument_specs and
docs/reference/inventory.md repeat it and a contract test holds them equal.
"""

from __future__ import annotations

import datetime
import difflib
import re
import zoneinfo
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

import msgspec

from meshroll.core import prometheus_url, webhook_url
from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import kubernetes_minor
from meshroll.core.places import is_address, shown
from meshroll.core.releases import EDGE_PATTERN, Edge, EdgeName, KubernetesMinor

Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
PodLimit = Annotated[int, msgspec.Meta(ge=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
WorkloadName = Annotated[
    str, msgspec.Meta(pattern=r"^(Deployment|StatefulSet|DaemonSet|CronJob)/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
Percent = Annotated[str, msgspec.Meta(pattern=r"^(100|[1-9]?[0-9])%$")]


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: immutable, and a key that nobody knows is an error."""


AwsRegion = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+\Z")]
AwsRole = Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/\S+\Z")]


class Eks(_Settings, frozen=True):
    """A cluster of Amazon EKS, reached with AWS credentials; ``role_arn`` is assumed first.

    ``account`` is whose it has to be: a cluster of that name there may be in every account that credentials are of.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}\Z")]
    region: AwsRegion
    account: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")] | None = None
    role_arn: AwsRole | None = None


class Cluster(_Settings, frozen=True):
    kubeconfig: str | None = None
    context: str | None = None
    eks: Eks | None = None

    def __post_init__(self) -> None:
        if self.eks and (self.kubeconfig or self.context):
            raise ValueError("give either `eks` or `kubeconfig` and `context`")


class Api(_Settings, frozen=True):
    """What one task asks of a cluster's API server at most: so much at a time, and so much a second.

    More than 16 at a time would be of no use: no pool of threads here has more.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=16)] = 16
    requests_per_second: Annotated[int, msgspec.Meta(ge=5)] = 100


class PrometheusService(_Settings, frozen=True):
    """Prometheus by the API server's Service proxy, for clusters where nothing else reaches it."""

    namespace: Name
    name: Name
    port: str = "9090"


class BasicAuth(_Settings, frozen=True):
    username: Annotated[str, msgspec.Meta(pattern=r"^[^:]+$")]
    password_file: str


class Sigv4(_Settings, frozen=True):
    """Requests are signed with AWS credentials, as Amazon Managed Prometheus wants them; ``role_arn`` assumed first."""

    region: AwsRegion
    role_arn: AwsRole | None = None


class Prometheus(_Settings, frozen=True):
    """Where Prometheus is and how it lets one in; secrets are named by their files."""

    url: str | None = None
    service: PrometheusService | None = None
    basic_auth: BasicAuth | None = None
    bearer_token_file: str | None = None
    sigv4: Sigv4 | None = None
    ca_file: str | None = None
    tenant: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9!_.*'()|-]+$")] | None = None
    scrape: Literal["existing", "podmonitor"] = "existing"
    scrape_interval_seconds: PositiveSeconds = 30.0

    def __post_init__(self) -> None:
        logins = [self.basic_auth, self.bearer_token_file, self.sigv4]
        if not self.url:
            if any([*logins, self.ca_file, self.tenant]):
                raise ValueError(
                    "`basic_auth`, `bearer_token_file`, `sigv4`, `ca_file` and `tenant` go with `url`; through "
                    "`service` the cluster's own credentials count, and no others are passed on"
                )
            return
        if self.service:
            raise ValueError("give either `url` or `service`")
        if wrong := prometheus_url.complaint(self.url):
            raise ValueError(wrong)
        if len([each for each in logins if each]) + prometheus_url.has_credentials(self.url) > 1:
            raise ValueError(
                "give one of `basic_auth`, `bearer_token_file`, `sigv4` and a username and password in `url`"
            )
        if any(logins) and prometheus_url.readable_on_the_way(self.url):
            raise ValueError(
                "with `basic_auth`, `bearer_token_file` or `sigv4`, `url` has to be https:// (or this machine itself); "
                "else whoever is on the way can read the secret"
            )
        region = prometheus_url.aws_region(self.url)
        if self.sigv4 and region and region != self.sigv4.region:
            raise ValueError(f"`url` is of {region}, and `sigv4.region` says {self.sigv4.region}")


class ReleasePolicy(_Settings, frozen=True):
    """Which release is picked. ``channel`` is also where a release is pinned.

    A release has to run on every Kubernetes minor from ``kubernetes_min`` to ``kubernetes_max``, beside the cluster's.
    """

    channel: Annotated[str, msgspec.Meta(pattern=rf"^(recommended|milestone|newest|{EDGE_PATTERN})\Z")] = (
        "recommended"
    )
    minimum_age_days: Count = 0
    kubernetes_min: KubernetesMinor | None = None
    kubernetes_max: KubernetesMinor | None = None
    deny: list[EdgeName] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        low, high = self.kubernetes_min, self.kubernetes_max
        if low and high and kubernetes_minor(low) > kubernetes_minor(high):
            raise ValueError("`kubernetes_min` is newer than `kubernetes_max`")
        if self.channel in self.deny:
            raise ValueError(f"`deny` lists {self.channel}, which `channel` pins")

    @property
    def pin(self) -> Edge | None:
        return Edge.parse(self.channel) if self.channel.startswith("edge-") else None


class ControlPlane(_Settings, frozen=True):
    namespace: Name = "linkerd"
    chart_source: str = "https://helm.linkerd.io/edge"
    profile: Literal["auto", "ha", "default"] = "auto"
    helm_binary: str = "helm"
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    timeout_seconds: PositiveSeconds = 300.0


class OwnIssuer(_Settings, frozen=True):
    """An issuer of the operator's own authority, as files; ``anchors_file`` has the trust anchors that it chains to."""

    certificate_file: str
    key_file: str
    anchors_file: str


class Certificates(_Settings, frozen=True):
    anchor_key_file: str | None = None
    issuer: OwnIssuer | None = None


class GatewayApi(_Settings, frozen=True):
    file: str | None = None


class Limits(_Settings, frozen=True):
    """What a gate holds each workload to.

    ``growth_ratio_max``: a Successful verdict rules out that so many more requests than allowed failed, or were slow.
    """

    success_ratio_min: Ratio = 0.99
    growth_ratio_max: Ratio = 0.005
    latency_p50_ms_max: PositiveSeconds | None = None
    latency_p95_ms_max: PositiveSeconds | None = None
    latency_p99_ms_max: PositiveSeconds | None = 1000.0
    mtls_ratio_min: Ratio = 0.95
    busiest_pod_to_mean_max: Annotated[float, msgspec.Meta(ge=1)] = 2.0


class ApplicationQuery(_Settings, frozen=True):
    """PromQL of the operator's own, one sample a workload; ``workload_label`` names it (``omni``)."""

    signal: Literal[
        "success_ratio", "requests_per_second", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"
    ]
    promql: str
    workload_label: str = "workload"


class Gate(_Settings, frozen=True):
    settle_seconds: Seconds = 30.0
    window_seconds: PositiveSeconds = 120.0
    window_max_seconds: PositiveSeconds = 600.0
    interval_seconds: PositiveSeconds = 30.0
    requests_min: Count = 50
    errors_in_a_row_max: Annotated[int, msgspec.Meta(ge=1)] = 3
    paused_max_seconds: Seconds = 86400.0
    dry_run: bool = False
    limits: Limits = msgspec.field(default_factory=Limits)
    application_queries: list[ApplicationQuery] = msgspec.field(default_factory=list)


class Wave(_Settings, frozen=True):
    """A wave picks from what earlier waves left: named workloads, a label match, or a share of all."""

    name: str | None = None
    workloads: list[WorkloadName] | None = None
    labels: dict[str, str] | None = None
    clients: Annotated[int, msgspec.Meta(ge=1)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


class Switch(_Settings, frozen=True):
    """A place where a client reads its target or its dial mode, with the value for either dial mode.

    Either an environment variable (``env``, of ``container`` where a pod has several) or a key of a
    ConfigMap that no other workload reads (``config_map`` and ``key``).
    """

    pooled: str
    per_request: str
    env: str | None = None
    container: str | None = None
    config_map: Name | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.config_map is None):
            raise ValueError("give either `env` or `config_map`")
        if (self.config_map is None) != (self.key is None):
            raise ValueError("`config_map` and `key` go together")


class Client(_Settings, frozen=True):
    """A caller of a Service: where it runs and how its target and dial mode are set.

    ``manual`` stands for a switch that only a person can throw (a feature flag): the run pauses with
    this text. ``namespace`` is the caller's, when it is not the Service's.
    """

    workload: WorkloadName
    service: Name
    namespace: Name | None = None
    dial: list[Switch] = msgspec.field(default_factory=list)
    manual: str | None = None


Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class Window(_Settings, frozen=True):
    """When a scheduled upgrade may begin; one that ends before it starts ends on the day after. No days: every day."""

    starts: Clock
    ends: Clock
    days: list[Weekday] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.starts == self.ends:
            raise ValueError("`starts` and `ends` are the same; leave `windows` out for any time")


class Freeze(_Settings, frozen=True):
    """Days, both included, on which no scheduled upgrade begins."""

    first: datetime.date
    last: datetime.date
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("`last` is before `first`")


class Acceptance(_Settings, frozen=True):
    """A breaking change or a check that may hit this cluster, by its id, and why that is well."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z")]
    reason: Annotated[str, msgspec.Meta(pattern=r"\S")]


def _refuse_twice(accept: Sequence[Acceptance]) -> None:
    names = [each.id for each in accept]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"`accept` lists {', '.join(twice)} twice")


class Upgrade(_Settings, frozen=True):
    """When `meshroll upgrade --scheduled` begins, and what any upgrade may be hit by.

    ``timezone`` is an IANA name, and holds for windows and freezes.
    """

    interval_days: Count = 90
    timezone: str = "UTC"
    windows: list[Window] = msgspec.field(default_factory=list)
    freeze: list[Freeze] = msgspec.field(default_factory=list)
    accept: list[Acceptance] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        _refuse_twice(self.accept)
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
            raise ValueError(f"`timezone` {self.timezone!r} is not one such as Europe/Berlin") from error


class Checks(_Settings, frozen=True):
    """Checks (ids of docs/reference/checks.md) that may block here, and why that is well."""

    accept: list[Acceptance] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        _refuse_twice(self.accept)


Event = Literal["start", "pause", "failure", "rollback", "success", "overdue"]
EVENTS: tuple[Event, ...] = get_args(Event)


class Notification(_Settings, frozen=True):
    """Where notices of runs are sent. Whoever knows an incoming webhook's URL may post to it, so it may be in a file.

    ``template`` is a file with a Jinja2 template for the text, of the fields in docs/reference/notifications.md.
    """

    url: str | None = None
    url_file: str | None = None
    format: Literal["webhook", "slack"] = "webhook"
    events: Annotated[list[Event], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: list(EVENTS)
    )
    template: str | None = None

    def __post_init__(self) -> None:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either `url` or `url_file`")
        if self.url is not None and (wrong := webhook_url.complaint(self.url)):
            raise ValueError(wrong)


class Service(_Settings, frozen=True):
    """A Service to convert. ``alongside`` makes a second, ClusterIP, Service; the headless one stays.

    ``in_place`` makes that one too, and turns the headless one into a ClusterIP Service without deleting it;
    ``recreate`` deletes it and makes it anew. ``source_ready`` says that whatever owns it no longer makes it headless.
    """

    name: Name
    method: Literal["alongside", "in_place", "recreate"] = "alongside"
    alongside_name: Name | None = None
    source_ready: bool = False

    @property
    def converts(self) -> bool:
        """Whether the Service itself becomes another, so that clients keep its name."""
        return self.method != "alongside"

    @property
    def target_name(self) -> str:
        return self.alongside_name or f"{self.name}-clusterip"


class Namespace(_Settings, frozen=True):
    name: Name
    injection: Literal["namespace", "workloads"] = "namespace"
    sidecar: Literal["auto", "native", "wait"] = "auto"
    wait_before_exit_seconds: Annotated[int, msgspec.Meta(ge=1)] = 10
    workloads: list[WorkloadName] | None = None
    services: list[Service] = msgspec.field(default_factory=list)
    clients: list[Client] = msgspec.field(default_factory=list)
    waves: list[Wave] | None = None

    @property
    def annotates(self) -> bool:
        """Whether the namespace itself is told to inject: never where only named workloads are wanted."""
        return self.injection == "namespace" and self.workloads is None


DEFAULT_WAVES = (
    Wave(name="first client", clients=1),
    Wave(name="quarter", share=0.25),
    Wave(name="rest", share=1.0),
)


class Settings(_Settings, frozen=True):
    """All of one cluster's ``meshroll_*`` variables, without the prefix."""

    cluster: Cluster = msgspec.field(default_factory=Cluster)
    api: Api = msgspec.field(default_factory=Api)
    prometheus: Prometheus = msgspec.field(default_factory=Prometheus)
    release: ReleasePolicy = msgspec.field(default_factory=ReleasePolicy)
    catalogue: str | None = None
    control_plane: ControlPlane = msgspec.field(default_factory=ControlPlane)
    certificates: Certificates = msgspec.field(default_factory=Certificates)
    gateway_api: GatewayApi = msgspec.field(default_factory=GatewayApi)
    gate: Gate = msgspec.field(default_factory=Gate)
    upgrade: Upgrade = msgspec.field(default_factory=Upgrade)
    checks: Checks = msgspec.field(default_factory=Checks)
    notifications: list[Notification] = msgspec.field(default_factory=list)
    waves: list[Wave] = msgspec.field(default_factory=lambda: list(DEFAULT_WAVES))
    namespaces: list[Namespace] = msgspec.field(default_factory=list)
    max_restarting_pods: PodLimit | Percent = "10%"
    max_restarting_pods_per_cluster: PodLimit | Percent | None = None
    max_restarting_pods_per_node: PodLimit | None = None
    rollback_automatic: Literal["fallback", "previous"] = "fallback"
    probe_image: Annotated[str, msgspec.Meta(min_length=1)] = "curlimages/curl:8.12.1"


# What a run is told about itself, by the CLI or with -e; not policy, so never in an inventory.
RUN_VARIABLES = frozenset(
    {
        "run_id",
        "result_file",
        "namespace",
        "started_at",
        "begun",
        "verdicts",
        "left_behind",
        "take",
        "on_inconclusive",
        "conversions",
        "emit_patches",
        "accept",
    }
)
PREFIX = "meshroll_"
_FIELD = re.compile(r"unknown field `([^`]+)`")
_KNOWN_FIELDS = sorted(
    {
        field
        for struct in (
            Eks,
            Cluster,
            Api,
            PrometheusService,
            BasicAuth,
            Prometheus,
            ReleasePolicy,
            ControlPlane,
            OwnIssuer,
            Certificates,
            GatewayApi,
            Limits,
            ApplicationQuery,
            Gate,
            Wave,
            Switch,
            Client,
            Window,
            Freeze,
            Acceptance,
            Upgrade,
            Checks,
            Notification,
            Service,
            Namespace,
        )
        for field in struct.__struct_fields__
    }
)


def parse(variables: Mapping[str, Any]) -> Settings:
    """Settings from a host's variables; those without the ``meshroll_`` prefix are none of ours.

    Raises UsageError: an unknown key (with the nearest known one), a wrong type or a value out of range.
    """
    own = {key.removeprefix(PREFIX): value for key, value in variables.items() if key.startswith(PREFIX)}
    known = set(Settings.__struct_fields__)
    problems = [
        Problem(
            "inventory-unknown-key",
            f"{PREFIX}{key} is not a setting of meshroll.",
            nearest(key, known, PREFIX),
        )
        for key in sorted(set(own) - known - RUN_VARIABLES)
    ]
    wanted = {key: value for key, value in own.items() if key in known}
    try:
        settings = msgspec.convert(wanted, Settings)
    except msgspec.ValidationError as error:
        problems.append(_problem(str(error)))
        raise UsageError(problems) from error
    problems += _contradictions(settings)
    if problems:
        raise UsageError(problems)
    return settings


def with_namespace(settings: Settings, name: str | None) -> tuple[Settings, tuple[str, ...]]:
    """Only namespace ``name`` of the inventory, or one with defaults; the second item says what was assumed."""
    if name is None:
        return settings, ()
    listed = [namespace for namespace in settings.namespaces if namespace.name == name]
    if listed:
        return msgspec.structs.replace(settings, namespaces=listed), ()
    try:
        default = msgspec.convert({"name": name}, Namespace)
    except msgspec.ValidationError as error:
        raise UsageError(
            Problem("namespace-name", f"{name!r} is not the name of a namespace.", str(error))
        ) from error
    note = (
        f"{name} is not in meshroll_namespaces, so these defaults hold: injection {default.injection}, "
        f"sidecar {default.sidecar}, no Service and no client is changed."
    )
    return msgspec.structs.replace(settings, namespaces=[default]), (note,)


def _problem(message: str) -> Problem:
    path = message.rsplit(" - at `$.", 1)
    where = f"{PREFIX}{path[1].rstrip('`')}" if len(path) == 2 else "the inventory"
    unknown = _FIELD.search(message)
    if unknown:
        return Problem(
            "inventory-unknown-key",
            f"{where} has no key {unknown.group(1)}.",
            nearest(unknown.group(1), _KNOWN_FIELDS),
        )
    return Problem(
        "inventory-wrong-value",
        f"{where}: {path[0]}.",
        "docs/reference/inventory.md has each setting, its type and unit.",
    )


def nearest(
    key: str,
    known: Collection[str],
    prefix: str = "",
    otherwise: str = "docs/reference/inventory.md lists every setting.",
) -> str:
    """A hint for a name that nobody knows."""
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"Did you mean {prefix}{close[0]}?" if close else otherwise


def refuse_unknown(
    code: str, where: str, what: str, ids: Iterable[str], known: Collection[str], page: str
) -> None:
    """Raises UsageError, with the nearest known one for each of ``ids`` (said at ``where``) that is no ``what``."""
    problems = [
        Problem(
            code,
            f"{where} has {each}, which is no {what}.",
            nearest(each, known, otherwise=f"{page} lists them."),
        )
        for each in ids
        if each not in known
    ]
    if problems:
        raise UsageError(problems)


def _contradictions(settings: Settings) -> list[Problem]:
    """What the types cannot say: names given twice, clients of Services nobody listed."""
    problems = []
    if is_address(settings.catalogue or "") and not str(settings.catalogue).startswith("https://"):
        problems.append(
            Problem(
                "inventory-wrong-value",
                f"meshroll_catalogue is neither a file nor an https:// address: {shown(str(settings.catalogue))}.",
                "Whoever is on the way could mark a release as recommended, so there is no other way in.",
            )
        )
    names = [namespace.name for namespace in settings.namespaces]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(
            Problem(
                "inventory-duplicate",
                f"meshroll_namespaces lists {name} twice.",
                "Keep one of the two.",
                namespace=name,
            )
        )
    for namespace in settings.namespaces:
        for client in namespace.clients:
            if client.manual is not None and (client.namespace or namespace.name) != namespace.name:
                problems.append(
                    Problem(
                        "client-manual-elsewhere",
                        f"{client.namespace}/{client.workload} is only accounted for, so nobody is asked to switch it.",
                        "Give `dial:` with the values that show how it dials, in place of `manual:`.",
                        namespace=namespace.name,
                        object=client.workload,
                    )
                )
            if (
                client.manual is None
                and not client.dial
                and (client.namespace or namespace.name) == namespace.name
            ):
                problems.append(
                    Problem(
                        "client-without-dial",
                        f"{client.workload} has no way to set its dial mode.",
                        "Give `dial:` (env or config_map with values for pooled and per_request) or `manual:`.",
                        namespace=namespace.name,
                        object=client.workload,
                    )
                )
    return problems
