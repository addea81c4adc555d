"""The headers of safetensors files and their index: names, types and places of tensors. No weight is read.

Layout: huggingface/safetensors README.md: 8 bytes length, JSON, then the tensors without a gap.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from runner.models.headers.reading import Header, damaged, require_apart, word

INDEX = "model.safetensors.index.json"
_MOST_JSON = 100_000_000
"""Bytes: the format's own limit of a header. A model of a trillion parameters has an index of 20 MB."""
_MOST_FILES = 10_000
_MOST_DIMENSIONS = 16
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip


class Tensor(NamedTuple):
    name: str
    dtype: str
    numbers: int
    bytes: int


def tensors(path: Path) -> list[Tensor]:
    """Those of one file. Raises ModelDamaged and OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = Header(file, size, path.name)
        length = header.number("Q")
        if length > _MOST_JSON:
            raise header.damaged(f"its header would have {length} bytes")
        told = _object(header.take(length), path.name)
    behind = size - 8 - length
    told.pop("__metadata__", None)
    found, places = [], []
    for name, about in told.items():
        one, first = _tensor(name, about, path.name)
        found.append(one)
        places.append((first, first + one.bytes, name))
    require_apart(places, behind, path.name)
    return found


def files_of(folder: Path) -> list[Path]:
    """The files that hold the weights: what the index names, or all that there are. Raises ModelDamaged when the index
    names one that is not here or does not lie in the folder, and OSError."""
    index = folder / INDEX
    if not index.is_file():
        return sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    if index.stat().st_size > _MOST_JSON:
        raise damaged(INDEX, "it is larger than 100 MB")
    listed = _object(index.read_bytes(), INDEX).get("weight_map")
    if not isinstance(listed, dict) or not all(isinstance(name, str) for name in listed.values()):
        raise damaged(INDEX, "weight_map does not say which file holds which tensor")
    names = sorted(set(listed.values()))
    if len(names) > _MOST_FILES:
        raise damaged(INDEX, f"it names {len(names)} files")
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise damaged(INDEX, f"it names {word(name)}, which does not lie beside it")
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise damaged(INDEX, f"{len(absent)} of {len(names)} files are not here: {word(absent[0])}")
    return [folder / name for name in names]


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise damaged(name, f"its header is no JSON: {word(error)}") from error
    if not isinstance(found, dict):
        raise damaged(name, "its header is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may each take another of two values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _tensor(name: str, about: Any, file: str) -> tuple[Tensor, int]:
    if not isinstance(about, dict):
        raise damaged(file, f"tensor {word(name)} has no type and place")
    dtype, shape, place = about.get("dtype"), _counts(about.get("shape")), _counts(about.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or place is None or len(place) != 2:
        raise damaged(file, f"tensor {word(name)} has no type, shape and place")
    numbers, length = math.prod(shape), place[1] - place[0]
    bits = _BITS.get(dtype)
    if length < 0 or (bits is not None and math.ceil(numbers * bits / 8) != length):
        raise damaged(file, f"tensor {word(name)}: {length} bytes are no {numbers} numbers of type {word(dtype)}")
    return Tensor(name, word(dtype), numbers, length), place[0]


def _counts(value: Any) -> list[int] | None:
    """A list of sizes; None for anything else."""
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        return None
    fit = all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 62 for one in value)
    return value if fit else None
