"""meshroll.linkerd.eks: clusters of Amazon EKS as hosts. What they are called and where they belong core decides."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: eks
short_description: Clusters of Amazon EKS as hosts
version_added: 0.1.0
author:
  - meshroll contributors (@meshroll)
description:
  - Each cluster of the named accounts and regions that carries the wanted tags is a host, with C(meshroll_cluster) set.
  - Each tag is a group C(tag_KEY_VALUE), in letters, digits and underscores; tags that AWS makes itself are left out.
  - Hosts have C(eks_account), C(eks_arn), C(eks_kubernetes_version), C(eks_region), C(eks_status) and C(eks_tags) too.
  - The file's name has to end in C(eks.yml) or C(eks.yaml).
requirements:
  - boto3, which C(pip install 'boto3>=1.40') brings
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [meshroll.linkerd.eks]
  regions:
    description: The regions to look in.
    type: list
    elements: str
    required: true
  role_arns:
    description: Roles to assume, one an account. None is the account of the credentials.
    type: list
    elements: str
    default: []
  tags:
    description: Only clusters that carry each of these tags. A value may be a list, of which one is enough.
    type: dict
    default: {}
  statuses:
    description: Only clusters of these statuses of EKS. The API server of others does not answer; they are warned of.
    type: list
    elements: str
    default: [ACTIVE, UPDATING]
  hostname:
    description: What a host is called. Two clusters of one name are refused, because each has its own host_vars.
    type: str
    choices: [name, name-region, name-region-account]
    default: name
"""

EXAMPLES = r"""
plugin: meshroll.linkerd.eks
regions: [eu-central-1, us-east-1]
role_arns:
  - arn:aws:iam::123456789012:role/meshroll
tags:
  environment: [staging, production]
keyed_groups:
  - {key: eks_region, prefix: region}
"""

import hashlib
import json
import os
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed, refusal

with needed():
    import msgspec

    from meshroll.adapters import eks
    from meshroll.core.eks_inventory import Found, groups, hosts, variables
    from meshroll.core.errors import MeshrollError


ASKED = ("regions", "role_arns", "tags", "statuses")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "meshroll.linkerd.eks"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("eks.yml", "eks.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        if told := refusal():
            raise self._error(" ".join(told))
        try:
            named = hosts(self._found(path, cache), self.get_option("hostname"))
        except MeshrollError as error:
            problem = error.problems[0]
            raise self._error(f"{problem.message} {problem.hint} ({problem.code})") from error
        strict = self.get_option("strict")
        for name, found in named.items():
            inventory.add_host(name)
            for group in groups(found):
                inventory.add_child(inventory.add_group(group), name)
            known = variables(found)
            for key, value in known.items():
                inventory.set_variable(name, key, value)
            self._set_composite_vars(self.get_option("compose"), known, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), known, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, name, strict=strict)

    def _error(self, said: str) -> AnsibleParserError:
        """Told here already: Ansible tries other plugins, and ends with an error that does not say why."""
        self.display.error(said, wrap_text=False)
        return AnsibleParserError(said)

    def _found(self, path: str, cache: bool) -> list[Found]:
        """From Ansible's cache where it is on and has them; a refresh asks AWS and fills it anew."""
        # Without the tags that Ansible puts on strings: a cache takes nothing but str for a str.
        regions, role_arns, tags, statuses = asked = json.loads(
            json.dumps([self.get_option(name) for name in ASKED])
        )
        # What was found for other questions, or in another account, is no answer.
        question = json.dumps([asked, os.environ.get("AWS_PROFILE")]).encode()
        wanted = self.get_option("cache")
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(question).hexdigest()[:16]}"
        if wanted and cache and key in self._cache:
            # What another version has put there is no answer either.
            with suppress(msgspec.ValidationError):
                return msgspec.convert(self._cache[key], list[Found])
        found = eks.find(regions, role_arns, tags, self.display.warning, statuses)
        if wanted:
            self._cache[key] = msgspec.to_builtins(found)
        return found
