"""What of the hub lies on this machine, and whether it is whole. Reads folders and nothing else: it needs neither the
network nor the hub's library, and engines find the same files.

A model's folder holds `refs/<branch>` (a commit), `snapshots/<commit>/` (links), `blobs/<hash>` (content) and, where
huggingface_hub 2 or newer made it, `trees/<commit>.json`: what the hub says must be there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
PREFIX = "models--"

ANY = ("config.json", "tokenizer.json", "model.safetensors")
"""What a model of which nothing is known has at the least."""

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_TORCH_FORMS = ("*.bin", "*.bin.index.json", "*.pt", "*.pth")
_OTHER_FORMS = ("*.h5", "*.msgpack", "*.ot", "*.ckpt", "*.onnx", "*.onnx_data", "*.tflite", "*.mlmodel", "*.gguf")
_OTHER_FOLDERS = ("original/", "onnx/", "openvino/", "coreml/", "metal/")
_FOR_PEOPLE = (".gitattributes", ".gitignore", "*.md", "LICENSE*", "NOTICE*", "*.png", "*.jpg", "*.jpeg", "*.gif",
               "*.svg", "*.webp", "*.pdf", "*.mp4", "USE_POLICY*")  # fmt: skip
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json",
               "sentencepiece.bpe.model", "tiktoken.model", "tokenizer_config.json")  # fmt: skip


def hub_folder() -> Path:
    """HF_HUB_CACHE, else `hub` of HF_HOME, as huggingface_hub itself decides. Absolute; not created here."""
    if text := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(os.path.expandvars(text)).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")  # noqa: PTH118  (may begin with $HOME)
    return Path(os.path.expandvars(home)).expanduser().absolute() / "hub"


def is_offline() -> bool:
    """Whether the user said that the hub is not to be asked."""
    told = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return told.upper() in ("1", "ON", "YES", "TRUE")


def folder_of(model_id: str) -> Path:
    """Where a hub model lies, or will lie."""
    return hub_folder() / f"{PREFIX}{model_id.replace('/', '--')}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of a hub model on this machine. `missing`: names of files that an engine needs and that are not here;
    of a model without listing it names what any model has. `parts`: bytes of files whose download was interrupted."""

    model_id: str
    commit: str
    folder: Path
    refs: tuple[str, ...]
    missing: tuple[str, ...]
    bytes: int
    listed: bool

    @property
    def complete(self) -> bool:
        return not self.missing


def snapshot(model_id: str, revision: str | None = None) -> Snapshot | None:
    """The snapshot of a branch, tag or commit (default: main), whole or not; None when nothing of it is here."""
    home = folder_of(model_id)
    wanted = revision or "main"
    commit = wanted if COMMIT.fullmatch(wanted) else _ref(home, wanted)
    if commit is None or not (home / "snapshots" / commit).is_dir():
        return None
    return _look(model_id, home, commit)


def is_whole(model_id: str, revision: str | None = None) -> bool:
    """Whether an engine finds all that it needs here, and need ask nobody."""
    found = snapshot(model_id, revision)
    return found is not None and found.complete


def snapshots() -> list[Snapshot]:
    """Everything of the hub that is here, by model and commit."""
    found = []
    for home in sorted(hub_folder().glob(f"{PREFIX}*")):
        model_id = home.name.removeprefix(PREFIX).replace("--", "/")
        for folder in sorted((home / "snapshots").glob("*")):
            if folder.is_dir():
                found.append(_look(model_id, home, folder.name))
    return found


def parts(model_id: str) -> int:
    """Bytes of interrupted downloads, kept so that they go on there."""
    sizes = (_size(part) for part in (folder_of(model_id) / "blobs").glob("*.incomplete"))
    return sum(size for size in sizes if size is not None)


def wanted(names: Iterable[str]) -> list[str]:
    """Of all files of a model those to fetch: where there are safetensors, no second form of the same weights."""
    every = sorted(names)
    safe = [name for name in every if name.endswith(".safetensors")]
    at_root = [name for name in safe if "/" not in name]
    if not at_root:
        return every
    folders = {name.rpartition("/")[0] for name in safe}
    # Mistral's own form is a second one only beside the usual: alone it is the weights
    twice = any(not name.startswith("consolidated") for name in at_root)

    def is_second(name: str) -> bool:
        folder, _, last = name.rpartition("/")
        return (
            name.startswith(_OTHER_FOLDERS)
            or _like(last, _OTHER_FORMS)
            or (folder in folders and _like(last, _TORCH_FORMS))
            or (twice and name.startswith("consolidated"))
        )

    return [name for name in every if not is_second(name)]


def needed(names: Iterable[str]) -> list[str]:
    """Of these the ones that an engine reads: without what is for people."""
    return [name for name in wanted(names) if not _like(name.rpartition("/")[2], _FOR_PEOPLE)]


def listing(home: Path, commit: str) -> dict[str, dict[str, object]] | None:
    """What the hub said that a commit holds: path -> size, blob_id, lfs_sha256. None where it is not known."""
    try:
        told = json.loads((home / "trees" / f"{commit}.json").read_bytes())
        files = told["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return files if isinstance(files, dict) else None


def _look(model_id: str, home: Path, commit: str) -> Snapshot:
    folder = home / "snapshots" / commit
    files = listing(home, commit)
    if files is None:
        missing = list(_missing_of_any(folder))
    else:
        missing = [name for name in needed(files) if _size(folder / name) != files[name].get("size")]
    refs = sorted(
        path.relative_to(home / "refs").as_posix() for path in (home / "refs").rglob("*") if _text(path) == commit
    )
    size = sum(_size(path) or 0 for path in folder.rglob("*") if not path.is_dir())
    return Snapshot(model_id, commit, folder, tuple(refs), tuple(missing), size, files is not None)


def _missing_of_any(folder: Path) -> Iterator[str]:
    """What any model has: a configuration, a tokenizer, and all the weights that its index names."""
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if _size(path) is not None}
    dangling = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink()} - here
    yield from sorted(dangling)
    if any(name.endswith(".gguf") for name in here):
        return  # one file that holds all of it
    if not (here | dangling) & {"config.json", "params.json"}:  # the second is Mistral's own form
        yield "config.json"
    if not (here | dangling) & set(_TOKENIZERS):
        yield "tokenizer.json"
    shards = set()
    for index in sorted(folder.glob("*.index.json")):
        try:
            shards |= set(json.loads(index.read_bytes())["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield index.name
    yield from sorted(shards - here - dangling)
    if not shards and not any(name.endswith(WEIGHTS) for name in here | dangling):
        yield "model.safetensors"


def _ref(home: Path, name: str) -> str | None:
    path = home / "refs" / name
    return _text(path) if ".." not in Path(name).parts else None


def _text(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return text if COMMIT.fullmatch(text) else None


def _size(path: Path) -> int | None:
    """Bytes of a file behind all its links; None when there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _like(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
