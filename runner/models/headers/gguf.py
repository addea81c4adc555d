"""The header of a GGUF file: its metadata and where its tensors lie. No weight is read.

Layout: ggml-org/ggml docs/gguf.md, versions 2 and 3; types and their blocks: ggml/include/ggml.h and ggml-common.h.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from runner.domain.model_facts import ModelFacts
from runner.models.headers.reading import Header, count, damaged, require_apart, word
from runner.space.memory import keeps_latent

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_KEYS, _MOST_TENSORS, _MOST_WORDS, _MOST_SPLITS = 1 << 16, 1 << 20, 1 << 23, 1000
_LONGEST_KEY, _KEPT = 1 << 16, 1 << 20
_SHORT = 1024
"""Numbers of a list that is kept without being wanted: some models have one for each layer."""
_MOST_DIMENSIONS = 8
_STRING, _ARRAY = 8, 9
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

# fmt: off
TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}
"""Number of the type -> name, numbers in a block, bytes of a block."""
FILE_TYPES: Mapping[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}
"""`general.file_type`: what the whole file is called; single tensors differ."""
# fmt: on
_WHOLE = ("F32", "F16", "BF16", "F64")


class Tensor(NamedTuple):
    name: str
    numbers: int
    kind: int
    offset: int

    @property
    def type(self) -> str:
        return TYPES[self.kind][0] if self.kind in TYPES else f"type {self.kind}"

    @property
    def bytes(self) -> int | None:
        """None for a type that is newer than the table above."""
        if self.kind not in TYPES:
            return None
        _, numbers, size = TYPES[self.kind]
        return math.ceil(self.numbers / numbers) * size


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`metadata`: values, texts up to 1 MiB, short lists of numbers, and of other lists the wanted ones; `lengths` has
    the length of every list. `data_bytes` lie behind the header."""

    metadata: Mapping[str, Any]
    lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]
    data_bytes: int


def is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == MAGIC
    except OSError:
        return False


