"""meshroll.linkerd.config: each setting of the cluster with where it was said, from the inventory alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible._internal._datatag._tags import Origin as Written
from ansible.parsing.vault import EncryptedString, VaultedValue, is_encrypted
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.action import MeshrollAction
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

with needed():
    import msgspec

    from meshroll.core import configuration
    from meshroll.core.configuration import Origin, Source
    from meshroll.core.settings import PREFIX, Settings


_NAME = re.compile(r"[A-Za-z_]\w*")


class ActionModule(MeshrollAction):
    _VALID_ARGS = frozenset({"namespace_from"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self.known = dict(task_vars or {})
        self.raw = {
            name.removeprefix(PREFIX): (name, value)
            for name, value in self.known.items()
            if name.startswith(PREFIX)
        }
        self.root = Path(str((task_vars or {}).get("inventory_dir") or "/"))
        return super().run(tmp, task_vars)

    def act(self, args: dict[str, Any], settings: Settings, check_mode: bool) -> dict[str, Any]:
        origins: dict[configuration.Path, Origin] = {}
        for name, (key, value) in self.raw.items():
            origins |= dict(self._origins((name,), key, value))
        made = self._templar.template({name: value for name, (_key, value) in self.raw.items()})
        for path in _vaulted((), made):
            origins[path] = configuration.nearest(path, origins)._replace(vaulted=True)
        given = {name: self.variables[key] for name, (key, _value) in self.raw.items()}
        if namespace := self.variables.get("meshroll_namespace"):
            named = args.get("namespace_from") or "-n"
            option = Origin("environment" if named.startswith("$") else "option", named)
            given, origins = configuration.picked(given, origins, namespace, option)
        rows = configuration.told(settings, given, origins, os.environ)
        return {"settings": msgspec.to_builtins(rows)}

    def _origins(
        self, path: configuration.Path, key: Any, value: Any
    ) -> Iterator[tuple[configuration.Path, Origin]]:
        """Where Ansible read it. Truth values and null carry no mark of their own, but their names do."""
        if written := Written.get_tag(value) or Written.get_tag(key):
            yield path, self._origin(written)._replace(vaulted=self._names_vaulted(value, frozenset()))
        if isinstance(value, Mapping):
            for name, each in value.items():
                yield from self._origins((*path, str(name)), name, each)
        elif isinstance(value, list):
            for number, each in enumerate(value):
                yield from self._origins((*path, number), None, each)

    def _names_vaulted(self, value: Any, above: frozenset[str]) -> bool:
        """Whether a template names what is kept in a vault: a text that it is a part of does not carry its mark."""
        if not (isinstance(value, str) and "{{" in value):
            return False
        return any(
            _is_kept(self.known[name]) or self._names_vaulted(self.known[name], above | {name})
            for name in set(_NAME.findall(value)) & self.known.keys() - above
        )

    def _origin(self, written: Written) -> Origin:
        if written.path is None:
            return Origin("extra_vars", "-e")
        path = Path(str(written.path))
        source: Source = next(
            (each for each in ("group_vars", "host_vars") if each in path.parts),  # type: ignore[misc]
            "inventory",
        )
        place = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return Origin(source, f"{place}:{written.line_num}" if written.line_num else str(place))


def _vaulted(path: configuration.Path, value: Any) -> Iterator[configuration.Path]:
    """Where a value was kept in Ansible Vault, by itself or in a file of its own, also where a template names it."""
    if _is_kept(value):
        yield path
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _vaulted((*path, str(name)), each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _vaulted((*path, number), each)


def _is_kept(value: Any) -> bool:
    written = Written.get_tag(value)
    in_file = bool(written and written.path and _is_vault(str(written.path)))
    return isinstance(value, EncryptedString) or VaultedValue.is_tagged_on(value) or in_file


@cache
def _is_vault(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return is_encrypted(file.read(64))
    except OSError:
        return False
