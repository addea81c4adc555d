"""Who gets what of our environment: a child gets the names on its list, and a secret only when it was asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runner.util.redact import hide

POD = "TUNEBOOK_POD"
"""Name of the variable that says which pod we are in: `namespace/name/uid`, see runner.deployers.kubernetes.drivers."""

SECRET_NAME = re.compile(
    r"(?i)(?:^|[_-])(?:tokens?|secrets?|passw(?:or)?d|passwd|passphrase|pwd|pass|pat|api_?key|access_?key|private_?key"
    r"|account_?key|secret_?key|signing_?key|credentials?|auth|dsn|webhook)(?:$|_(?:id|url|b64|base64|\d+)$)|_key$"
)
"""Names whose values are secrets. `TOKENIZERS_PARALLELISM` and `HF_TOKEN_PATH` are none."""

_SYSTEM = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM", "HOSTNAME",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "NO_PROXY", "NO_COLOR",
)  # fmt: skip
_ENGINE_PREFIXES = (
    "LC_", "XDG_", "CONDA", "CUDA", "NVIDIA_", "NCCL_", "NVSHMEM_", "UCX_", "HIP_", "HSA_", "ROCR_", "ROCM_", "GPU_",
    "MIOPEN_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "MALLOC_", "ONEAPI_", "ZE_", "SYCL_",
    "GGML_", "LLAMA_", "VLLM_", "SGLANG_", "SGL_", "FLASHINFER_", "TRTLLM_", "TLLM_", "TENSORRT_", "TORCH", "PYTORCH_",
    "TRITON_", "INDUCTOR_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "RAY_", "TUNEBOOK_",
)  # fmt: skip
"""What drivers, number libraries and engines read. Anything else is named in the campaign: `env: [NAME]`."""

_BUILD = (
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "MAX_JOBS",
    "CUDA_HOME",
    "CUDA_PATH",
    "NETRC",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)
_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_DRY_RUN", "PIP_LOG", "PIP_REQUIRE_VIRTUALENV")
"""Settings of pip that would install to another place than the environment that it belongs to, or nothing."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")
_ORDINARY = frozenset({"default", "disabled", "enabled", "required", "optional", "offline", "unlimited"})
"""Values of a setting that happens to be called like a secret."""


def hide_ours() -> None:
    """Take the secrets of our own environment out of every text that we write. Called once, when a command begins."""
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and value.lower() not in _ORDINARY and not value.startswith(("/", "~", "./")):
            hide(value)
        for secret in _in_address(value, is_proxy(name)):
            hide(secret)


def for_engine(passed: Sequence[str] = (), own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of an engine on this machine: the lists above without secrets, the names that the campaign
    passes through, and what its entry sets (`own`). A value that is passed through is hidden from then on."""
    kept = {name: value for name, value in os.environ.items() if _engine_may_have(name, value)}
    return kept | passed_through(passed) | {"PYTHONUNBUFFERED": "1"} | dict(own or {})


def passed_through(names: Sequence[str]) -> dict[str, str]:
    """The values of the named variables that are set here. They are hidden from then on."""
    found = {name: os.environ[name] for name in names if name in os.environ}
    for value in found.values():
        hide(value)
    return found


def proxies() -> dict[str, str]:
    """The proxies of our environment, and what goes around them; none that carries a password."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in (*_PROXIES, "NO_PROXY") and value and not _in_address(value, is_proxy(name))
    }


def is_proxy(name: str) -> bool:
    """Whether a variable of this name gives the address of a proxy."""
    return name.upper() in _PROXIES


def for_tool(**more: str) -> dict[str, str]:
    """The environment of a small program that asks this machine something (git, a driver's tool)."""
    return {name: os.environ[name] for name in _SYSTEM if name in os.environ} | more


def for_installer() -> dict[str, str]:
    """The environment of pip: every proxy and every setting of pip's own, such as the address of a package index and
    its password; of other secrets none. It installs into the environment that it belongs to and nowhere else."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in (*_SYSTEM, *_BUILD)
        or name.upper() in (*_PROXIES, "NO_PROXY")
        or (name.startswith("PIP_") and name not in _ELSEWHERE)
    }
    kept.pop("VIRTUAL_ENV", None)
    return kept | {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"}


def activated(python: str) -> dict[str, str]:
    """What the environment of an interpreter adds to that of an engine: its programs come first. Engines start some of
    them by name (`ninja`). Empty for an interpreter that is in none."""
    folder = Path(os.path.abspath(python)).parent  # noqa: PTH100  (a link to the Python that it was made from)
    if not (folder.parent / "pyvenv.cfg").is_file():
        return {}
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PATH", ""))))
    return {"VIRTUAL_ENV": str(folder.parent), "PATH": path}


def _engine_may_have(name: str, value: str) -> bool:
    upper = name.upper()
    if SECRET_NAME.search(name) or _in_address(value, is_proxy(name)):
        return False
    return upper in _SYSTEM or upper in _PROXIES or name.startswith(_ENGINE_PREFIXES)


def _in_address(value: str, proxy: bool) -> list[str]:
    """The password of `scheme://user:password@host`, as it stands and decoded; none when there is none. The address of
    a `proxy` may lack its scheme."""
    if "@" not in value or not (proxy or "://" in value):
        return []
    try:
        password = urlsplit(value if "://" in value else f"//{value}").password
    except ValueError:  # no address after all
        return []
    return [password, unquote(password)] if password else []