def read_header(path: Path, wanted: Collection[str] = ()) -> GgufHeader:
    """The header, with the arrays called `wanted`. Raises ModelDamaged and OSError."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        header = Header(file, whole, path.name)
        if header.take(4) != MAGIC:
            raise header.damaged("it does not begin as a GGUF file does")
        version = header.number("I")
        if version not in _VERSIONS:
            raise header.damaged(f"version {version} of the format is not known here")
        tensors, keys = header.number("Q"), header.number("Q")
        if keys > _MOST_KEYS or tensors > _MOST_TENSORS:
            raise header.damaged(f"it promises {keys} keys and {tensors} tensors")
        metadata: dict[str, Any] = {}
        lengths: dict[str, int] = {}
        for _ in range(keys):
            key = _text(header, _LONGEST_KEY) or ""
            kind = header.number("I")
            if kind == _ARRAY:
                values, lengths[key] = _array(header, key in wanted)
                if values is not None:
                    metadata[key] = values
            else:
                metadata[key] = _value(header, kind)
        found = tuple(_tensor(header) for _ in range(tensors))
        alignment = count(metadata.get("general.alignment")) or 32
        begin = math.ceil(header.at / alignment) * alignment
    places = [(one.offset, one.offset + size, one.name) for one in found if (size := one.bytes) is not None]
    data = max(0, whole - begin)
    require_apart(places, data, path.name)
    return GgufHeader(metadata, lengths, found, data)


def facts(path: Path) -> ModelFacts:
    """Of a GGUF file, with the other parts of it where it is split. Raises ModelDamaged and OSError."""
    header = read_header(path)
    parts = [header, *(read_header(other) for other in _other_parts(path, header))]
    tensors = [one for part in parts for one in part.tensors]
    dtypes: dict[str, int] = {}
    for one in tensors:
        dtypes[one.type] = dtypes.get(one.type, 0) + (one.bytes or 0)
    exact = all(one.bytes is not None for one in tensors)
    file_type = header.metadata.get("general.file_type")
    name = FILE_TYPES.get(file_type) if isinstance(file_type, int) else None
    name = name or max(dtypes, key=lambda one: dtypes[one], default=None)
    found = ModelFacts(
        form="gguf",
        weight_bytes=sum(dtypes.values()) if exact else sum(part.data_bytes for part in parts),
        files=len(parts),
        parameters=sum(one.numbers for one in tensors) or None,
        quantization=None if name in _WHOLE else name,
        dtypes=dict(sorted(dtypes.items())),
    )
    return _with_shape(found, header)


def _with_shape(found: ModelFacts, header: GgufHeader) -> ModelFacts:
    """What the keys of the architecture say: llama.block_count and so on. Where each layer has its own number, the
    largest."""
    architecture = header.metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return found

    def said(key: str) -> int | None:
        value = header.metadata.get(f"{architecture}.{key}")
        return (
            max((one for each in value if (one := count(each))), default=None)
            if isinstance(value, list)
            else count(value)
        )

    heads, width = said("attention.head_count"), said("embedding_length")
    key = said("attention.key_length") or (width // heads if width and heads else None)
    latent, rope = said("attention.kv_lora_rank"), said("rope.dimension_count")
    return replace(
        found,
        architecture=word(architecture),
        positions=said("context_length"),
        layers=said("block_count"),
        heads=heads,
        kv_heads=said("attention.head_count_kv") or heads,
        head_dim=key,
        value_dim=said("attention.value_length") or key,
        kv_latent=latent + (rope or 0) if latent and keeps_latent(architecture) else None,
        vocabulary=header.lengths.get("tokenizer.ggml.tokens") or said("vocab_size"),
    )


def _other_parts(path: Path, header: GgufHeader) -> list[Path]:
    """`x-00001-of-00003.gguf` names its fellows. Raises ModelDamaged when one is not here."""
    parts = count(header.metadata.get("split.count")) or 1
    if parts == 1:
        return []
    mark = f"-00001-of-{parts:05d}.gguf"
    if parts > _MOST_SPLITS or not path.name.endswith(mark):
        raise damaged(path.name, f"it is one of {parts} parts, and its name does not end in {mark}")
    stem = path.name.removesuffix(mark)
    others = [path.with_name(f"{stem}-{number:05d}-of-{parts:05d}.gguf") for number in range(2, parts + 1)]
    if absent := [other.name for other in others if not other.is_file()]:
        raise damaged(path.name, f"{len(absent)} of its {parts} parts are not here: {word(absent[0])}")
    return others


def _text(header: Header, longest: int) -> str | None:
    """None for a text that is longer."""
    length = header.number("Q")
    if length > longest:
        header.skip(length)
        return None
    return header.take(length).decode("utf-8", errors="replace")


def _value(header: Header, kind: int) -> Any:
    if kind == _STRING:
        return _text(header, _KEPT)
    if kind not in _FORMS:
        raise header.damaged(f"a value of type {kind}, which there is not")
    return header.number(_FORMS[kind])


def _array(header: Header, keep: bool) -> tuple[list[Any] | None, int]:
    """The values, or None where they are not wanted, and how many there are."""
    kind, length = header.number("I"), header.number("Q")
    if kind in _SIZES:
        header.require(length * _SIZES[kind])
        if not keep and length > _SHORT:
            header.skip(length * _SIZES[kind])
            return None, length
    elif kind != _STRING:
        raise header.damaged(f"a list of values of type {kind}")
    header.require(length * 8 if kind == _STRING else 0)
    if length > _MOST_WORDS:
        raise header.damaged(f"a list of {length} values")
    if keep or kind != _STRING:
        return [_value(header, kind) for _ in range(length)], length
    for _ in range(length):
        header.skip(header.number("Q"))
    return None, length


def _tensor(header: Header) -> Tensor:
    name, dimensions = _text(header, _LONGEST_KEY) or "", header.number("I")
    if dimensions > _MOST_DIMENSIONS:
        raise header.damaged(f"tensor {word(name)} has {dimensions} dimensions")
    numbers = math.prod(header.number("Q") for _ in range(dimensions))
    return Tensor(name, numbers, header.number("I"), header.number("Q"))
