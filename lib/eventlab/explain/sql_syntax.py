"""Explains SQL that Spark cannot read: a misspelt word, a missing comma, a sign, an unknown type.

Spark checks each corrected query, so a box proposes only what it accepts. It does not check a proposed type.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

from eventlab.explain.edits import (
    has_schema,
    hidden,
    is_accepted,
    is_query,
    python_correction,
    replaced_in_code,
    sql_correction,
    sql_texts,
)
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.session import session_of
from eventlab.settings import Settings

WORDS = ("select", "from", "where", "group", "order", "having", "limit", "join", "union", "between")
REPORT = re.compile(r"Syntax error at or near ('.*?'|end of input).*?\(line (\d+), pos (\d+)\)", re.DOTALL)
"""The word and the place of an error."""
EDITS = (
    (r"(?<=\s)&&(?=\s)", "and", "SQL has no &&. It has the word and."),
    (r"(?<=\s)\|\|(?=\s)", "or", "In SQL, || joins two strings. The word for a choice is or."),
    (r"\bnot\s*=", "!=", "In SQL, != means not equal."),
    (r"(?<=\w\s)[x×](?=\s\w)", "*", "The sign of a multiplication is *."),
    (r"\b(group|order)\s+(?!by\b)", r"\1 by ", "The word by is missing after group or order."),
    (r"(?<=\s)(desc|asc)ending\b", r"\1", "SQL has the words desc and asc."),
    (r"\b(order\s+by)\s+(desc|asc)\s+(\S+)", r"\1 \3 \2", "The words desc and asc follow the column."),
    (r"\b(group\s+by\s+[^()]+?)\s+where\b", r"\1 having", "A condition on groups begins with having."),
    (r"\s+(order\s+by\b.*?)\s+(group\s+by\b.*\S)", r" \2 \1", "In SQL, order by follows group by."),
)
"""Patterns of frequent mistakes, their corrections, and what happened."""
TYPES = ("string", "int", "long", "double", "boolean", "timestamp", "date", "float", "decimal", "binary", "bigint")
OTHER_TYPES = ("integer", "smallint", "tinyint", "array", "struct", "map", "timestamp_ntz", "timestamp_ltz")
PYTHON_TYPES = {
    "str": "string",
    "text": "string",
    "number": "double",
    "bool": "boolean",
    "list": "array<string>",
}

_TYPE = "|".join(TYPES)
EDITS_OF_SCHEMAS: tuple[tuple[str, Any, str], ...] = (
    (r"(?<![`\w-])(\w+(?:-\w+)+)(?![`\w-])", r"`\1`", "A name with a dash needs backquotes."),
    (
        rf"(?<=[\w`])([\s:]+)({'|'.join(PYTHON_TYPES)})\b",
        lambda match: match[1] + PYTHON_TYPES[match[2].lower()],
        "Spark's types have other names than those of Python.",
    ),
    (rf"\b({_TYPE})\s+(?=[\w`-]+[\s:]+(?:{_TYPE})\b)", r"\1, ", "A comma is missing between two fields."),
)
"""Patterns of frequent mistakes in schemas, their corrections, and what happened."""


def misspelt_word(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a word of a query is misspelt.

    Remedy: The line with the right word.
    """
    for text, reported, _ in rejected(cell):  # Spark may read `wher` as another name
        code, shown = hidden(text)
        for found in re.finditer(r"(?<!\w)[A-Za-z]+(?!\w)", code):
            wrong = found[0]
            for similar in close_matches(wrong.lower(), WORDS)[:1] if wrong.lower() not in WORDS else ():
                corrected = shown(code[: found.start()] + similar + code[found.end() :])
                if is_accepted(cell, corrected):
                    what = f"Spark does not know the word {wrong!r}. Did you mean {similar!r}?"
                    proof = f"Spark reports a syntax error at {reported!r}"
                    return sql_correction(cell, text, corrected, what, proof)
    return None


