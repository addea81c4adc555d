"""A preset file as a strict schema: settings that entries of several campaigns share.

`python -m runner.campaign.preset_schema > site/preset.schema.json` writes the JSON Schema that editors use.
"""

from __future__ import annotations

import json
import sys

from pydantic import Field, model_validator

from runner.campaign.combine import Merge
from runner.campaign.entry_schema import AbstractValues, Env, Names, ParameterSection, check_extends
from runner.campaign.fields import NameText, Scalar, Section, Text, YesNo
from runner.campaign.schema import published


class PresetFile(Section):
    """A tunebook preset."""

    name: NameText | None = Field(None, description="As the file is called, without its ending.")
    description: Text = Field("", description="What it is for: `tunebook plan` shows it.")
    runtime: Text | None = Field(None, description="The engine whose flags these are; absent: any.")
    recommended_for: list[Text] = Field([], description="When to take it, for the reader.")
    tags: list[Text] = Field([], description="Words to find it by.")
    extends: Names = Field([], description="Presets that this one is made of; what stands here goes before them.")
    merge: Merge | None = Field(None, description="What counts where those differ: last_wins, union or intersection.")
    without: Names = Field([], description="Settings of those that are left out.")
    flags: dict[str, Scalar] = Field({}, description="Fixed flags, without dashes in front; true = a bare flag.")
    space: dict[str, ParameterSection] = Field({}, description="Searched flags, or env.NAME for the environment.")
    quantization: AbstractValues = Field({}, description="Data types by field, one value or a list to search.")
    parallel: AbstractValues = Field({}, description="Degrees of parallelism by field, one value or a list.")
    where: list[Text] = Field([], description="Expressions that every configuration must satisfy.")
    env: Env = Field({}, description="A list of names passed through, or NAME: value (null = passed through).")
    image: Text | None = Field(None, description="Container image, for deploy: docker.")
    version: Text | None = Field(None, description="Version of the engine.")
    allow_unknown_flags: YesNo | None = Field(None, description="Pass flags on that tunebook does not know.")

    @model_validator(mode="after")
    def _sound(self) -> PresetFile:
        check_extends(self)
        return self


def json_schema() -> str:
    """The JSON Schema (draft 2020-12) as text, byte for byte what is published."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tunebook preset"}
    return json.dumps(head | published(PresetFile.model_json_schema()), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
