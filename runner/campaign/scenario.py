"""Scenarios in genai-bench's grammar (https://docs.sglang.ai/genai-bench/): token lengths of prompts and outputs.

D(1000,200)             exactly 1000 prompt and 200 output tokens
N(480,240)/(300,150)    normal: mean and standard deviation of the prompt, then of the output
U(50,100)/(200,250)     uniform: least and most of the prompt, then of the output
U(100,250)              uniform from 1 to 100 and from 1 to 250
E(512)                  embeddings of exactly 512 tokens; nothing comes out
dataset                 prompts and lengths of `workload.dataset`
trace                   lengths of `workload.trace`; this one is ours
"""

from __future__ import annotations

import re

from runner.domain.campaign import Scenario

_PAIR = r"\((\d{1,7}),(\d{1,7})\)"
_CONSTANT = re.compile(rf"D{_PAIR}")
_NORMAL = re.compile(rf"N{_PAIR}/{_PAIR}")
_UNIFORM = re.compile(rf"U{_PAIR}(?:/{_PAIR})?")
_EMBEDDINGS = re.compile(r"E\((\d{1,7})\)")
_OTHER_TASKS = re.compile(r"[IRA]\(.*\)")


FILES = ("trace", "dataset")
"""Scenarios whose lengths stand in a file. Each is also the key of `workload` that names the file."""


def parse_scenario(text: str) -> Scenario:
    """Raises ValueError for what is no scenario, or one that asks for no token."""
    compact = text.replace(" ", "")
    if match := _CONSTANT.fullmatch(compact):
        prompt, output = map(int, match.groups())
        scenario = Scenario(compact, "D", prompt, output)
    elif match := _NORMAL.fullmatch(compact):
        prompt, prompt_sd, output, output_sd = map(int, match.groups())
        scenario = Scenario(compact, "N", prompt, output, prompt_sd, output_sd)
    elif match := _UNIFORM.fullmatch(compact):
        scenario = _uniform(compact, match)
    elif match := _EMBEDDINGS.fullmatch(compact):
        scenario = Scenario(compact, "E", int(match[1]), 0)
    elif compact in FILES:
        return Scenario(compact, compact, 0, 0)
    elif _OTHER_TASKS.fullmatch(compact):
        raise ValueError(f"scenario {text!r} is of another task: D, N, U, trace and dataset are text, E is embeddings")
    else:
        raise ValueError(f"{text!r} is not a scenario: write D(prompt,output), such as D(1000,200)")
    if scenario.prompt < 1 or (scenario.output < 1 and scenario.kind != "E"):
        raise ValueError(f"scenario {text!r} needs at least one prompt and one output token")
    return scenario


def _uniform(text: str, match: re.Match[str]) -> Scenario:
    if match[3] is None:
        return Scenario(text, "U", int(match[1]), int(match[2]), prompt_min=1, output_min=1)
    low_in, high_in, low_out, high_out = map(int, match.groups())
    if low_in > high_in or low_out > high_out:
        raise ValueError(f"scenario {text!r}: the least number of tokens is above the most")
    return Scenario(text, "U", high_in, high_out, prompt_min=max(low_in, 1), output_min=max(low_out, 1))