def missing_mark(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a comma, the word BY, or another small part of a query is missing or wrong.

    Remedy: The line with this part.
    """
    for _, text in sql_texts(cell, ",") if cell.has_condition("TRAILING_COMMA_IN_SELECT") else ():
        corrected = replaced_in_code(r",(?=\s+(?i:from)\b)", "", text)
        what = "Commas separate columns. No column follows the last comma before from."
        if explanation := sql_correction(cell, text, corrected, what, "Spark reports TRAILING_COMMA_IN_SELECT"):
            return explanation
    for _, text in sql_texts(cell, "count()") if cell.has_condition("WRONG_NUM_ARGS") else ():
        what = "count() needs an argument. count(*) counts rows."
        corrected = replaced_in_code(r"\bcount\(\)", "count(*)", text)
        if explanation := sql_correction(cell, text, corrected, what, str(cell.error)[:90]):
            return explanation
    mismatch = " ".join(
        parameters.get("sqlExpr", "")
        for condition, parameters in cell.conditions.items()
        if condition.startswith("DATATYPE_MISMATCH")
    )
    for sign, word in (("&", "and"), ("|", "or")):
        for _, text in sql_texts(cell, f" {sign} ") if f" {sign} " in mismatch else ():
            what = f"In SQL, the word between two conditions is {word}. The sign {sign} calculates with numbers."
            corrected = replaced_in_code(rf" {re.escape(sign)} ", f" {word} ", text)
            if explanation := sql_correction(cell, text, corrected, what, "Spark reports DATATYPE_MISMATCH"):
                return explanation
    for text, reported, place in rejected(cell):
        proof = f"Spark reports a syntax error at {reported!r}"
        for corrected, what in _attempts(text, place):
            if is_accepted(cell, corrected):
                return sql_correction(cell, text, corrected, what, proof)
    return None


def rejected(cell: FailedCell) -> Iterator[tuple[str, str, int]]:
    """Yield the cell's string that Spark could not read, with the word and the place that it reports."""
    report = REPORT.search(cell.text)
    query = re.sub(r"^-*\^\^\^\n", "", cell.text.partition("== SQL ==\n")[2], flags=re.MULTILINE)
    texts = (text for _, text in cell.strings() if text.strip() and query.startswith(f"{text}\n"))
    text = max(texts, key=len, default="")
    lines, row = text.split("\n"), int(report[2]) if report else 0
    if report and text and row <= len(lines):
        yield text, report[1].strip("'"), sum(len(line) + 1 for line in lines[: row - 1]) + int(report[3])


def _attempts(text: str, place: int) -> Iterator[tuple[str, str]]:
    """Yield corrected strings, each with what happened; SQL's strings and comments stay as they are."""
    code, shown = hidden(text)
    for pattern, new, what in EDITS:
        changed = re.sub(pattern, new, code, flags=re.IGNORECASE | re.DOTALL)
        if changed != code:
            yield shown(changed), what
    words = list(re.finditer(r"[\w.*]+|(\S)\1*", code[:place]))[-1:]
    following = re.match(r"\s*(\w+|\S)", text[place:])
    if words and following and is_query(text):  # in a condition, a comma would make columns of its parts
        start, word = words[0].start(), text[words[0].start() : words[0].end()]
        before, between, after = code[:start].rstrip(), code[start:place].rstrip(), code[place:].lstrip()
        what = "Commas separate columns. One is missing before {}."
        yield shown(f"{before}, {between}, {after}"), what.format(f"{word}, and one before {following[1]}")
        yield shown(f"{before} {between}, {after}"), what.format(following[1])
        yield shown(f"{before}, {code[start:]}"), what.format(word)  # `Host count(*)`: `count` was read as a name
    if code.count("(") > code.count(")"):
        yield shown(f"{code[:place].rstrip()}) {code[place:]}"), "A closing parenthesis is missing."


def unknown_type(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark has no such type. Name the nearest one.

    Remedy: The line with the nearest type.
    """
    unknown = re.search(r'Unsupported data type "?(\w+)', cell.text)
    name = unknown[1].lower() if unknown else ""
    similar = PYTHON_TYPES.get(name) or next(iter(close_matches(name, TYPES)), None) if name else None
    if similar is None:
        return None
    what = f"Spark has no type {name!r}. Did you mean {similar!r}?"
    proof = f"its types are, for example, {', '.join(TYPES[:6])}"
    casts = [call.args[0] for call in cell.calls("cast", "astype") if len(call.args) == 1]
    for argument in casts:
        if isinstance(argument, ast.Constant) and str(argument.value).lower() == name:
            return python_correction(cell, argument, f'"{similar}"', what, proof)
    # the word may also be the name of a column, as in "text text"
    if len(re.findall(rf"(?<!\w){name}(?!\w)", cell.source, re.IGNORECASE)) != 1:
        return None
    line = cell.corrected_line(name, similar)
    return Explanation(what, proof, line, REPLACE_LINE) if line else None


def wrong_schema(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a schema has a type of Python, a dash without backquotes, or no comma between two fields.

    Remedy: The line with a schema that Spark accepts.
    """
    session = session_of(cell) if cell.conditions else None
    if session is None:
        return None
    from pyspark.sql import functions

    def is_schema(text: str) -> bool:
        return has_schema(lambda: session.range(1).select(functions.from_json(functions.lit("{}"), text)))

    texts = [cell.text_of(argument) for call in cell.calls("from_json", "schema") for argument in call.args]
    if near := re.search(r"PARSE_SYNTAX_ERROR\] Syntax error at or near '(\w+|-)'", cell.text):  # in a function
        texts += [text for _, text in cell.strings() if near[1] in re.findall(r"\w+|-", text)]
    for schema in dict.fromkeys(text for text in texts if text and " " in text):
        new, reasons, known = schema, list[str](), (*TYPES, *OTHER_TYPES)
        for word in dict.fromkeys(re.findall(r"(?<=[\w`])[\s:]+(\w+)", schema)):
            for similar in close_matches(word.lower(), known)[:1] if word.lower() not in known else ():
                new, reasons = re.sub(rf"\b{word}\b", similar, new), [f"It has no type {word!r}, but {similar!r}."]
        for pattern, replacement, reason in EDITS_OF_SCHEMAS:
            if (changed := re.sub(pattern, replacement, new, flags=re.IGNORECASE)) != new:
                new, reasons = changed, [*reasons, reason]
        if reasons and not is_schema(schema) and is_schema(new):
            what = f"Spark cannot read the schema. {' '.join(reasons)}"
            return correction(cell, schema, new, what, "Spark accepts the schema of the line below")
    return None


EXPLANATIONS: list[Explain] = [misspelt_word, missing_mark, wrong_schema, unknown_type]
