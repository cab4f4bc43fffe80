"""What a command imports, and what it leaves to others in the same process."""

from __future__ import annotations

import subprocess
import sys

FIRST = """
import sys
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.credentials import ApiClient, Configuration, config
"""
NOTHING = "assert not [name for name in sys.modules if name.partition('.')[0] == 'kubernetes'], sys.modules\n"
WHOLE = """
import kubernetes
kubernetes.client.ApiClient(kubernetes.client.Configuration()).sanitize_for_serialization(kubernetes.client.V1Pod())
assert kubernetes.client.ApiClient is not ApiClient
from kubernetes.dynamic import DynamicClient
"""


def imported(program: str) -> set[str]:
    """The names of all modules that ``program`` imports, by the interpreter's own account."""
    argv = [sys.executable, "-X", "importtime", "-c", program]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}


def test_reading_credentials_imports_no_class_of_an_object() -> None:
    found = {name for name in imported(f"{FIRST}{NOTHING}") if name.startswith("kubernetes.client.")}
    assert "kubernetes.client.rest" in found
    assert not [
        name for name in found if name.startswith(("kubernetes.client.models", "kubernetes.client.api."))
    ]


def test_an_inventory_plugin_of_the_same_process_gets_the_whole_kubernetes_package() -> None:
    assert "kubernetes.client.models.v1_pod" in imported(f"{FIRST}{WHOLE}")


def test_credentials_are_read_where_the_whole_kubernetes_package_came_first() -> None:
    imported(
        f"import kubernetes\n{FIRST}assert kubernetes.client.ApiClient is not ApiClient\nkubernetes.client.V1Pod()"
    )
