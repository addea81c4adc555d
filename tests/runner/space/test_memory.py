"""The estimate against numbers that others published."""

from __future__ import annotations

import pytest

from runner.domain.model_facts import ModelFacts
from runner.space.memory import KV_BYTES, estimate, kv_numbers_per_token

LLAMA_3_8B = ModelFacts("safetensors", 16_060_522_496, 4, layers=32, kv_heads=8, head_dim=128, value_dim=128)
DEEPSEEK_V3 = ModelFacts("safetensors", 1, 1, layers=61, kv_heads=128, head_dim=56, kv_latent=576)


def test_llama_3_8b_keeps_128_kib_per_token() -> None:
    parts = estimate(LLAMA_3_8B, 8192)
    assert parts == {"weights": 16_060_522_496, "kv_cache": 8192 * 128 * 1024}
    assert estimate(LLAMA_3_8B, 8192, "fp8")["kv_cache"] == parts["kv_cache"] // 2


def test_latent_attention_keeps_one_vector_per_layer() -> None:
    assert kv_numbers_per_token(DEEPSEEK_V3) == 61 * 576


@pytest.mark.parametrize("facts", [ModelFacts("gguf", 5, 1), ModelFacts("gguf", 5, 1, layers=2, kv_heads=2)])
def test_without_the_shape_the_weights_alone(facts: ModelFacts) -> None:
    assert estimate(facts, 100) == {"weights": 5}


def test_every_type_is_smaller_than_whole_numbers() -> None:
    assert all(0.5 <= size <= 4 for size in KV_BYTES.values())
