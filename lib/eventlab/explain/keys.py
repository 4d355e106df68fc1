"""Explains a field that a Row or a list of rows does not have, and a key that a dictionary does not have.

The row or the dictionary is the one with which Python failed: the frame of the error has it.
"""

import ast
from typing import Any

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings

PASS_ON = (ast.ListComp, ast.GeneratorExp, ast.List, ast.Tuple, ast.Dict, ast.FormattedValue, ast.JoinedStr)
"""Code that keeps or prints a value, and takes None, too."""
ONE_OF_THEM = "To fix it, write one of them in the cell, for example"


def field_of_a_row(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a Row has no field of that name. Name the nearest one.

    Remedy: The line with the nearest field, or one of the fields.
    """
    frame = cell.trace[-1].tb_frame if cell.trace else None
    row, name = (frame.f_locals.get(key) for key in ("self", "item")) if frame else (None, None)
    fields = getattr(row, "__fields__", None) if type(row).__name__ == "Row" else None
    if not fields or not isinstance(name, str) or name in fields:
        return None
    what, proof = f"The row has no field {name!r}.", f"its fields are {', '.join(fields)}"
    return _other_key(cell, name, list(fields), what, proof, is_row=True)


def key_of_a_dictionary(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a dictionary has no such key. Name the nearest one, or `get`, which gives None then.

    Remedy: The line with the nearest key, or with `get`.
    """
    error, frame = cell.error, cell.trace[-1].tb_frame if cell.trace else None
    if isinstance(error, AttributeError) and isinstance(error.obj, dict) and error.name:
        return _attribute_of_dictionary(cell, error.obj, error.name)
    if type(error) is not KeyError or frame is None or not error.args or not isinstance(error.args[0], str):
        return None
    key, names = error.args[0], frame.f_globals | frame.f_locals
    nodes = [node for node in cell.failed_nodes(ast.Subscript) if literal(node.slice) == key]
    owners = [names.get(node.value.id) for node in nodes if isinstance(node.value, ast.Name)]
    if len(nodes) != 1 or len(owners) != 1 or type(owners[0]) is not dict or key in owners[0]:
        return None
    keys, owner = [str(item) for item in owners[0]], source_of(cell, nodes[0].value)
    what, proof = f"The dictionary {owner} has no key {key!r}.", f"its keys are {', '.join(keys[:20]) or 'none'}"
    if explanation := _other_key(cell, key, keys, what, proof):
        return explanation
    return _with_get(cell, nodes[0], what, proof)


def _with_get(cell: FailedCell, node: ast.Subscript, what: str, proof: str) -> Explanation | None:
    """Explain with the line that has `get`, where the code around it works with the value that `get` gives."""
    owner, key = source_of(cell, node.value), source_of(cell, node.slice)
    parents = {child: parent for parent in ast.walk(cell.tree) for child in ast.iter_child_nodes(parent)}
    parent = parents.get(node)
    if isinstance(parent, ast.AugAssign) and parent.target is node:  # counts["a"] += 1
        number = literal(parent.value)
        if not isinstance(parent.op, ast.Add) or not isinstance(number, int | float):
            return None
        what += " It needs a first value: get() with a second argument gives 0 for a key that is missing."
        code = f"{owner}[{key}] = {owner}.get({key}, 0) + {number!r}"
        return python_correction(cell, parent, code, what, proof)
    if isinstance(parent, ast.Subscript) and parent.value is node and isinstance(parent.slice, ast.Constant):
        code = f"{owner}.get({key}, {{}}).get({source_of(cell, parent.slice)})"  # event["item"]["name"]
        is_key = isinstance(parent.slice.value, str) and isinstance(parent.ctx, ast.Load)
        if not is_key or _default(parent, parents) != "":
            return None  # event["tags"][0] is an item of a list
        what += " get() with {} gives an empty dictionary for a key that is missing, and get() then gives None."
        return python_correction(cell, parent, code, what, proof)
    default = _default(node, parents) if isinstance(node.ctx, ast.Load) else None
    if default is None:
        return None
    value = "None" if default == "" else "0 here"
    what += f" get() gives {value} for a key that is missing."
    return python_correction(cell, node, f"{owner}.get({key}{default})", what, proof)


def _default(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str | None:
    """Return the second argument that `get` needs: none, 0 in a sum, or None where no value of `get` is right."""
    parent = parents.get(node)
    while isinstance(parent, PASS_ON) and not getattr(parent, "format_spec", None):
        node, parent = parent, parents.get(parent)
    if isinstance(parent, ast.Compare):
        return "" if all(isinstance(operator, ast.Eq | ast.NotEq) for operator in parent.ops) else None
    if isinstance(parent, ast.Call) and node in parent.args:
        is_loop = isinstance(node, ast.GeneratorExp | ast.ListComp)
        if is_loop and called_name(parent) == "sum":
            return ", 0"
        takes_none = ("print", "append") + (("list", "set", "tuple", "len") if is_loop else ())
        return "" if called_name(parent) in takes_none else None
    return "" if isinstance(parent, ast.Assign | ast.Expr | ast.Return | ast.BoolOp | ast.If) else None


def _attribute_of_dictionary(cell: FailedCell, owner: dict[Any, Any], name: str) -> Explanation | None:
    """Explain `event.Host`: the keys of a dictionary stand in brackets."""
    nodes = cell.failed_attributes(name)
    keys = [str(key) for key in owner]
    for key in [name] if name in keys else close_matches(name, keys)[:1]:
        what = f"A dictionary has no attribute {name!r}. Its keys stand in brackets and quotes."
        proof = f"its keys are {', '.join(keys[:20])}"
        if len(nodes) == 1:
            return python_correction(cell, nodes[0], f'{source_of(cell, nodes[0].value)}["{key}"]', what, proof)
    return None


def _other_key(
    cell: FailedCell, name: str, names: list[str], what: str, proof: str, *, is_row: bool = False
) -> Explanation | None:
    """Explain with the line that has the nearest name; for a Row without one, with a field that exists."""
    slices: list[ast.expr] = []
    for node in cell.failed_nodes(ast.Subscript, ast.Attribute):
        if isinstance(node, ast.Subscript) and literal(node.slice) == name:
            slices.append(node.slice)
        elif is_row and isinstance(node, ast.Attribute) and node.attr == name:
            slices.append(node)
    same = [other for other in names if other.lower() == name.lower()]
    similar = (same or close_matches(name, names))[:1]
    if len(slices) == 1 and similar:
        node, code = slices[0], f'"{similar[0]}"'
        if isinstance(node, ast.Attribute):
            code = f"{source_of(cell, node.value)}[{code}]"
        return python_correction(cell, node, code, f"{what} Did you mean {similar[0]!r}?", proof)
    return Explanation(what, proof, f'["{names[0]}"]', ONE_OF_THEM) if is_row and slices else None


def field_of_rows(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `collect()` returns a list: each of its rows has the field.

    Remedy: The line with the first row.
    """
    if not cell.matches(r"^builtins\.TypeError: list indices must be integers or slices, not str"):
        return None
    for node in [node for node in cell.failed_nodes(ast.Subscript) if isinstance(literal(node.slice), str)]:
        value, code = cell.value_of(node.value), source_of(cell, node.value)
        call = node.value if isinstance(node.value, ast.Call) and owner_of(node.value) else None
        is_call = call is not None and called_name(call) in ("collect", "take", "tail")
        if is_call or (isinstance(value, list) and value and type(value[0]).__name__ == "Row"):
            what = f"{code} is a list of rows, and only a row has fields. [0] is the first row of a list."
            return python_correction(cell, node.value, f"{code}[0]", what, str(cell.error))
    return None


EXPLANATIONS: list[Explain] = [field_of_a_row, field_of_rows, key_of_a_dictionary]
