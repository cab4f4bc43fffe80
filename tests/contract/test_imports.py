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


def passes(program: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_reading_credentials_imports_no_class_of_an_object() -> None:
    passes(f"{FIRST}{NOTHING}")


def test_an_inventory_plugin_of_the_same_process_gets_the_whole_kubernetes_package() -> None:
    passes(f"{FIRST}{WHOLE}")


def test_credentials_are_read_where_the_whole_kubernetes_package_came_first() -> None:
    passes(
        f"import kubernetes\n{FIRST}assert kubernetes.client.ApiClient is not ApiClient\nkubernetes.client.V1Pod()"
    )
