"""Small model files, as engines' own tools write them: GGUF and safetensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Metadata = Mapping[str, int | float | str | bool | Sequence[str] | Sequence[int]]
GgufTensor = tuple[str, tuple[int, ...], int, int]
"""Name, dimensions, number of the type, offset in the data."""

LLAMA: Metadata = {
    "general.architecture": "llama",
    "general.file_type": 3,
    "llama.context_length": 2048,
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a", "b", "ab"],
    "tokenizer.ggml.merges": ["a b"],
}
CONFIG: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "num_hidden_layers": 4,
    "max_position_embeddings": 2048,
    "vocab_size": 3,
}


def gguf(metadata: Metadata, tensors: Sequence[GgufTensor] = (), data: int = 0) -> bytes:
    """A whole file with `data` bytes behind its header."""
    words = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    words += [_text(name) + _value(value) for name, value in metadata.items()]
    for name, dimensions, kind, offset in tensors:
        words.append(_text(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions))
        words.append(struct.pack("<IQ", kind, offset))
    header = b"".join(words)
    return header + bytes(-len(header) % 32) + bytes(data)


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int], int]]) -> bytes:
    """Name -> type, shape and bytes; one behind the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return packed(header, at)


def packed(header: Any, data: int = 0) -> bytes:
    """A safetensors file whose header says that, true or not."""
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + bytes(data)


def folder(path: Path, config: Mapping[str, Any] = CONFIG, shards: int = 1, index: Any = None) -> Path:
    """A Hugging Face folder: config, shards of one bfloat16 tensor of 10 x 4 each, and their index."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    names = [f"model-{n:05d}-of-{shards:05d}.safetensors" for n in range(1, shards + 1)]
    for number, name in enumerate(names):
        (path / name).write_bytes(safetensors({f"layer.{number}": ("BF16", (10, 4), 80)}))
    if index is None:
        index = {"metadata": {}, "weight_map": {f"layer.{n}": name for n, name in enumerate(names)}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if value and isinstance(value[0], int):
        return struct.pack(f"<IIQ{len(value)}I", 9, 4, len(value), *value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
