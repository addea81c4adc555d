"""A launch as text: a shell reads back the words it was made of."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from runner.render.shell import one_line, shell, words_of, wrapped

WORDS = ("python", "-m", "engine.launcher", "--model", "$MODEL", "--port", "$PORT", "--ctx-size", "4096",
         "--name", "two words", "--prefix", "it's $HOME", "--flash-attn")  # fmt: skip


def test_a_launch_is_one_option_a_line_with_our_variables_open() -> None:
    text = shell({"portable": WORDS, "env": {"OMP_WAIT_POLICY": "passive"}})
    assert text.splitlines() == [
        "OMP_WAIT_POLICY=passive \\",
        "  python -m engine.launcher \\",
        '  --model "$MODEL" \\',
        '  --port "$PORT" \\',
        "  --ctx-size 4096 \\",
        "  --name 'two words' \\",
        "  --prefix 'it'\"'\"'s $HOME' \\",
        "  --flash-attn",
    ]


def test_a_short_command_stays_on_its_line() -> None:
    assert shell({"portable": ["serve", "--model", "$MODEL"]}) == 'serve --model "$MODEL"'


def test_only_our_variables_are_open() -> None:
    text = shell({"portable": ["serve", "$MODEL:$HOME/`id`"]})
    assert text == 'serve "$MODEL:\\$HOME/\\`id\\`"'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=12))
def test_wrapping_changes_no_word(words: list[str]) -> None:
    line = shlex.join(words)
    assert shlex.split(wrapped(line).replace(" \\\n", " ")) == words


OPEN = st.one_of(st.sampled_from(["$MODEL", "$PORT", "${MODEL}", "\\", "'", '"', "$", "`", "=", "\n", "--x"]),
                 st.text(st.characters(exclude_categories=["Cs"]), max_size=3))  # fmt: skip


@given(
    st.lists(st.lists(OPEN, max_size=5).map("".join), max_size=5),
    st.dictionaries(st.from_regex("[A-Z_]{1,4}", fullmatch=True), st.lists(OPEN, max_size=4).map("".join), max_size=2),
)
def test_what_a_line_was_made_of_can_be_read_back(words: list[str], env: dict[str, str]) -> None:
    assert words_of(one_line(["serve", *words], env)) == (env, ("serve", *words))


def test_a_line_that_was_changed_since_is_read_as_far_as_it_goes() -> None:
    assert words_of("serve --key '<path> --port 1") == ({}, ("serve", "--key", "<path>", "--port", "1"))
    assert words_of("A=1") == ({}, ("A=1",)), "there is always a program"
