"""How the kubernetes package reads a kubeconfig, without the rest of it.

Importing the package imports a thousand classes of objects, of which nothing here uses one: 40 MiB and half a second
of every command. So the few modules that read credentials are imported between stand-ins for those classes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "kubernetes"
HOLLOW = (PACKAGE, f"{PACKAGE}.client", f"{PACKAGE}.client.models")


def _imported() -> tuple[Any, Any, Any]:
    """``ApiClient``, ``Configuration`` and the module ``kubernetes.config``, which know of each other alone.

    Whoever else imports the package in this process gets all of it, as if nothing of it had been imported here.
    """
    others = {name: sys.modules[name] for name in list(sys.modules) if _is_of_package(name)}
    try:
        for name in others:
            del sys.modules[name]
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
        folder = str(Path(spec.origin).parent)
        for name in HOLLOW:
            module = ModuleType(name)
            module.__path__ = [folder + name.removeprefix(PACKAGE).replace(".", "/")]
            sys.modules[name] = module
            parent, _, own = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], own, module)
        client: Any = sys.modules[f"{PACKAGE}.client"]
        client.Configuration = import_module(f"{PACKAGE}.client.configuration").Configuration
        client.ApiClient = import_module(f"{PACKAGE}.client.api_client").ApiClient
        return client.ApiClient, client.Configuration, import_module(f"{PACKAGE}.config")
    finally:
        for name in [name for name in list(sys.modules) if _is_of_package(name)]:
            del sys.modules[name]
        sys.modules.update(others)


def _is_of_package(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


ApiClient, Configuration, config = _imported()
ConfigException: Any = config.ConfigException
