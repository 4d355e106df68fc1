"""Explains a string with several statements of SQL: spark.sql() executes one."""

import ast
import re

from eventlab.explain.edits import cell_correction, hidden, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.sql_syntax import rejected
from eventlab.explain.syntax_trees import called_name, is_python
from eventlab.settings import Settings

COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
CONDITIONAL = ast.Lambda, ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
"""Expressions that may call a function never, later or several times."""
ONE = "spark.sql() executes one statement, and this string has {}. Each needs a call of its own."


def several_statements(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the SQL has several statements, and `spark.sql` executes one.

    Remedy: A call for each statement.
    """
    for text, reported, place in rejected(cell):
        code, shown = hidden(text)
        statements = [shown(part).strip().removesuffix(";").rstrip() for part in re.split(r"(?<=;)", code)]
        statements = [statement for statement in statements if COMMENTS.sub("", statement).strip()]
        is_script = any(re.match(r"(\w+:\s*)?begin\b", statement, re.IGNORECASE) for statement in statements)
        if len(statements) < 2 or is_script or not code[:place].rstrip().endswith(";"):
            continue
        proof = f"Spark reports a syntax error at {reported!r}, after the first semicolon"
        what = ONE.format(len(statements))
        for call in cell.failed_calls("sql"):
            if len(call.args) == 1 and cell.text_of(call.args[0]) == text:
                return _with_calls(cell, call, statements, what, proof)
    return None


def _with_calls(
    cell: FailedCell, call: ast.Call, statements: list[str], what: str, proof: str
) -> Explanation | None:
    """Explain with the cell in which the call's statement of Python has one call for each statement of SQL."""
    nodes: list[ast.Expr | ast.Assign] = cell.nodes(ast.Expr, ast.Assign)
    node = next((node for node in nodes if call in ast.walk(node)), None)
    if node is None or not isinstance(call.args[0], ast.Constant):
        return None
    whole, given = source_of(cell, node), source_of(cell, call)
    conditional = (item for item in ast.walk(node) if isinstance(item, CONDITIONAL))
    if cell.source.count(whole) > 1 or any(call in ast.walk(item) for item in conditional):
        return None
    function, indent = source_of(cell, call.func), " " * node.col_offset
    calls = [f"{function}({_literal(text)})" for text in statements]
    is_shown = isinstance(node.value, ast.Call) and called_name(node.value) == "show"  # all statements are shown
    lines = [whole.replace(given, code) if is_shown else code for code in calls[:-1]]
    lines.append(whole.replace(given, calls[-1]))
    separator = "; " if "\n" not in whole else f"\n{indent}"
    source = cell.source.replace(whole, separator.join(lines))
    return cell_correction(cell, source, what, proof) if is_python(source) else None


def _literal(text: str) -> str:
    """Return SQL as a string of Python."""
    quotes = '"""' if "\n" in text or '"' in text else '"'
    return repr(text) if "\\" in text or (quotes == '"""' and text.endswith('"')) else f"{quotes}{text}{quotes}"


EXPLANATIONS: list[Explain] = [several_statements]
