"""Several statements in one string of SQL, as Spark reports them, and the cell of the box."""

import pytest
from pyspark.errors.exceptions.connect import ParseException

from eventlab.explain import sql_statements
from eventlab.explain.explanation import INSTEAD, REPLACE_LINE
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings


def rejected(text, word, source=None, **variables):
    """Return a cell whose SQL Spark could not read at the last place of a word."""
    before = text[: text.rindex(word)]
    line, position = before.count("\n") + 1, len(before.rpartition("\n")[2])
    error = ParseException(
        f"\n[PARSE_SYNTAX_ERROR] Syntax error at or near '{word}': extra input '{word}'. SQLSTATE: 42601 "
        f"(line {line}, pos {position})\n\n== SQL ==\n{text}\n{'-' * position}^^^\n"
    )
    return FailedCell(error, source or f"spark.sql({text!r}).show()", variables)


@pytest.mark.parametrize(
    ("text", "word", "source", "line"),
    [
        ("use shop; select 1", "select", "spark.sql('{}')", 'spark.sql("use shop"); spark.sql("select 1")'),
        (
            "drop view if exists v; select ';' from t;",
            "select",
            'top = spark.sql("{}")',
            'spark.sql("drop view if exists v"); top = spark.sql("select \';\' from t")',
        ),
        (
            "select 1;select 2",
            "select",
            "spark.sql('{}').show()",
            'spark.sql("select 1").show(); spark.sql("select 2").show()',
        ),
        (
            "use a; use b; select 1",
            "use",
            "x = spark.sql('{}').count()",
            'spark.sql("use a"); spark.sql("use b"); x = spark.sql("select 1").count()',
        ),
        ("use a; select 1; -- done", "select", "spark.sql('{}')", 'spark.sql("use a"); spark.sql("select 1")'),
        (
            "use a; select 1",
            "select",
            "spark.sql('{}').write.saveAsTable('t')",
            'spark.sql("use a"); spark.sql("select 1").write.saveAsTable(\'t\')',
        ),
    ],
)
def test_each_statement_gets_a_call(text, word, source, line):
    cell = rejected(text, word, source.format(text))

    box = sql_statements.several_statements(cell, settings)

    assert box
    assert box.remedy == line
    assert box.instruction == REPLACE_LINE


def test_statements_in_several_lines_are_written_in_several_calls():
    text = "\nuse shop;\nselect *\nfrom bought\n"
    source = f'import json\nif json:\n    top = spark.sql("""{text}""")'

    box = sql_statements.several_statements(rejected(text, "select", source), settings)

    assert box
    assert box.instruction == INSTEAD
    assert box.remedy == (
        'import json\nif json:\n    spark.sql("use shop")\n    top = spark.sql("""select *\nfrom bought""")'
    )


@pytest.mark.parametrize(
    ("text", "word", "source"),
    [
        ("select ';' form t", "form", 'spark.sql("{}")'),  # the semicolon is in a string
        ("select 1 form t; select 2", "form", "spark.sql('{}')"),  # the first statement is wrong
        ("select 1; select 2", "select", "spark.sql(query)"),  # the string is in a variable
        ("select 1 from t where; ", ";", "spark.sql('{}')"),  # one statement
        ("begin select 1; selct 2; end", "selct", "spark.sql('{}')"),  # a script, which is one statement
        ("use a; select 1", "select", "run = lambda: spark.sql('{}')"),  # a call of its own would run at once
        (
            "use a; select 1",
            "select",
            "x = spark.sql('{0}')\nspark.sql('{0}')",
        ),  # it is not known which one failed
    ],
)
def test_another_error_of_syntax_gets_no_box_about_several_statements(text, word, source):
    cell = rejected(text, word, source.format(text), query=text)

    assert sql_statements.several_statements(cell, settings) is None
