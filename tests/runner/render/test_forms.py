"""A measured launch as others start it: the texts are golden, and whoever reads them reads the same words."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from runner.render.forms import FORMS, lacks_image
from runner.render.served import Served

HUB = Served(
    name="llama3-chat",
    about="llama3-chat, trial 7: vLLM 0.33.0 on 2x H100",
    words=(
        "python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "$MODEL", "--host", "127.0.0.1",
        "--port", "$PORT", "--compilation-config", '{"level": 3, "it\'s": "$HOME $(id)"}', "--enforce-eager",
    ),
    env={"VLLM_NOTE": "a $5 `note`"},
    pass_env=("HF_TOKEN",),
    model="meta-llama/Llama-3.1-8B-Instruct",
    file="meta-llama/Llama-3.1-8B-Instruct",
    image="vllm/vllm-openai@sha256:1f2e",
    gpus=2,
    shared_memory=16_000_000_000,
)  # fmt: skip
FILE = Served(
    name="quickstart",
    about="quickstart, trial 3: llama.cpp b11549 on CPU",
    words=("python", "-m", "runner.runtimes.llama_cpp.launcher", "--model", "$MODEL", "--host", "127.0.0.1",
           "--port", "$PORT", "--threads", "1"),
    env={"OMP_WAIT_POLICY": "passive"},
    file="My Model.gguf",
    image="llama-cpp:2026.10",
)  # fmt: skip
CASES = {"hub": HUB, "file": FILE, "pinned": replace(FILE, about=FILE.about.replace("CPU", "2 CPUs"), cpus=2)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_text_is_golden(form: str, case: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/{case}-{form}.txt", FORMS[form](CASES[case]))


@pytest.mark.parametrize("case", CASES)
def test_a_shell_reads_the_words_of_the_launch(case: str) -> None:
    served = CASES[case]
    text = FORMS["shell"](served).replace(f"{served.words[0]} -m", "printf '%s\\0' -m")
    seen = subprocess.run(["bash", "-c", text], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    model = served.model or f"/path/to/{served.file}"
    assert seen == [word.replace("$MODEL", model).replace("$PORT", "8000") for word in served.words[1:]]


@pytest.mark.parametrize("case", CASES)
def test_a_shell_hands_docker_each_word_whole(case: str) -> None:
    served = CASES[case]
    text = FORMS["docker"](served).replace("docker run", "printf '%s\\0'").replace("$(python3", "$(echo /x; : python3")
    seen = subprocess.run(["bash", "-c", text], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    engine = seen[seen.index(served.image or "") + 1 :]
    assert [seen[seen.index("--entrypoint") + 1]] == ["python3"]
    assert "0.0.0.0" in engine
    assert "127.0.0.1" not in engine, "from outside nobody would reach it there"
    assert "8000" in engine
    assert seen[seen.index("--publish") + 1] == "127.0.0.1:8000:8000"
    for name, value in served.env.items():
        assert f"{name}={value}" in seen
    if case == "hub":
        assert served.words[-2] in engine, "JSON, quotes and dollars as they are"
        assert engine[engine.index("--model") + 1] == served.model
        assert seen[seen.index("HF_TOKEN") - 1] == "--env", "the name alone: its value stands nowhere"
    else:
        assert engine[:2] == ["/tunebook/launcher.py", "--model"]
        assert "/path/to/My Model.gguf:/model/My Model.gguf:ro" in seen


def test_compose_and_kubernetes_are_yaml_that_says_the_same() -> None:
    service = yaml.safe_load(FORMS["compose"](HUB))["services"]["llama3-chat"]
    [deployment, other] = yaml.safe_load_all(FORMS["kubernetes"](HUB))
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    assert service["image"] == pod["image"] == HUB.image
    assert pod["command"] + pod["args"] == [
        word.replace("127.0.0.1", "0.0.0.0").replace("$MODEL", HUB.model or "").replace("$PORT", "8000")
        .replace("$(", "$$(") for word in HUB.words
    ]  # fmt: skip
    assert [one.replace("$$", "$") for one in service["command"]] == [
        word.replace("$$(", "$(").replace("8000", "${PORT}") for word in pod["args"]
    ]
    assert service["environment"] == {"VLLM_NOTE": "a $$5 `note`", "HF_TOKEN": "${HF_TOKEN}"}
    assert pod["resources"] == {"limits": {"nvidia.com/gpu": 2}}
    [devices] = service["deploy"]["resources"]["reservations"]["devices"]
    assert devices["count"] == 2
    assert other["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert shlex.split(FORMS["docker"](HUB).partition("docker run")[2].replace("\\\n", " "))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_with_an_image_wants_one(form: str) -> None:
    bare = replace(FILE, image=None)
    assert lacks_image(form, bare) is (form != "shell")
    assert not lacks_image(form, FILE)
    if form != "shell":
        with pytest.raises(ValueError, match="ran without containers"):
            FORMS[form](bare)


ODD = replace(
    FILE,
    about="two\nlines: $(id)",
    file="a\n  b: $(id) `id` '\".gguf",
    words=(*FILE.words, "--flash-attn", "on", "--note", "</code> {{ 7*7 }} `id` $(id) '\" \\ \n end"),
    pass_env=("A B; id",),
)


def test_nothing_that_others_named_is_run_or_read_as_more_than_a_word() -> None:
    note = ODD.words[-1]
    printed = FORMS["shell"](ODD).replace("python -m", "printf '%s\\0' -m")
    seen = subprocess.run(["bash", "-c", printed], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    assert seen[-3:] == ["on", "--note", note]
    assert seen[3] == f"/path/to/{ODD.file}"

    text = FORMS["docker"](ODD).replace("docker run", "printf '%s\\0'").replace("$(python3", "$(echo /x; : python3")
    seen = subprocess.run(["bash", "-c", text], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    assert seen[-1] == note
    assert "A B; id" in seen
    assert f"/path/to/{ODD.file}:/model/{ODD.file}:ro" in seen

    [service] = yaml.safe_load(FORMS["compose"](ODD))["services"].values()
    assert [one.replace("$$", "$") for one in service["command"][-3:]] == ["on", "--note", note]
    deployment, _ = yaml.safe_load_all(FORMS["kubernetes"](ODD))
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [one.replace("$$(", "$(") for one in args[-3:]] == ["on", "--note", note], "`on` is a word, no boolean"
