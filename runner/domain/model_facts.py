"""What a model is, as the headers of its files say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`form`: gguf, safetensors or pytorch. `weight_bytes` are those of the tensors, `files` how many hold them.
    `dtypes`: type of number -> bytes. `quantization` names the method, None where the weights are whole numbers of
    their type. `positions` is the longest context that the model was made for.

    What the KV cache holds for a token in each of `layers`: `kv_heads` x (`head_dim` + `value_dim`) numbers, or
    `kv_latent` of them where keys and values are packed into one vector (MLA). None: no header says it.
    """

    form: str
    weight_bytes: int
    files: int
    architecture: str | None = None
    parameters: int | None = None
    quantization: str | None = None
    dtypes: Mapping[str, int] = field(default_factory=dict)
    positions: int | None = None
    layers: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    value_dim: int | None = None
    kv_latent: int | None = None
    vocabulary: int | None = None
    heads: int | None = None  # of queries: what tensor parallelism divides
