"""Model files of any content: facts, or one error that says which file; never more memory than a small file needs."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ModelDamaged
from runner.models.facts import facts_of
from tests.make import weights

WHOLE = weights.gguf(weights.LLAMA, [("a", (64, 4), 3, 0), ("b", (4,), 0, 160)], 176)
TENSORS = weights.safetensors({"a": ("BF16", (10, 4), 80), "b": ("F32", (2,), 8)})
MOST = 8 << 20
"""Bytes of memory. The files below have a few hundred."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["dtype", "shape", "data_offsets", "weight_map", "architectures", "num_hidden_layers",
                         "quantization_config", "quant_method", "bits", "text_config", "head_dim"])  # fmt: skip
MEANT = st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=4), max_size=6)


def look(name: str, content: bytes, config: Any = None) -> None:
    """Facts, none, or ModelDamaged with the file's name; anything else fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        if config is not None:
            (Path(folder) / "config.json").write_text(json.dumps(config))
        tracemalloc.start()
        try:
            facts_of(path if config is None else path.parent)
        except ModelDamaged as error:
            assert "is not a whole model file" in error.what  # noqa: PT017
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MOST


@given(st.integers(0, len(WHOLE)))
def test_a_gguf_cut_anywhere_is_refused(end: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(WHOLE[:end])
        if end == len(WHOLE):
            assert facts_of(path) is not None
        elif end < 4:
            assert facts_of(path) is None
        else:
            with pytest.raises(ModelDamaged):
                facts_of(path)


@given(st.integers(0, len(TENSORS) - 1))
def test_safetensors_cut_anywhere_are_refused(end: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        path.write_bytes(TENSORS[:end])
        with pytest.raises(ModelDamaged):
            facts_of(path)


@given(st.lists(st.tuples(st.integers(4, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_any_bytes_of_a_gguf_may_be_false(changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for at, value in changes:
        content[at] = value
    look("m.gguf", bytes(content))


@given(st.binary(max_size=400))
def test_any_content(content: bytes) -> None:
    look("m.gguf", b"GGUF" + content)
    look("m.safetensors", content)


@given(st.dictionaries(st.text(max_size=8), MEANT | JSON, max_size=5), st.integers(0, 64))
def test_any_header(header: dict[str, Any], data: int) -> None:
    look("m.safetensors", weights.packed(header, data))


@given(MEANT, MEANT | JSON)
def test_any_config_and_index(config: dict[str, Any], index: Any) -> None:
    look("model.safetensors.index.json", json.dumps(index).encode(), config)
