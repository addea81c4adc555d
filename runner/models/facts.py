"""What the headers of a model's files say of it, for its page and an estimate of its memory. No weight is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.domain.campaign import Model
from runner.domain.model_facts import ModelFacts
from runner.errors import ModelMissing
from runner.models.fetch import locate
from runner.models.headers import gguf, safetensors
from runner.models.headers.reading import count, damaged, word
from runner.models.hub_cache import snapshot
from runner.space.memory import keeps_latent

_MOST_CONFIG = 4 << 20
_BY_HAND = ("*.bin", "*.pt", "*.pth")
"""Weights whose headers only running them would tell."""


def model_facts(model: Model, project: Path) -> ModelFacts | None:
    """Of a campaign's model, where its files are on this machine; None where they are not, or of a form that is not
    known here. Raises ModelDamaged, HashMismatch and OSError."""
    if model.id is not None:
        found = snapshot(model.id, model.revision)
        return facts_of(found.folder) if found and found.complete else None
    try:
        return facts_of(locate(model, project))
    except ModelMissing:
        return None


def facts_of(path: Path) -> ModelFacts | None:
    """Of a file or a folder. Raises ModelDamaged and OSError."""
    if path.is_file():
        if gguf.is_gguf(path):
            return gguf.facts(path)
        return _safetensors([path], {}) if path.suffix == ".safetensors" else None
    if not path.is_dir():
        return None
    config = _config(path)
    if weights := safetensors.files_of(path):
        return _safetensors(weights, config)
    if ggufs := sorted(one for one in path.glob("*.gguf") if gguf.is_gguf(one)):
        return gguf.facts(ggufs[0])
    others = [one for pattern in _BY_HAND for one in path.glob(pattern) if one.is_file()]
    if not others:
        return None
    found = ModelFacts(form="pytorch", weight_bytes=sum(one.stat().st_size for one in others), files=len(others))
    return _with_config(found, config)


def _safetensors(files: list[Path], config: Mapping[str, Any]) -> ModelFacts:
    dtypes: dict[str, int] = {}
    numbers = 0
    for file in files:
        for one in safetensors.tensors(file):
            dtypes[one.dtype] = dtypes.get(one.dtype, 0) + one.bytes
            numbers += one.numbers
    found = ModelFacts(
        form="safetensors",
        weight_bytes=sum(dtypes.values()),
        files=len(files),
        parameters=numbers or None,
        dtypes=dict(sorted(dtypes.items())),
    )
    return _with_config(found, config)


def _with_config(found: ModelFacts, config: Mapping[str, Any]) -> ModelFacts:
    """What config.json says. A model of several kinds of input has its language model under `text_config`."""
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config

    def said(*names: str) -> int | None:
        return next((number for name in names if (number := count(text.get(name)))), None)

    named = config.get("architectures")
    architecture = named[0] if isinstance(named, list) and named else config.get("model_type")
    heads, width = said("num_attention_heads", "n_head"), said("hidden_size", "n_embd", "d_model")
    head = said("head_dim", "kv_channels") or (width // heads if width and heads else None)
    latent, rope = said("kv_lora_rank"), said("qk_rope_head_dim") or 0
    if latent and said("qk_nope_head_dim"):
        head = (said("qk_nope_head_dim") or 0) + rope
    if not keeps_latent(text.get("model_type")):
        latent = None
    kv_heads = said("num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num")
    if text.get("multi_query") is True and text.get("new_decoder_architecture") is not True:
        kv_heads = 1
    quantization = _quantization(config)
    packed = quantization is not None  # four-bit numbers lie eight to a word: a count of words is none of parameters
    return replace(
        found,
        architecture=word(architecture) if isinstance(architecture, str) else None,
        parameters=None if packed and not set(found.dtypes) <= _UNPACKED else found.parameters,
        quantization=quantization,
        positions=said("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
        layers=said("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
        heads=heads,
        kv_heads=kv_heads or heads,
        head_dim=head,
        value_dim=said("v_head_dim") or head,
        kv_latent=latent + rope if latent else None,
        vocabulary=said("vocab_size"),
    )


_UNPACKED = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0"}


def _quantization(config: Mapping[str, Any]) -> str | None:
    """The method, with its bits where it says them: gptq 4 bit, fp8."""
    about = config.get("quantization_config")
    if not isinstance(about, dict):
        return None
    method = about.get("quant_method") or about.get("quant_algo") or about.get("format")
    bits = count(about.get("bits") or about.get("w_bit"))
    return word(method if isinstance(method, str) else "unknown method") + (f" {bits} bit" if bits else "")


def _config(folder: Path) -> dict[str, Any]:
    """Empty where there is none. Raises ModelDamaged."""
    path = folder / "config.json"
    if not path.is_file():
        return {}
    if path.stat().st_size > _MOST_CONFIG:
        raise damaged("config.json", "it is larger than 4 MiB")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise damaged("config.json", f"it is no JSON: {word(error)}") from error
    if not isinstance(found, dict):
        raise damaged("config.json", "it is no JSON object")
    return found
