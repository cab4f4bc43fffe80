"""Read a kubeconfig whose certificates and keys are inside."""

import base64
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml


def read_kubeconfig(path: Path) -> tuple[str, ssl.SSLContext]:
    """The server's URL and the TLS settings of the current context."""
    config = yaml.safe_load(path.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    tls = ssl.create_default_context(cadata=authority)
    with tempfile.TemporaryDirectory() as folder:
        # ssl takes a client certificate from files only.
        pair = [Path(folder, name) for name in ("client.crt", "client.key")]
        for file, field in zip(pair, ("client-certificate-data", "client-key-data"), strict=True):
            file.write_bytes(base64.b64decode(user[field]))
        tls.load_cert_chain(pair[0], pair[1])
    return str(cluster["server"]), tls


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    with suppress(StopIteration):
        return next(item for item in items if item["name"] == name)
    raise KeyError(f"the kubeconfig has no {name}")
