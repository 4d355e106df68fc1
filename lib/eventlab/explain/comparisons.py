"""The comparisons in a filter of Spark: its column, its operator and the values that rows must have."""

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

PATH = r"`?[A-Za-z_][\w-]*`?(?:\.`?[A-Za-z_][\w-]*`?|\['\w+'\])*"
TEXT = r"'[^']*'|\"[^\"]*\""
NUMBER = r"-?\d+(?:\.\d+)?"
OF_COLUMN = re.compile(rf"(?P<operator>==|>=|<=|>|<|in|like)\((?P<path>{PATH}), (?P<values>[^()]+)\)")
"""A comparison as Spark Connect shows a column: `==(item.name, sword)`, `in(price, 1, 2)`."""
OF_SQL = re.compile(
    rf"(?P<path>{PATH})\s*(?P<operator>(?:==|>=|<=|(?<![<>!])=|>|<)(?!=)|\blike\b|\bin\b)\s*"
    rf"(?P<values>{TEXT}|{NUMBER}(?![\w.])|\((?:\s*(?:{TEXT}|{NUMBER})\s*,?)+\))",
    re.IGNORECASE,
)
NEGATED = re.compile(r"\bnot[\s(]*$", re.IGNORECASE)


class Comparison(NamedTuple):
    """A comparison of a filter.

    Attributes:
        path: The column, or a field in it: `item.name`.
        operator: `=`, `<`, `<=`, `>`, `>=`, `in` or `like`.
        values: The values as strings; a column's type tells which are numbers.
    """

    path: str
    operator: str
    values: tuple[str, ...]

    def sql(self, column: str, is_number: bool) -> str:
        """Return the comparison as a condition of SQL."""
        quoted = [text if is_number else repr_sql(text) for text in self.values]
        values = f"({', '.join(quoted)})" if self.operator == "in" else quoted[0]
        return f"{column} {self.operator} {values}"

    def __str__(self) -> str:
        shown = [text if re.fullmatch(NUMBER, text) else repr(text) for text in self.values]
        values = f"({', '.join(shown)})" if self.operator == "in" else shown[0]
        return f"{self.path} {self.operator} {values}"


def repr_sql(text: str) -> str:
    """Return a string as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def comparisons(text: str) -> Iterator[Comparison]:
    """Yield the comparisons of a filter, as SQL or as Spark shows a column, except those after `not`."""
    text = re.sub(r"^Column<'(.*)'>$", r"\1", text, flags=re.DOTALL)
    for pattern in (OF_COLUMN, OF_SQL):
        for match in pattern.finditer(text):
            if NEGATED.search(text[: match.start()]) or match["path"].lower() == "not":
                continue
            operator = match["operator"].lower().replace("==", "=")
            path = re.sub(r"\['(\w+)'\]", r".\1", match["path"]).replace("`", "")
            if pattern is OF_SQL:
                found = re.findall(rf"{TEXT}|{NUMBER}", match["values"])
                values = [item[1:-1] if item[0] in "'\"" else item for item in found]
            else:
                values = match["values"].split(", ") if operator == "in" else [match["values"]]
            yield Comparison(path, operator, tuple(values))


LAZY = {"where", "filter", "select", "selectExpr", "withColumn", "orderBy", "sort", "distinct", "limit", "alias"}
"""Methods of a DataFrame that execute nothing."""
EXPRESSION = ast.Call | ast.Attribute | ast.Name | ast.Constant | ast.Subscript | ast.List | ast.Tuple
OPERATION = ast.Compare | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop | ast.cmpop
"""Code that has no effect of its own, except the calls in it."""


def is_lazy(node: ast.AST, variables: dict[str, Any]) -> bool:
    """Return whether code only describes a DataFrame: it can be evaluated a second time, and nothing happens."""
    from pyspark.sql import Column, functions

    methods = LAZY | set(dir(Column)) | set(functions.__all__)
    for item in ast.walk(node):
        if not isinstance(item, EXPRESSION | OPERATION | ast.keyword | ast.expr_context):
            return False
        if isinstance(item, ast.Name):
            value = variables.get(item.id)
            module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
            if not isinstance(value, str | int | float) and not (
                str(module).startswith("pyspark.sql") or type(value).__module__.startswith("pyspark.sql")
            ):
                return False
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr not in methods:
            return False
    return True
