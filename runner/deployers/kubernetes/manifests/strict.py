"""Whether a manifest says only what the server understands. A server before 1.25 drops an unknown field without a
word, and a custom resource's field at any version: the trial would run without it.

The types of Kubernetes' own objects come with lightkube; those of OME are ours (`ome_types`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

MODULES: Mapping[str, str] = {
    "Service": "lightkube.models.core_v1",
    "Secret": "lightkube.models.core_v1",
    "ConfigMap": "lightkube.models.core_v1",
    "Deployment": "lightkube.models.apps_v1",
    "Job": "lightkube.models.batch_v1",
    "BaseModel": "runner.deployers.kubernetes.manifests.ome_types",
    "ClusterBaseModel": "runner.deployers.kubernetes.manifests.ome_types",
    "ServingRuntime": "runner.deployers.kubernetes.manifests.ome_types",
    "InferenceService": "runner.deployers.kubernetes.manifests.ome_types",
}
"""Kind -> where its type is."""


def unknown(manifest: Mapping[str, Any]) -> list[str]:
    """One line for each field that is unknown, lacking, or of another type, with its path and the nearest known name.
    Empty: the server will take it as it is written."""
    kind = str(manifest["kind"])
    return list(_walk(_type_of(kind), manifest, kind))


@cache
def _type_of(kind: str) -> Any:
    import msgspec

    return msgspec.inspect.type_info(getattr(import_module(MODULES[kind]), kind))


def _walk(wanted: Any, given: Any, path: str) -> Iterator[str]:
    from msgspec import inspect

    if isinstance(wanted, inspect.UnionType):
        if given is not None:
            yield from _either([one for one in wanted.types if not isinstance(one, inspect.NoneType)], given, path)
    elif isinstance(wanted, inspect.StructType):
        yield from _struct(wanted, given, path)
    elif isinstance(wanted, inspect.ListType):
        if not isinstance(given, list | tuple):
            yield f"{path}: a list is wanted"
        else:
            for index, one in enumerate(given):
                yield from _walk(wanted.item_type, one, f"{path}[{index}]")
    elif isinstance(wanted, inspect.DictType):
        if not isinstance(given, Mapping):
            yield f"{path}: a mapping is wanted"
        else:
            for key, one in given.items():
                yield from _walk(wanted.value_type, one, f"{path}.{key}")
    else:
        yield from _scalar(wanted, given, path)


def _either(types: list[Any], given: Any, path: str) -> Iterator[str]:
    """The type that has least to say against it."""
    told = [list(_walk(one, given, path)) for one in types]
    yield from min(told, key=len, default=[])


def _struct(wanted: Any, given: Any, path: str) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"{path}: a mapping is wanted"
        return
    fields = {field.encode_name: field for field in wanted.fields}
    for name, value in given.items():
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            yield f"{path}.{name}: no such field" + (f"; did you mean {near[0]}?" if near else "")
            continue
        yield from _walk(fields[name].type, value, f"{path}.{name}")
    for name, field in fields.items():
        if field.required and name not in given:
            yield f"{path}.{name}: is lacking"


def _scalar(wanted: Any, given: Any, path: str) -> Iterator[str]:
    from msgspec import inspect

    text, number, whole = isinstance(given, str), isinstance(given, int | float), isinstance(given, int)
    truth = isinstance(given, bool)
    if isinstance(wanted, inspect.StrType) and not text:
        yield f"{path}: a text is wanted, not {given!r}; quote it"
    elif isinstance(wanted, inspect.BoolType) and not truth:
        yield f"{path}: true or false is wanted, not {given!r}"
    elif isinstance(wanted, inspect.IntType) and (truth or not whole):
        yield f"{path}: a whole number is wanted, not {given!r}"
    elif isinstance(wanted, inspect.FloatType) and (truth or not number):
        yield f"{path}: a number is wanted, not {given!r}"
