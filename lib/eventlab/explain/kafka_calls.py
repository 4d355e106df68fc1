"""Explains clients of kafka-python that lack an argument, and messages that are used like their values."""

import ast

from eventlab.clients import kafka
from eventlab.explain.edits import python_correction, source_of, statement_correction, with_keyword
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.kafka import UNREACHABLE
from eventlab.explain.syntax_trees import called_name, owner_of, python_tree
from eventlab.settings import Settings

STARTS = ("earliest", "latest", "none")
CLIENTS = ("KafkaConsumer", "KafkaProducer", "KafkaAdminClient")


def client_without_address(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a client without `bootstrap_servers` looks for a broker at localhost:9092.

    Remedy: The line with the broker's address.
    """
    if not cell.error or not cell.matches(*UNREACHABLE):
        return None
    for call in cell.failed_calls(*CLIENTS):
        named = {keyword.arg for keyword in call.keywords}
        if {"bootstrap_servers", None} & named or not kafka.list_topics(settings.bootstrap_servers):
            continue
        servers = settings.bootstrap_servers
        value = "broker" if cell.namespace.get("broker") == servers else repr(servers)
        what = f"{called_name(call)} got no address of a broker, so it looked for one at localhost:9092."
        proof = f"the stack's broker answers at {servers}"
        if code := with_keyword(source_of(cell, call), "bootstrap_servers", value):
            return python_correction(cell, call, code, what, proof)
    return None


def commit_without_group(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that only a consumer with a group can commit.

    Remedy: The line of the consumer with `group_id`.
    """
    if not cell.matches(r"kafka\.errors\.IllegalStateError: .*Requires group_id"):
        return None
    for call in cell.failed_calls("commit", "committed"):
        owner = owner_of(call)
        name = owner.id if isinstance(owner, ast.Name) else ""
        statement = cell.assignment_of(name) or ""
        if statement.count("KafkaConsumer(") != 1 or not (new := with_keyword(statement, "group_id", '"readers"')):
            continue
        what = f"The consumer {name!r} has no group, so Kafka cannot store how far it has read. "
        what += "group_id names one."
        return statement_correction(cell, statement, new, what, f"{name}.config['group_id'] is None")
    return None


def unknown_start(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `auto_offset_reset` has a value that kafka-python does not know: `beginning` is kafkacat's.

    Remedy: The line with `earliest` or `latest`.
    """
    if not cell.matches(r"NoOffsetForPartitionError"):
        return None
    statements = [cell.assignment_of(name) for name in cell.variables]
    for source in filter(None, [cell.source, *statements]):
        nodes = [node for node in ast.walk(python_tree(source)) if isinstance(node, ast.keyword)]
        for start in [node for node in nodes if node.arg == "auto_offset_reset"]:
            given = cell.text_of(start.value) or "latest"
            if given.lower() in STARTS:
                continue
            default = "latest" if given in ("end", "newest", "last") else "earliest"
            new = next(iter(close_matches(given.lower(), STARTS)), default)
            what = f"auto_offset_reset cannot be {given!r}. Did you mean {new!r}?"
            if given in ("beginning", "end"):
                what += " The words beginning and end are those of kafkacat."
            proof = f"kafka-python knows {', '.join(STARTS)}, and reports: {cell.error}"
            old, code = ast.get_source_segment(source, start) or "", f'auto_offset_reset="{new}"'
            if source == cell.source:
                return python_correction(cell, start, code, what, proof)
            return statement_correction(cell, source, source.replace(old, code), what, proof)
    return None


def unnamed_consumer_at_end(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a consumer without a variable, as in the head of a loop, starts at the end of a topic."""
    named: list[ast.AST | None] = [node.value for node in cell.nodes(ast.Assign)]
    named += [node.value for node in cell.nodes(ast.AnnAssign)]
    named += [node.value for node in cell.nodes(ast.NamedExpr)]
    for item in cell.nodes(ast.withitem):
        named += [item.context_expr, *getattr(item.context_expr, "args", ())]  # with closing(KafkaConsumer(...))
    for call in cell.calls("KafkaConsumer") if cell.error is None else ():
        options = {item.arg: cell.text_of(item.value) for item in call.keywords}
        start = options.get("auto_offset_reset", "latest")
        if call in named or {"group_id", None} & set(options) or start != "latest":
            continue
        for topic in filter(None, map(cell.text_of, call.args)):
            offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
            if offsets and offsets.count:
                what = f"The consumer starts at the end of topic {topic!r} and gets only new messages."
                proof = f"its auto_offset_reset is 'latest', the default; {topic!r} has {offsets.count} messages"
                code = with_keyword(source_of(cell, call), "auto_offset_reset", '"earliest"')
                return python_correction(cell, call, code, what, proof) if code else None
    return None


def message_instead_of_value(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `json.loads` got a message, not its value.

    Remedy: The line with `.value`.
    """
    if not cell.matches(
        r"^builtins\.TypeError: the JSON object must be str, bytes or bytearray, not ConsumerRecord"
    ):
        return None
    for call in cell.failed_calls("loads"):
        if len(call.args) == 1:
            what = "json.loads got a whole message: the topic, the offset, the key and more. "
            what += "The event is its value."
            code = f"{source_of(cell, call.args[0])}.value"
            return python_correction(cell, call.args[0], code, what, str(cell.error))
    return None


EXPLANATIONS: list[Explain] = [
    client_without_address,
    commit_without_group,
    unknown_start,
    message_instead_of_value,
]
