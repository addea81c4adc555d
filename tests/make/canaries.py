"""Made-up secrets of every kind, to be planted and looked for. None is real; each is put together here, so that no
scanner takes this file for a leak."""

from __future__ import annotations

_BODY = "Zq7Xw2Rt9Kp4Lm8Nv3Bc6Hd1Fg5Js0YuAeTi"  # 37 letters and digits
_HEX = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"

BY_SHAPE = {
    "hugging face": "hf" + "_" + _BODY[:34],
    "aws key": "AKIA" + "QX7ZT2WM5RK9PL3V",
    "google key": "AIza" + _BODY[:35],
    "google oauth": "ya29" + "." + _BODY,
    "github": "gh" + "p_" + _BODY[:36],
    "github fine": "github" + "_pat_" + _BODY[:22] + "_" + _BODY,
    "gitlab": "gl" + "pat-" + _BODY[:20],
    "slack": "xox" + "b-123456789012-" + _BODY[:24],
    "openai": "sk" + "-proj-" + _BODY,
    "anthropic": "sk" + "-ant-api03-" + _BODY,
    "stripe": "sk" + "_live_" + _BODY[:24],
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + _BODY[:20] + "." + _BODY[:30],
}
"""Known by what they look like, wherever they stand."""

IN_CONTEXT = {
    "aws secret": ("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzQQAA77Zk"),
    "azure storage": ("AccountName=a;AccountKey={};EndpointSuffix=core", _BODY + "aB3+/dE9=="),
    "azure signature": ("GET /c/b?sv=2024-08-04&sig={}&se=2026", "Qm9" + _BODY[:30] + "%3D"),
    "bearer": ("Authorization: Bearer {}", "a.b-" + _HEX),
    "basic": ("authorization: Basic {}", "ZnJlZDpmMXNoaW5nUm9k"),
    "proxy": ("proxy http://fred:{}@proxy.example:3128 refused", "f1sh!ng-Rod-77"),
    "clone address": ("origin https://{}@git.example/x.git", "o2auth" + _HEX),
    "database": ("postgres://app:{}@db.example/app", "p0stgres-Horse-9"),
    "password": ("password='{}'", "c0rrect-horse-battery"),
    "flag": ("--api-key {}", "my-own-k3y-" + _HEX[:12]),
    "json": ('{{"client_secret": "{}"}}', _HEX),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEow" + _BODY * 2),
}
"""Known by what stands beside them: text with a place, and the value."""

BY_NAME = {
    "HF_TOKEN": "plain-words-of-a-hub-token",
    "HUGGING_FACE_HUB_TOKEN": "more-plain-words-of-a-hub",
    "AWS_SECRET_ACCESS_KEY": "only/letters/plus/slashes/abcdefgh",
    "AZURE_CLIENT_SECRET": "azure~client~words~here",
    "GITHUB_TOKEN": "forge-words-without-shape",
    "CI_JOB_TOKEN": "job-words-without-shape",
    "SLACK_WEBHOOK_URL": "https://hooks.example/services/words-of-a-hook",
    "DB_PASSWORD": "words-of-a-database",
    "OPENAI_API_KEY": "words-of-a-model-shop",
    "HTTPS_PROXY": "http://fred:words-of-a-proxy@127.0.0.1:9",
    "https_proxy": "http://fred:small-words-of-a-proxy@127.0.0.1:9",
    "all_proxy": "fred:words-without-a-scheme@127.0.0.1:9",
    "PIP_INDEX_URL": "https://ci:words-of-an-index@pypi.example/simple",
}
"""Of the environment: known by its name, or by the address that it stands in."""


ENV_FILES = {
    ".env": {
        "WANDB_API_KEY": "words-of-an-env-file",
        "HTTP_PROXY": "http://fred:words-of-an-env-proxy@127.0.0.1:9",
    },
    ".env.local": {
        "hf_hub_token": "words-of-a-local-env-file",
        "http_proxy": "http://fred:small-words-of-a-local-proxy@127.0.0.1:9",
    },
}
"""File of the project -> what stands in it."""


def named() -> dict[str, str]:
    """Name -> value, of the environment and of the project's files."""
    return {**BY_NAME, **{name: value for file in ENV_FILES.values() for name, value in file.items()}}


def values() -> list[str]:
    """Every secret part, as it must stand nowhere."""
    found = [*BY_SHAPE.values(), *(value for _, value in IN_CONTEXT.values())]
    for value in named().values():
        found.append(value.split("@")[0].rpartition(":")[2] if "@" in value else value)
    return found


def said() -> list[str]:
    """What a careless engine prints: a line for each."""
    lines = [f"loading with {value} now" for value in BY_SHAPE.values()]
    lines += [text.format(value) for text, value in IN_CONTEXT.values()]
    return lines + [f"{name} is {value}" for name, value in named().items()]
