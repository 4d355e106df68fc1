"""Explains clients of kafka-python that lack an argument, and messages that are used like their values."""

import ast

from eventlab.clients import kafka
from eventlab.explain.edits import python_correction, source_of, statement_correction, with_keyword
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import UNREACHABLE
from eventlab.explain.syntax_trees import called_name, owner_of
from eventlab.settings import Settings

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


EXPLANATIONS: list[Explain] = [client_without_address, commit_without_group, message_instead_of_value]
