"""The model's own tokenizer as a path on this machine. Looks, and asks no network.

A folder or a snapshot of the hub has one as files; a GGUF file has its vocabulary in its header, from which the same
files are made, once, into the cache.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.domain.campaign import Model
from runner.domain.ids import content_hash
from runner.errors import ModelMissing, NoSpace, Unwritable
from runner.models import hub_cache
from runner.models.fetch import locate
from runner.models.headers.gguf import is_gguf, read_header
from runner.util import environment, process
from runner.util.files import atomic_write
from runner.util.project import cache_folder

FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
_VERSION = 1
"""Of what is made of a GGUF: another one is another folder in the cache."""
_TOKENS, _MERGES, _TYPES = (f"tokenizer.ggml.{name}" for name in ("tokens", "merges", "token_type"))
_CONTROL, _USER = 3, 4
PATIENCE = 60.0
"""Seconds to count a sample: the interpreter starts and reads a vocabulary."""

_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS: Mapping[str, Sequence[dict[str, Any]]] = {
    "gpt-2": [_BYTES],
    "smollm": [{"type": "Digits", "individual_digits": True}, _BYTES],
    "llama-bpe": [
        {"type": "Split", "pattern": {"Regex": _LLAMA3}, "behavior": "Isolated", "invert": False},
        {**_BYTES, "use_regex": False},
    ],
    "qwen2": [
        {"type": "Split", "pattern": {"Regex": _LLAMA3.replace("{1,3}", "")}, "behavior": "Isolated", "invert": False},
        {**_BYTES, "use_regex": False},
    ],
}
"""`tokenizer.ggml.pre` -> how a text is cut before pairs are merged (ggml-org/llama.cpp, src/llama-vocab.cpp)."""


def tokenizer_path(model: Model, project: Path) -> Path | None:
    """The folder with `tokenizer.json`; None where the model, or a tokenizer of a kind known here, is not on this
    machine. Raises HashMismatch, ModelDamaged and OSError."""
    if model.id is not None:
        snapshot = hub_cache.snapshot(model.id, model.revision)
        found = snapshot.folder if snapshot else None
    else:
        try:
            found = locate(model, project)
        except ModelMissing:
            return None
    if found is not None and found.is_file():
        return _of_gguf(found) if is_gguf(found) else None
    return found if found is not None and (found / FILE).is_file() else None


def token_counts(folder: Path, texts: Sequence[str], python: str) -> list[int] | None:
    """Tokens of each text, without those that a chat template adds, counted by an interpreter that has the package
    `tokenizers`; None when it can not."""
    asked = folder_for_questions() / f".{secrets.token_hex(8)}.json"
    try:
        asked.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(asked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(list(texts), file)  # not on a command line: anybody may read that
        done = process.run(
            [python, "-c", _COUNT, str(folder / FILE), str(asked)],
            timeout=PATIENCE,
            env=environment.for_tool(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false"),
        )
        found = json.loads(done.stdout) if done.ok else None
    except (OSError, ValueError):
        return None
    finally:
        asked.unlink(missing_ok=True)
    fit = isinstance(found, list) and len(found) == len(texts) and all(isinstance(one, int) for one in found)
    return found if fit else None


_COUNT = """
import json, sys
sys.path.pop(0)
from tokenizers import Tokenizer
counter = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = json.load(file)
print(json.dumps([len(counter.encode(text, add_special_tokens=False).ids) for text in texts]))
"""


def folder_for_questions() -> Path:
    return cache_folder() / "tokenizers"


def _of_gguf(path: Path) -> Path | None:
    """The folder made of the header's vocabulary; None for a kind that is not known here, or a full disk."""
    header = read_header(path, (_TOKENS, _MERGES, _TYPES))
    made = tokenizer_json(header.metadata)
    if made is None:
        return None
    folder = folder_for_questions() / content_hash([_VERSION, made])[:32]
    if (folder / FILE).is_file():
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": header.metadata.get("tokenizer.chat_template"),
        }
        atomic_write(folder / CONFIG, json.dumps(config))
        atomic_write(folder / FILE, json.dumps(made, ensure_ascii=False))
    except (OSError, NoSpace, Unwritable):
        return None
    return folder


def tokenizer_json(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `tokenizers` reads, of the metadata of a GGUF whose vocabulary is of byte pairs. Pure."""
    tokens, merges = metadata.get(_TOKENS), metadata.get(_MERGES)
    splits = _SPLITS.get(str(metadata.get("tokenizer.ggml.pre", "gpt-2")))
    if metadata.get("tokenizer.ggml.model") != "gpt2" or not tokens or not merges or splits is None:
        return None
    types = metadata.get(_TYPES) or []
    special = [number for number, kind in enumerate(types[: len(tokens)]) if kind in (_CONTROL, _USER)]
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "added_tokens": [{"id": n, "content": tokens[n], **usual, "special": types[n] == _CONTROL} for n in special],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(splits)},
        "decoder": _BYTES,
        "model": {"type": "BPE", "vocab": {token: n for n, token in enumerate(tokens)}, "merges": merges},
    }
