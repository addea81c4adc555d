"""A launch that was measured, as others start it: in a shell, in Docker, with Compose, on Kubernetes. Pure.

What differs from machine to machine stays open: `$MODEL` and `$PORT`. In a container the engine listens on every
address of the container's own network, a model file is mounted where the engine will see it, and a hub id is fetched
into the host's cache.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from runner.render.served import Served, program_in
from runner.render.shell import one_line, wrapped
from runner.render.yaml_text import yaml_text
from runner.util.visible import visible

PORT = 8000
CACHE = "/root/.cache/huggingface"
LAUNCHERS = "/tunebook"
_OURS = re.compile(r"runner\.[\w.]+")


def shell(served: Served) -> str:
    """For a POSIX shell, where the engine is installed."""
    program, *words = served.words
    if served.image is not None and program.startswith("/"):
        program = program.rpartition("/")[2]  # where it is in the image says nothing of where the reader has it
    lines = [*_remarks(served.about), *_open(served)]
    return "\n".join([*lines, wrapped(one_line((program, *words), served.env))]) + "\n"


def docker(served: Served) -> str:
    """`docker run`, with the image by its digest where the record has one. `lacks_image` must have said no."""
    options = ["docker run --rm --init", f"--name {served.name}"]
    if served.gpus:
        options.append(f"--gpus {served.gpus}")
    if served.cpus:
        options.append(f"--cpus {served.cpus}")
    if served.shared_memory:
        options.append(f"--shm-size {served.shared_memory}")
    options.append('--publish 127.0.0.1:"$PORT":"$PORT"')
    options += [f"--volume {source}:{shlex.quote(target)}" for source, target in _volumes(served)]
    options += [f"--env {shlex.quote(f'{name}={value}')}" for name, value in sorted(served.env.items())]
    options += [f"--env {shlex.quote(name)}" for name in served.pass_env]
    program, *words = _inside(served)
    options += [f"--entrypoint {shlex.quote(program)} {shlex.quote(_image(served))}", *_grouped(words)]
    return "\n".join([*_remarks(served.about), *_open_outside(served), " \\\n  ".join(options)]) + "\n"


def compose(served: Served) -> str:
    """A compose.yaml; `$MODEL` and `$PORT` come from the environment or a file `.env` beside it."""
    program, *words = (_dollars(word).replace("$$PORT", "${PORT}") for word in _inside(served))
    service: dict[str, object] = {
        "image": _image(served),
        "init": True,
        "entrypoint": [program],
        "command": words,
        "ports": ["127.0.0.1:${PORT}:${PORT}"],
        "volumes": [f"{_braced(source)}:{target}" for source, target in _volumes(served)],
    }
    if served.env or served.pass_env:
        own = {name: _dollars(value) for name, value in sorted(served.env.items())}
        service["environment"] = {**own, **{name: f"${{{name}}}" for name in served.pass_env}}
    if served.shared_memory:
        service["shm_size"] = served.shared_memory
    if served.cpus:
        service["cpus"] = served.cpus
    if served.gpus:
        device = {"driver": "nvidia", "count": served.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return "\n".join(
        [*_remarks(served.about, *_open_outside(served)), yaml_text({"services": {served.name: service}}, {})]
    )


def kubernetes(served: Served) -> str:
    """A Deployment and its Service. The pod's model lies on a claim called `models`, or is fetched by its hub id; the
    port is fixed, since a pod has an address of its own."""
    words = [word.replace("$PORT", str(PORT)).replace("$(", "$$(") for word in _inside(served)]
    env: list[dict[str, object]] = [{"name": name, "value": value} for name, value in sorted(served.env.items())]
    env += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": served.name, "key": name}}} for name in served.pass_env
    ]
    container: dict[str, object] = {
        "name": "engine",
        "image": _image(served),
        "command": words[:1],
        "args": words[1:],
        "ports": [{"containerPort": PORT, "name": "http"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5, "failureThreshold": 3},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    volumes: list[dict[str, object]] = [
        {"name": "shm", "emptyDir": {"medium": "Memory", **_limit(served)}},
    ]
    if served.model is None:
        mounts = container["volumeMounts"]
        assert isinstance(mounts, list)
        mounts.append({"name": "models", "mountPath": "/model", "readOnly": True})
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}})
    if env:
        container["env"] = env
    limits = {"cpu": served.cpus, "nvidia.com/gpu": served.gpus}
    if any(limits.values()):
        container["resources"] = {"limits": {name: number for name, number in limits.items() if number}}
    labels = {"app": served.name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": served.name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod},
    }  # fmt: skip
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": served.name},
        "spec": {"selector": labels, "ports": [{"port": PORT, "targetPort": "http"}]},
    }  # fmt: skip
    told = _remarks(served.about)
    if _own_module(served) is not None:
        there = f"The image needs tunebook's launcher in {LAUNCHERS}: COPY it there from where tunebook is installed."
        told += _remarks(there)
    return "\n".join([*told, yaml_text(deployment, {}) + "---", yaml_text(service, {})])


FORMS: Mapping[str, Callable[[Served], str]] = {
    "shell": shell,
    "docker": docker,
    "compose": compose,
    "kubernetes": kubernetes,
}


def lacks_image(form: str, served: Served) -> bool:
    """Whether this form can not be made, since it starts a container and no image is known. Ask before each form."""
    return form != "shell" and served.image is None


def _image(served: Served) -> str:
    if served.image is None:
        raise ValueError(f"{served.name} ran without containers: there is no form of it with an image")
    return served.image


def _remarks(*lines: str) -> list[str]:
    """A comment a line, in a shell and in YAML: nothing of what others named stands outside of it."""
    return [f"# {visible(line)}" for line in lines]


def _open(served: Served) -> list[str]:
    """What the reader sets."""
    if served.model is not None:
        return [f"MODEL={shlex.quote(served.model)}", f"PORT={PORT}"]
    return [f"MODEL=/path/to/{shlex.quote(served.file)}", f"PORT={PORT}"]


def _open_outside(served: Served) -> list[str]:
    """The same, of a container: a hub id stands in its command."""
    model, port = _open(served)
    return [*([model] if served.model is None else []), port, *_launchers(served)]


def _inside(served: Served) -> list[str]:
    """The words as they are right inside a container: the model where it is mounted, the engine on every address, and
    a launcher of ours, which no image has, where it is mounted."""
    model = served.model if served.model is not None else f"/model/{served.file}"
    words = [word.replace("$MODEL", model) for word in served.words]
    for index, word in enumerate(words[:-1]):
        if word == "--host" and words[index + 1] == "127.0.0.1":
            words[index + 1] = "0.0.0.0"
    if (module := _own_module(served)) is not None:
        at = words.index(module)
        words[at - 1 : at + 1] = [f"{LAUNCHERS}/{module.rpartition('.')[2]}.py"]
    if words[0] == "python":
        words[0] = "python3"  # images have it by this name, not all by the other
    words[0] = program_in(_image(served), words[0])
    return words


def _own_module(served: Served) -> str | None:
    """`python -m runner...`: a file of ours that starts the engine."""
    pairs = zip(served.words, served.words[1:], strict=False)
    return next((module for word, module in pairs if word == "-m" and _OURS.fullmatch(module)), None)


def _launchers(served: Served) -> list[str]:
    module = _own_module(served)
    if module is None:
        return []
    package = module.rpartition(".")[0]
    return [f"LAUNCHER=\"$(python3 -c 'import {package} as here; print(here.__path__[0])')\"  # where tunebook is"]


def _volumes(served: Served) -> list[tuple[str, str]]:
    """(source, quoted for a shell; target with its mode, as it is)."""
    found = [('"$MODEL"', f"/model/{served.file}:ro")] if served.model is None else [(f'"$HOME{CACHE[5:]}"', CACHE)]
    if _own_module(served) is not None:
        found.append(('"$LAUNCHER"', f"{LAUNCHERS}:ro"))
    return found


def _dollars(text: str) -> str:
    """Compose fills in what follows a single dollar."""
    return text.replace("$", "$$")


def _braced(source: str) -> str:
    return re.sub(r"\$(\w+)", r"${\1}", source.strip('"'))


def _grouped(words: list[str]) -> list[str]:
    """One option with its values a line; `$PORT` open, all else quoted."""
    lines: list[list[str]] = []
    for word in words:
        text = f'"{word}"' if word == "$PORT" else shlex.quote(word)
        if word.startswith("--") or not lines:
            lines.append([])
        lines[-1].append(text)
    return [" ".join(line) for line in lines]


def _limit(served: Served) -> dict[str, str]:
    return {"sizeLimit": str(served.shared_memory)} if served.shared_memory else {}
