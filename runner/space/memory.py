"""How much memory a model takes, from its facts: an estimate before anything is deployed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from runner.domain.model_facts import ModelFacts

KV_BYTES: Mapping[str, float] = MappingProxyType(
    {"f32": 4, "f16": 2, "bf16": 2, "fp16": 2, "float16": 2, "bfloat16": 2, "auto": 2, "fp8": 1, "fp8_e4m3": 1,
     "fp8_e5m2": 1, "int8": 1, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
     "iq4_nl": 18 / 32}
)  # fmt: skip
"""Type of the cache -> bytes of a number in it. Those of llama.cpp are blocks of 32 with their scale."""


_LATENT = ("deepseek", "kimi", "longcat", "glm_moe_dsa", "glm-dsa")
"""Models whose compressed keys and values engines keep as they are. Others have them too (MiniCPM3), and engines keep
their keys and values in full."""


def keeps_latent(name: object) -> bool:
    """Whether engines keep one compressed vector per token and layer for this kind of model: `model_type` of
    config.json or `general.architecture` of a GGUF."""
    return isinstance(name, str) and name.startswith(_LATENT)


def kv_numbers_per_token(facts: ModelFacts) -> int | None:
    """Numbers that the cache holds for one token, all layers together; None where no header says it.

    A key and a value for each KV head of each layer: layers x kv_heads x (head_dim + value_dim), that is the well-known
    2 x layers x kv_heads x head_dim where both are equally wide (Pope et al., "Efficiently Scaling Transformer
    Inference", 2022, section 2.1; grouped heads: Ainslie et al., "GQA", 2023). With multi-head latent attention one
    vector of kv_lora_rank + qk_rope_head_dim for each layer (DeepSeek-V2, 2024, section 2.1). Layers that look back
    over a window only, or keep a state instead, need less: for them this is an upper bound.
    """
    if facts.layers is None:
        return None
    if facts.kv_latent is not None:
        return facts.layers * facts.kv_latent
    if facts.kv_heads is None or facts.head_dim is None:
        return None
    return facts.layers * facts.kv_heads * (facts.head_dim + (facts.value_dim or facts.head_dim))


def kv_bounds(facts: ModelFacts) -> tuple[int, int]:
    """(numbers of keys, numbers of values) that the cache holds for one token at least, all layers together.

    For a kind of model whose layers are known to keep every key and value these are the numbers of
    `kv_numbers_per_token`. For others 0: a window or a state makes that number an upper bound, and what is refused on
    the strength of one may work. Of a latent cache all numbers count as keys.
    """
    numbers = kv_numbers_per_token(facts)
    if numbers is None or facts.architecture not in _EVERY_LAYER:
        return 0, 0
    if facts.kv_latent is not None or facts.layers is None or facts.kv_heads is None or facts.head_dim is None:
        return numbers, 0
    keys = facts.layers * facts.kv_heads * facts.head_dim
    return keys, numbers - keys


_EVERY_LAYER = frozenset(
    {"llama", "LlamaForCausalLM", "qwen2", "Qwen2ForCausalLM", "qwen3", "Qwen3ForCausalLM", "qwen2moe",
     "Qwen2MoeForCausalLM", "qwen3moe", "Qwen3MoeForCausalLM", "deepseek2", "DeepseekV2ForCausalLM",
     "DeepseekV3ForCausalLM", "olmo2", "Olmo2ForCausalLM", "gpt2", "GPT2LMHeadModel", "GPTNeoXForCausalLM", "gptneox"}
)  # fmt: skip
"""`general.architecture` or `architectures` of models all of whose layers attend to the whole context."""


def estimate(facts: ModelFacts, tokens: int, kv_type: str = "f16") -> dict[str, int]:
    """Bytes by part: `weights`, and `kv_cache` for `tokens` of context (all requests at once) where the header says how
    wide it is. What an engine adds for activations, graphs and itself is in neither. Raises KeyError for a type of the
    cache that is not in KV_BYTES."""
    parts = {"weights": facts.weight_bytes}
    numbers = kv_numbers_per_token(facts)
    if numbers is not None:
        parts["kv_cache"] = round(numbers * KV_BYTES[kv_type] * tokens)
    return parts
