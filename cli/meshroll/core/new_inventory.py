"""What `meshroll init` writes: hosts from kubeconfig contexts or from EKS, and every setting as a comment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meshroll.core.eks_inventory import FORMS, HostName

HOSTS = "hosts.yml"
CLUSTERS = "clusters.eks.yml"
SETTINGS = "group_vars/all"

_EKS_CONTEXT = re.compile(r"^arn:[a-z-]+:eks:([a-z0-9-]+):([0-9]+):cluster/(.+)$")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})

_HEAD = """\
## Each setting stands here as an example, behind a single #: take that and its space away, and change the value.
## What is not set has its default; docs/reference/inventory.md lists all of them.
"""
_HOSTS_HEAD = """\
---
# A cluster is a host. Take out those that meshroll is to leave alone, and make groups (staging, production, a region)
# as you need them: `--limit staging` picks one, and group_vars/staging/ is where its settings go.
all:
  hosts:
"""
_HOST_HEAD = """\
---
# What differs from cluster to cluster, and nothing else.
meshroll_cluster:
"""
_CLUSTERS_HEAD = """\
---
## Clusters of Amazon EKS are found anew by each command, with AWS credentials. A cluster is a host, a tag is a group
## (`environment: production` is tag_environment_production). docs/how-to/eks.md has every option.
plugin: meshroll.linkerd.eks
"""
_CLUSTERS_TAIL = """\
## Only clusters that carry each of these tags; of a list, one is enough.
# tags:
#   environment: [staging, production]
## Groups of your own.
# keyed_groups:
#   - {key: eks_region, prefix: region}
## Ansible's cache, so that AWS is not asked each time.
# cache: true
# cache_plugin: ansible.builtin.jsonfile
# cache_connection: ~/.cache/meshroll/inventory
# cache_timeout: 3600
"""


@dataclass(frozen=True)
class Addition:
    """What an inventory that is there already does not have: ``text`` belongs into ``file``."""

    file: str
    text: str


def host_names(contexts: Iterable[str]) -> dict[str, str]:
    """Context -> host name: that of the cluster where a context is an EKS ARN, else its own without odd characters.

    In the order of their names, so that it is the same each time.
    """
    names: dict[str, str] = {}
    for context in sorted(set(contexts)):
        arn = _EKS_CONTEXT.match(context)
        forms = [context]
        if arn:
            region, account, name = arn.groups()
            forms = [name, f"{name}-{region}", f"{name}-{region}-{account}"]
        forms = [re.sub(r"[^A-Za-z0-9._-]+", "-", form).strip("-._") or "cluster" for form in forms]
        numbered = (f"{forms[-1]}-{number}" for number in range(2, len(names) + 3))
        taken = set(names.values())
        names[context] = next(form for form in (*forms, *numbered) if form not in taken)
    return names


def from_contexts(
    names: Mapping[str, str], kubeconfig: str | None, settings: Mapping[str, str]
) -> dict[str, str]:
    """File -> text, hosts first. ``names`` are ``host_names``, ``settings`` the sample's files by name."""
    files = {HOSTS: _HOSTS_HEAD + "".join(host_line(name) for name in names.values())}
    for context, name in names.items():
        own = f"  kubeconfig: {_scalar(kubeconfig)}\n" if kubeconfig else ""
        files[host_file(name)] = f"{_HOST_HEAD}{own}  context: {_scalar(context)}\n"
    return {**files, **_commented(settings)}


def from_eks(
    regions: Sequence[str], role_arns: Sequence[str], form: HostName, settings: Mapping[str, str]
) -> dict[str, str]:
    """File -> text, with a file of the inventory plugin in place of hosts, which are called by ``form``."""
    roles = (
        "## One role an account.\n" + _listed("role_arns", role_arns)
        if role_arns
        else "## The account of the credentials; for others, one role each.\n"
        "# role_arns:\n#   - arn:aws:iam::123456789012:role/meshroll\n"
    )
    text = f"{_CLUSTERS_HEAD}{_listed('regions', regions)}{roles}{_hostname(form)}{_CLUSTERS_TAIL}"
    return {CLUSTERS: text, **_commented(settings)}


def host_file(name: str) -> str:
    return f"host_vars/{name}.yml"


def host_line(name: str) -> str:
    """A host in ``hosts.yml``."""
    return f"    {_scalar(name)}: {{}}\n"


def additions(
    wanted: Mapping[str, str], present: Iterable[str], known_contexts: Iterable[str], names: Mapping[str, str]
) -> list[Addition]:
    """What of ``wanted`` an inventory with the files ``present`` does not have.

    A context that any of its hosts has is known, whatever that host is called.
    """
    there, known = set(present), set(known_contexts)
    left_out = {host_file(name) for context, name in names.items() if context in known}
    new = [name for context, name in names.items() if context not in known]
    lines = [Addition(HOSTS, host_line(name)) for name in new if HOSTS in there]
    return lines + [
        Addition(file, text) for file, text in wanted.items() if file not in there and file not in left_out
    ]


def eks_additions(
    asked: Mapping[str, Sequence[str]], form: HostName, known: Mapping[str, object]
) -> list[Addition]:
    """The ``regions`` and ``role_arns`` that were asked for, and the form of host names that tells what they have
    apart, where the plugin's file (``known``) does not have them.
    """
    found = []
    if form != known.get("hostname", FORMS[0]):
        found.append(Addition(CLUSTERS, _hostname(form)))
    for option, values in asked.items():
        there = known.get(option)
        new = [value for value in values if not isinstance(there, list) or value not in there]
        if new:
            found.append(Addition(CLUSTERS, _listed(option, new)))
    return found


def _commented(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"{SETTINGS}/{name}": commented(text) for name, text in settings.items()}


def commented(text: str) -> str:
    """A file of settings with each of them behind "# ", and explanations behind two of them."""
    lines = [
        re.sub(r"^( *)#", r"\1##", line) if not line or line.lstrip().startswith("#") else f"# {line}"
        for line in text.splitlines()
        # The editor's schema is of the checkout that the sample stands in.
        if line != "---" and "yaml-language-server" not in line
    ]
    return "\n".join(["---", *_HEAD.splitlines(), *lines, ""])


def _hostname(form: HostName) -> str:
    return "" if form == FORMS[0] else f"## Clusters share a name.\nhostname: {form}\n"


def _listed(option: str, values: Sequence[str]) -> str:
    return f"{option}:\n" + "".join(f"  - {_scalar(value)}\n" for value in values)


def _scalar(text: str) -> str:
    """As YAML reads it back as the same text: JSON's quotes are YAML's too, but for characters beyond 16 bits."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    escaped = (json.dumps(each)[1:-1] if ord(each) < 0x10000 else f"\\U{ord(each):08x}" for each in text)
    return f'"{"".join(escaped)}"'
