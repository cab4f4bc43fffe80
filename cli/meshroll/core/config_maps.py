"""ConfigMaps of meshroll's own namespace, each with a checksum of its data; and what only meshroll reads, as text."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

Object = dict[str, Any]
NAMESPACE = "meshroll"
# What zlib calls gzip, whose header then has no time in it.
GZIP = 31
CHECKSUM = "meshroll.io/sha256"

T = TypeVar("T")
Other = TypeVar("Other")
Whole = TypeVar("Whole", str, list[Any])


def config_map(name: str, labels: Mapping[str, str], data: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {CHECKSUM: checksum(data)},
            "labels": dict(labels),
        },
        "data": dict(data),
    }


def checksum(data: Mapping[str, str]) -> str:
    """Of a ConfigMap's data, as its annotation has it."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def is_as_written(item: Object) -> bool:
    noted = (item["metadata"].get("annotations") or {}).get(CHECKSUM)
    return bool(noted == checksum(item.get("data") or {}))


def packed(*values: Any) -> str:
    """Compressed JSON, a line for each value; the same for the same values. As JSON only one is in memory at a time."""
    compressor = zlib.compressobj(wbits=GZIP)
    parts = [compressor.compress(msgspec.json.encode(value, enc_hook=dict) + b"\n") for value in values]
    return base64.b64encode(b"".join([*parts, compressor.flush()])).decode()


def unpacked(text: str, of: type[T]) -> T:
    """What ``packed`` made this text of. Raises ValueError where it is no such thing."""
    return unpacked_lines(text, of, of)[0]


def unpacked_lines(text: str, first: type[T], others: type[Other]) -> tuple[T, list[Other]]:
    """The same of many values."""
    try:
        head, *lines = gzip.decompress(base64.b64decode(text, validate=True)).splitlines()
        return msgspec.json.decode(head, type=first), [
            msgspec.json.decode(line, type=others) for line in lines
        ]
    except (binascii.Error, OSError, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


def pieces(whole: Whole, size: int) -> list[Whole]:
    """The whole in parts of at most ``size``; none where it is empty."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]
