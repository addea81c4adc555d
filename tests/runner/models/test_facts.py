"""What headers say; and that a file which can not be true is one clear error."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from runner.domain.campaign import Model
from runner.domain.model_facts import ModelFacts
from runner.errors import ModelDamaged
from runner.models.facts import facts_of, model_facts
from runner.models.fetch import locate
from tests.make import weights
from tests.stories.test_llama import CAMPAIGN

Q4_1 = 3


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_of_gguf(tmp_path: Path) -> None:
    tensors = [("a", (64, 4), Q4_1, 0), ("b", (4,), 0, 160)]
    found = facts_of(written(tmp_path / "m.gguf", weights.gguf(weights.LLAMA, tensors, 176)))
    assert found == ModelFacts(
        form="gguf",
        weight_bytes=176,
        files=1,
        architecture="llama",
        parameters=260,
        quantization="Q4_1",
        dtypes={"F32": 16, "Q4_1": 160},
        positions=2048,
        layers=4,
        kv_heads=2,
        heads=8,
        head_dim=8,
        value_dim=8,
        vocabulary=3,
    )


def test_each_layer_may_have_its_own_heads(tmp_path: Path) -> None:
    said: weights.Metadata = {**weights.LLAMA, "llama.attention.head_count_kv": [2, 0, 4, 2], "general.file_type": 1}
    found = facts_of(written(tmp_path / "m.gguf", weights.gguf(said)))
    assert found is not None
    assert (found.kv_heads, found.quantization) == (4, None)


def test_of_gguf_in_parts(tmp_path: Path) -> None:
    first = weights.gguf({**weights.LLAMA, "split.count": 2}, [("a", (4,), 0, 0)], 16)
    path = written(tmp_path / "m-00001-of-00002.gguf", first)
    with pytest.raises(ModelDamaged, match="1 of its 2 parts are not here: m-00002-of-00002"):
        facts_of(path)
    written(tmp_path / "m-00002-of-00002.gguf", weights.gguf({"split.count": 2}, [("b", (8,), 0, 0)], 32))
    found = facts_of(path)
    assert found is not None
    assert (found.files, found.parameters, found.weight_bytes) == (2, 12, 48)


def test_of_a_folder(tmp_path: Path) -> None:
    found = facts_of(weights.folder(tmp_path / "m", shards=3))
    assert found == ModelFacts(
        form="safetensors",
        weight_bytes=240,
        files=3,
        architecture="LlamaForCausalLM",
        parameters=120,
        dtypes={"BF16": 240},
        positions=2048,
        layers=4,
        kv_heads=2,
        heads=8,
        head_dim=8,
        value_dim=8,
        vocabulary=3,
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, {"quantization": "gptq 4 bit"}),
        ({"quantization_config": {"quant_method": "fp8"}}, {"quantization": "fp8"}),
        ({"quantization_config": {"format": "\x1b[31mred" + "x" * 99}}, {"quantization": "?[31mred" + "x" * 56}),
        ({"model_type": "deepseek_v3", "kv_lora_rank": 512, "qk_rope_head_dim": 64, "num_hidden_layers": 61},
         {"kv_latent": 576, "layers": 61}),
        ({"model_type": "minicpm3", "kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
          "v_head_dim": 64, "num_key_value_heads": 40, "num_attention_heads": 40, "hidden_size": 2560},
         {"kv_latent": None, "kv_heads": 40, "head_dim": 96, "value_dim": 64}),
        ({"num_attention_heads": 32, "hidden_size": 4096, "multi_query_group_num": 2, "kv_channels": 128},
         {"kv_heads": 2, "head_dim": 128}),
        ({"multi_query": True, "new_decoder_architecture": True, "num_kv_heads": 8}, {"kv_heads": 8}),
        ({"text_config": {"num_hidden_layers": 7, "head_dim": 128}}, {"layers": 7, "head_dim": 128}),
        ({"architectures": ["FalconForCausalLM"], "multi_query": True, "n_layer": 3}, {"kv_heads": 1, "layers": 3}),
        ({"num_hidden_layers": -4, "max_position_embeddings": 1e300, "num_attention_heads": True, "hidden_size": None},
         {"layers": None, "positions": None, "kv_heads": None, "head_dim": None}),
        ({"architectures": [7], "model_type": ["x"], "num_hidden_layers": 1 << 50}, {"architecture": None}),
    ],
)  # fmt: skip
def test_of_config(tmp_path: Path, config: dict[str, Any], expected: dict[str, Any]) -> None:
    found = facts_of(weights.folder(tmp_path / "m", config))
    assert found is not None
    assert {name: getattr(found, name) for name in expected} == expected


def test_packed_weights_have_no_count_of_parameters(tmp_path: Path) -> None:
    path = weights.folder(tmp_path / "m", {"quantization_config": {"quant_method": "awq", "bits": 4}})
    (path / "model-00001-of-00001.safetensors").write_bytes(weights.safetensors({"a": ("I32", (8,), 32)}))
    found = facts_of(path)
    assert found is not None
    assert (found.parameters, found.weight_bytes) == (None, 32)


def test_what_is_no_model_has_no_facts(tmp_path: Path) -> None:
    assert facts_of(written(tmp_path / "weights", b"abc")) is None
    assert facts_of(tmp_path / "nothing") is None
    (tmp_path / "empty").mkdir()
    assert facts_of(tmp_path / "empty") is None
    assert model_facts(Model(id="nobody/none"), tmp_path) is None
    assert model_facts(Model(package="nobody==1", file="none.gguf"), tmp_path) is None


def _index(names: Any) -> dict[str, Any]:
    return {"weight_map": names}


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (_index({"a": "../../etc/passwd"}), "names ../../etc/passwd, which does not lie beside it"),
        (_index({"a": "/etc/passwd"}), "does not lie beside it"),
        (_index({"a": "x\\y"}), "does not lie beside it"),
        (_index({"a": ".."}), "does not lie beside it"),
        (_index({"a": "b.safetensors"}), "1 of 1 files are not here: b.safetensors"),
        (_index({"a": ["b"]}), "weight_map does not say"),
        (_index([]), "weight_map does not say"),
        ([], "no JSON object"),
        (_index({str(n): f"{n}.safetensors" for n in range(10_001)}), "names 10001 files"),
    ],
)
def test_a_false_index(tmp_path: Path, index: Any, words: str) -> None:
    with pytest.raises(ModelDamaged, match=words):
        facts_of(weights.folder(tmp_path / "m", index=index))


def _tensor(dtype: Any = "F32", shape: Any = (2,), place: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": place}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends in the middle"),
        (struct.pack("<Q", 100) + b"{}", "ends in the middle"),
        (struct.pack("<Q", 1 << 62), "header would have"),
        (weights.packed(b"{"), "no JSON"),
        (weights.packed(b"[" * 100_000), "no JSON"),
        (weights.packed(b'{"a":' + b"9" * 5000 + b"}"), "no JSON"),
        (weights.packed([]), "no JSON object"),
        (weights.packed(b'{"a":1,"a":2}'), "stands in it twice"),
        (weights.packed({"a": 1}), "has no type and place"),
        (weights.packed({"a": _tensor(place=(0,))}), "no type, shape and place"),
        (weights.packed({"a": _tensor(shape=(-1, 2))}, 8), "no type, shape and place"),
        (weights.packed({"a": _tensor(shape=[1] * 99)}, 8), "no type, shape and place"),
        (weights.packed({"a": _tensor(place=(8, 0))}, 8), "-8 bytes are no 2 numbers of type F32"),
        (weights.packed({"a": _tensor(shape=(3,))}, 8), "8 bytes are no 3 numbers"),
        (weights.packed({"a": _tensor()}, 7), "ends at byte 8 of 7"),
        (weights.packed({"a": _tensor(), "b": _tensor(place=(4, 12))}, 12), "tensor b begins inside another one"),
        (weights.packed({"a\x1b[0m": _tensor()}, 7), "a?[0m ends"),
    ],
)
def test_false_safetensors(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path / "m.safetensors", content)
    with pytest.raises(ModelDamaged, match=re.escape(words)) as caught:
        facts_of(path)
    assert caught.value.what.startswith("m.safetensors is not a whole model file: ")


def _head(version: int = 3, tensors: int = 0, keys: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def _key(kind: int, rest: bytes) -> bytes:
    return _head(keys=1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", kind) + rest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GGUF", "ends in the middle"),
        (_head(version=1), "version 1 of the format"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "of the format is not known"),
        (_head(tensors=1 << 60), "it promises 0 keys and"),
        (_head(keys=1 << 60), "it promises 1152921504606846976 keys"),
        (_head(keys=1), "ends in the middle"),
        (_head(keys=1) + struct.pack("<Q", 1 << 63), "ends in the middle"),
        (_key(8, struct.pack("<Q", 1 << 40)), "ends in the middle"),
        (_key(9, struct.pack("<IQ", 8, 1 << 60)), "ends in the middle"),
        (_key(9, struct.pack("<IQ", 4, 1 << 61)), "ends in the middle"),
        (_key(9, struct.pack("<IQ", 9, 1)), "a list of values of type 9"),
        (_key(77, b""), "a value of type 77"),
        (weights.gguf(weights.LLAMA)[:200], "ends in the middle"),
        (weights.gguf({}, [("a", (4,), 0, 0)], 15), "ends at byte 16 of 15"),
        (weights.gguf({}, [("a", (4,), 0, 0), ("b", (4,), 0, 8)], 64), "tensor b begins inside another one"),
        (weights.gguf({}, [("a", (1 << 60,) * 4, 0, 0)], 64), "ends at byte"),
        (weights.gguf({}, [("a", (1,) * 9, 0, 0)], 64), "9 dimensions"),
        (weights.gguf({"split.count": 4_000_000_000}), "one of 4000000000 parts"),
    ],
)
def test_false_gguf(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ModelDamaged, match=words):
        facts_of(written(tmp_path / "m.gguf", content))


@pytest.mark.parametrize("text", ["{", "[]", "[" * 200_000, "\x00"])
def test_a_false_config(tmp_path: Path, text: str) -> None:
    path = weights.folder(tmp_path / "m")
    (path / "config.json").write_text(text)
    with pytest.raises(ModelDamaged, match=r"config.json is not a whole model file"):
        facts_of(path)


def test_of_the_hub_cache_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    commit = "c" * 40
    home = tmp_path / "models--some--model"
    folder = weights.folder(home / "snapshots" / commit, shards=2)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text("{}")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    found = model_facts(Model(id="some/model"), tmp_path)
    assert found is not None
    assert (found.files, found.layers) == (2, 4)
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert model_facts(Model(id="some/model"), tmp_path) is None, "half a model says nothing"


@pytest.mark.engine
def test_of_the_real_model(tmp_path: Path) -> None:
    import yaml

    said = yaml.safe_load(CAMPAIGN)["model"]
    found = facts_of(locate(Model(**said), tmp_path))
    assert found is not None
    assert (found.architecture, found.quantization, found.layers) == ("llama", "Q4_1", 30)
    assert found.parameters == 134_515_008
    assert json.dumps(dict(found.dtypes)) == '{"F32": 140544, "Q4_1": 66355200, "Q8_0": 30081024}'
