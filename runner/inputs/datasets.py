"""Prompts of one's own: JSON lines, CSV, Parquet, or conversations as ShareGPT has them.

No tokenizer is at hand, so a text counts as one token for each four characters: an estimate, which only says how many
tokens of answer are asked for and how much room a request needs. What a prompt really was, the server's usage says.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.domain.load import PER_TOKEN, RequestFile
from runner.errors import RequestFileError
from runner.inputs.traces import json_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

Line = dict[str, Any]
_LONGEST_TEXT = 10_000_000
_HUMAN, _MODEL = ("human", "user"), ("gpt", "assistant", "chatgpt", "bard", "bing", "model")
_USUAL_OUTPUT = "output"
_LONGEST_OBJECT = 1 << 26
_AT_A_TIME = 1000


def dataset_lines(file: RequestFile, path: Path) -> Iterator[Line]:
    """Every request: `text`, and `prompt` and `output` tokens. Raises RequestFileError with the line."""
    if file.form == "sharegpt":
        return _conversations(file, path)
    rows = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[file.form]
    return (_line(file, where, row) for where, row in rows(file, path))


def _line(file: RequestFile, where: str, row: dict[str, Any]) -> Line:
    prompt = _cell(file.prompt or "prompt", where, row)
    if not isinstance(prompt, str) or not prompt.strip():
        raise RequestFileError(f"{where}: {file.prompt} must be a text that is not empty")
    if isinstance(file.output, int):
        output = file.output
    else:
        name = file.output or _USUAL_OUTPUT
        if file.output is None and name not in row:
            raise RequestFileError(
                f"{where}: nothing says how many tokens an answer has",
                hint="output: names the column with them, or with the text of the answer; or a number for all",
            )
        output = _tokens(_cell(name, where, row), name, where)
    return {"text": prompt, "prompt": estimated(prompt), "output": output}


def estimated(text: str) -> int:
    """Tokens of a text, where nobody has counted them."""
    return max(1, round(len(text) / PER_TOKEN))


def _cell(name: str, where: str, row: dict[str, Any]) -> Any:
    if name not in row:
        raise RequestFileError(f"{where}: no column {name}", hint=f"here are: {', '.join(map(str, row))[:200]}")
    return row[name]


def _tokens(value: Any, name: str, where: str) -> int:
    """A number is the number of tokens; a text is the answer itself."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise RequestFileError(f"{where}: {name} is {value}")
        return max(1, value)
    if isinstance(value, str):
        return estimated(value)
    raise RequestFileError(f"{where}: {name} must be a number of tokens or a text, not {type(value).__name__}")


def _jsonl(file: RequestFile, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((f"{file.label}, line {number}", data) for number, data in json_lines(path, file.label))


def _csv(file: RequestFile, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(_LONGEST_TEXT)
    with path.open(encoding="utf-8-sig", newline="") as source:
        rows = csv.DictReader(source)
        try:
            for row in rows:
                where = f"{file.label}, line {rows.line_num}"
                if None in row or None in row.values():
                    raise RequestFileError(f"{where}: not as many values as the head names columns")
                yield where, row
        except UnicodeDecodeError as error:
            raise RequestFileError(f"{file.label}: not UTF-8 text: byte {error.start}") from error
        except csv.Error as error:
            raise RequestFileError(f"{file.label}, line {rows.line_num}: {error}") from error


def _parquet(file: RequestFile, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import duckdb

    with _duckdb(file, path) as connection:
        table = connection.read_parquet(str(path))
        wanted = [file.prompt or "prompt", *([] if isinstance(file.output, int) else [file.output or _USUAL_OUTPUT])]
        if wanted[0] not in table.columns:
            _cell(wanted[0], file.label, dict.fromkeys(table.columns))
        names = [name for name in wanted if name in table.columns]
        found = table.select(*(duckdb.ColumnExpression(name) for name in names))
        for number, row in enumerate(_rows(connection, found), 1):
            yield f"{file.label}, row {number}", dict(zip(names, row, strict=True))


def _conversations(file: RequestFile, path: Path) -> Iterator[Line]:
    """The first human turn is the prompt; the turn of the model that follows it says how long the answer is. What
    begins otherwise is left out, as the tools do that made this form known."""
    with _duckdb(file, path) as connection:
        there = connection.read_json(str(path), maximum_depth=1).columns
        if "conversations" not in there:
            hint = f"the form sharegpt has one; here are: {', '.join(there)[:200]}"
            raise RequestFileError(f"{file.label}: no list conversations", hint=hint)
        found = connection.read_json(str(path), columns={"conversations": "JSON"}, maximum_object_size=_LONGEST_OBJECT)
        for number, (told,) in enumerate(_rows(connection, found), 1):
            if line := _conversation(told, f"{file.label}, conversation {number}"):
                yield line


def _conversation(told: str | None, where: str) -> Line | None:
    turns = json.loads(told) if told else []
    if not isinstance(turns, list):
        raise RequestFileError(f"{where}: not a list of turns")
    said = [_turn(turn, where) for turn in turns[:2]]
    if len(said) < 2 or said[0][0] not in _HUMAN or said[1][0] not in _MODEL or not said[0][1].strip():
        return None
    text = said[0][1]
    return {"text": text, "prompt": estimated(text), "output": estimated(said[1][1])}


def _turn(turn: Any, where: str) -> tuple[str, str]:
    if isinstance(turn, dict):
        who, what = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
        if isinstance(who, str) and isinstance(what, str):
            return who, what
    raise RequestFileError(f"{where}: a turn has from and value (or role and content), both texts")


@contextmanager
def _duckdb(file: RequestFile, path: Path) -> Iterator[DuckDBPyConnection]:
    """Readers without SQL of ours; what they can not read is the file's fault."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            why = str(error).splitlines()[0].replace(str(path), file.label)
            raise RequestFileError(f"{file.label}: not readable as {file.form}: {why[:200]}") from error


def _rows(connection: DuckDBPyConnection, found: DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    result = connection.execute(found.sql_query())  # a relation keeps no result: to fetch twice would read twice
    while rows := result.fetchmany(_AT_A_TIME):
        yield from rows
