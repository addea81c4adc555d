"""A GGUF file to a Hugging Face folder: weights made whole again (bfloat16), tokenizer and chat template kept.

`PYTHON gguf_to_folder.py FILE.gguf FOLDER`, started by `runner.models.convert` with an interpreter that has torch,
transformers, accelerate and gguf; it needs nothing of tunebook. FOLDER exists and is empty. What it prints is progress.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(source: Path, folder: Path) -> None:
    say("loading torch and transformers")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    say("reading the tokenizer")
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    say("reading the weights")  # without GgufConfig they stay packed, and can not be saved
    model = AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    say("writing the weights")
    model.save_pretrained(folder)
    add_rope_theta(folder / "config.json")


def add_rope_theta(path: Path) -> None:
    """Transformers 5 writes it under `rope_parameters` alone, where other engines do not look."""
    config = json.loads(path.read_text(encoding="utf-8"))
    theta = (config.get("rope_parameters") or {}).get("rope_theta")
    if theta is not None and "rope_theta" not in config:
        config["rope_theta"] = theta
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
