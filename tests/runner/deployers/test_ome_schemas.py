"""Our objects of OME against its own schemas, where somebody has them here: a folder of its `config/crd/full`.

    TUNEBOOK_OME_CRDS=.../ome/config/crd/full pytest tests/runner/deployers/test_ome_schemas.py

They are five megabytes of somebody else's, so the project holds none of them; `ome_types` is what it holds instead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

FOLDER = os.environ.get("TUNEBOOK_OME_CRDS")
GOLDEN = Path(__file__).parents[2] / "golden/kubernetes"
pytestmark = pytest.mark.skipif(FOLDER is None, reason="TUNEBOOK_OME_CRDS names no folder of OME's resources")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a resource's: what the server would drop in silence is an error."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = strict(found[key])
    if "properties" in found:
        found["properties"] = {name: strict(one) for name, one in found["properties"].items()}
        if "additionalProperties" not in found and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    return found


@pytest.mark.parametrize("file", sorted(path.name for path in GOLDEN.glob("ome-*.yaml")))
def test_ome_knows_every_field(file: str) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    checked = []
    for manifest in yaml.safe_load_all((GOLDEN / file).read_text(encoding="utf-8")):
        if not manifest["apiVersion"].startswith("ome.io/"):
            continue
        assert FOLDER is not None
        crd = yaml.load((Path(FOLDER) / f"ome.io_{manifest['kind'].lower()}s.yaml").read_text(), Loader=loader)
        schema = strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        wrong = [
            f"{'.'.join(map(str, one.path))}: {one.message[:300]}"
            for one in Draft202012Validator(schema).iter_errors(manifest)
        ]
        assert wrong == [], manifest["kind"]
        checked.append(manifest["kind"])
    assert checked == ["BaseModel", "ServingRuntime", "InferenceService"]
