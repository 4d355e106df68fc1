"""Explains errors of Kafka: a wrong address, a broker that does not answer, a topic that is missing or empty."""

import ast
import re
from types import FunctionType, GeneratorType
from typing import NamedTuple

from eventlab.clients import kafka
from eventlab.clients.ports import check_connection
from eventlab.errors import ServiceUnavailable
from eventlab.explain import service
from eventlab.explain.created_topics import created_by_kafka
from eventlab.explain.explanation import Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.options import named_topics, option_values
from eventlab.settings import Settings

UNREACHABLE = (
    r"^kafka\.errors\.(KafkaTimeoutError|NoBrokersAvailable|KafkaConnectionError|NodeNotReadyError)",
    r"Unable to bootstrap from",
    r"org\.apache\.kafka\.common\.errors\.TimeoutException",
    r"No resolvable bootstrap urls",
    r"Kafka does not answer at",  # eventlab.clients.kafka.KafkaUnavailable
    r"Kafka at \S+ did not acknowledge",  # game_api.py
)
WITH_SCHEME = (
    r"^builtins\.ValueError: invalid literal for int\(\) with base 10: '\d+/",
    r"Invalid url in bootstrap\.servers",
    r"Failed to (create new|construct) [Kk]afka",
)
"""What kafka-python and Spark report for the address of a web page."""
UNKNOWN_TOPIC = r"UnknownTopicOrPartition"
NO_MESSAGE = (
    r"^builtins\.(StopIteration|IndexError|KeyboardInterrupt)",
    r"^builtins\.TypeError: 'NoneType' object is not subscriptable",
    r"^builtins\.\w+Error: .*\bempty\b",
)
ADDRESS = r"[\w.-]+:\d{1,5}"
SERVERS = ("bootstrap_servers", "kafka.bootstrap.servers")
TIMEOUT_S = 3.0
"""How long to wait for one broker. It is less than `hook.TIME_LIMIT_S`: the stack's broker can still answer when
that of the cell does not."""
CONNECT_TIMEOUT_S = 1.0
"""Seconds for a connection to an advertised listener: a firewall may drop the packets without an answer."""


class BrokerCheck(NamedTuple):
    """The broker's `advertised.listeners`, and the reason why clients cannot use the broker, or ""."""

    advertised: tuple[str, ...] = ()
    problem: str = ""


def wrong_address(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that no broker answers at the cell's address, while the stack's broker answers at another.

    Remedy: The line with the broker's address.
    """
    if not service.is_reported(cell, "kafka", *UNREACHABLE):
        return None
    servers = settings.bootstrap_servers
    for address in _addresses(cell):
        if address in servers.split(",") or not (problem := inspect_broker(address).problem):
            continue
        stack_broker = inspect_broker(servers)
        if stack_broker.problem:
            continue
        what = f"No Kafka broker answers at {address}. The stack's broker is at {servers}."
        proof = f"{address}: {problem}; {servers}{service.process_phrase(settings, 'kafka')} answers "
        proof += f"and advertises {', '.join(stack_broker.advertised)}"
        if explanation := correction(cell, address, servers, what, proof):
            return explanation
    return None


def address_with_scheme(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the broker's address is written as a web address, such as `http://localhost:29092/`.

    Remedy: The line with the address only.
    """
    if not cell.error or not cell.matches(*UNREACHABLE, *WITH_SCHEME):
        return None
    for value in option_values(cell, *SERVERS):
        match = re.fullmatch(rf"(?:\w+://)?({ADDRESS})/?", value)
        if not match or match[1] == value:
            continue
        own = settings.bootstrap_servers
        address = own if inspect_broker(match[1]).problem else match[1]
        if inspect_broker(address).problem:
            return None
        what = f"{value} is not a broker's address: write host:port, without http:// and without / at the end."
        proof = f"a broker answers at {address}"
        if address != match[1]:
            proof += f", and none at {match[1]}"
        return correction(cell, value, address, what, proof)
    return None


def advertised_listener_unreachable(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that an external broker answers, but advertises an address at which nothing answers.

    Remedy: The property for the broker's administrator.
    """
    if not service.is_reported(cell, "kafka", *UNREACHABLE):
        return None
    servers = settings.bootstrap_servers.split(",")
    for address in _addresses(cell) or servers:
        if not settings.external_bootstrap_servers and address in servers:
            continue  # the stack's own broker, see broker_down
        broker = inspect_broker(address)
        if broker.advertised and broker.problem:
            return Explanation(
                f"The broker at {address} advertises {' and '.join(broker.advertised)}, where nothing answers.",
                f"{address} answers; {broker.problem}",
                f"advertised.listeners=PLAINTEXT://{address}",
                "To fix it, the broker's administrator sets this in server.properties (with the listener's name, "
                "if it is not PLAINTEXT) and restarts the broker",
            )
    return None


def broker_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the stack's broker does not answer, if the cell names its port or no address.

    Remedy: Start or restart the broker.
    """
    if not service.is_reported(cell, "kafka", *UNREACHABLE) or not is_stack_broker(cell, settings):
        return None
    return service.service_not_running(settings, "kafka")


def is_stack_broker(cell: FailedCell, settings: Settings) -> bool:
    """Return whether the cell names the port of the stack's broker, or no broker's address."""
    return has_stack_port({address.rpartition(":")[2] for address in _addresses(cell)}, settings)


def has_stack_port(ports: set[str], settings: Settings) -> bool:
    """Return whether one of the ports is that of the stack's broker, or there are none."""
    stack_ports = {address.rpartition(":")[2] for address in settings.bootstrap_servers.split(",")}
    return not ports or bool(ports & stack_ports)


def topic_missing_or_empty(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the cell's topic does not exist or has no messages.

    Remedy: The line with the nearest topic, or a command that creates the topic or sends an event.
    """
    unknown = cell.matches(UNKNOWN_TOPIC)
    if not unknown and not (cell.matches(*NO_MESSAGE) and may_lack_messages(cell)):
        return None
    for topic in topics_of(cell):
        state = state_of_topic(topic, settings)
        if state is None:
            continue
        if explanation := nearest_topic(cell, topic, state, settings):
            return explanation
        if state.is_missing and unknown:
            return Explanation(state.what, state.proof, f"!kafka-topics --create --topic {topic}")
        if not state.is_missing and not unknown:
            return Explanation(state.what, state.proof, command_to_send(topic, settings))
    return None


class TopicState(NamedTuple):
    """A topic without messages: what to say about it, the proof, and whether it does not exist."""

    what: str
    proof: str
    is_missing: bool


def state_of_topic(topic: str, settings: Settings) -> TopicState | None:
    """Return that a topic does not exist or is empty; None if it has messages."""
    servers = settings.bootstrap_servers
    existing = kafka.list_topics(servers)
    if topic not in existing:
        proof = f"topics at {servers}: {', '.join(existing) or 'none'}"
        return TopicState(f"There is no topic {topic!r}.", proof, is_missing=True)
    if message_count(servers, topic) == 0:
        proof = f"in every partition of {topic!r}, first and end offset are equal"
        return TopicState(f"The topic {topic!r} is empty.", proof, is_missing=False)
    return None


def nearest_topic(cell: FailedCell, topic: str, state: TopicState, settings: Settings) -> Explanation | None:
    """Explain with the line that names the nearest topic that has messages."""
    servers = settings.bootstrap_servers
    for similar in close_matches(topic, kafka.list_topics(servers)):
        if count := message_count(servers, similar):
            what = f"{state.what} Did you mean {similar!r}?"
            proof = f"{state.proof}; {similar!r} has {count} messages"
            if created := created_by_kafka(similar, settings):
                proof += f"; Kafka created it at {created}, when a client used that name"
            return correction(cell, topic, similar, what, proof)
    return None


def command_to_send(topic: str, settings: Settings) -> str:
    """Return a command that sends one event to the topic."""
    if topic == settings.topic and service.answers(settings, "api"):
        return f"!curl -s {settings.api_url}/purchase_a_sword"
    return f"""%%bash\necho '{{"event_type": "default"}}' | kafkacat -P -t {topic}"""


def message_count(bootstrap_servers: str, topic: str) -> int:
    """Return the number of messages of a topic."""
    offsets = kafka.topic_offsets(bootstrap_servers, topic, TIMEOUT_S)
    return offsets.count if offsets else 0


def inspect_broker(address: str) -> BrokerCheck:
    """Send a metadata request to an address and connect to each broker that the response names."""
    try:
        check_connection(address, TIMEOUT_S)
    except ServiceUnavailable as error:
        return BrokerCheck(problem=error.message.partition(": ")[2])
    try:
        advertised = kafka.advertised_listeners(address, TIMEOUT_S)
    except Exception as error:
        return BrokerCheck(problem=f"no broker for clients listens there ({type(error).__name__})")
    problems = []
    for listener in advertised:
        try:
            check_connection(listener, CONNECT_TIMEOUT_S)
        except ServiceUnavailable as error:
            problems.append(error.message)
    if advertised and len(problems) == len(advertised):
        return BrokerCheck(advertised, f"it advertises {' and '.join(advertised)}, and {problems[0]}")
    return BrokerCheck(advertised)


def _addresses(cell: FailedCell) -> list[str]:
    """Return the broker addresses in the error, in the options of the cell's DataFrames, and in its source."""
    addresses = re.findall(r"Unable to bootstrap from (\S+?)[,.]?$", cell.text, re.MULTILINE)
    addresses += re.findall(r"Kafka does not answer at (\S+): ", cell.text)
    addresses += [options.get("kafka.bootstrap.servers", "") for options in cell.reader_options()]
    addresses += option_values(cell, *SERVERS)
    return [address for address in dict.fromkeys(addresses) if re.fullmatch(ADDRESS, address)]


def topics_of(cell: FailedCell) -> list[str]:
    """Return the topics that the cell reads with Spark or with a KafkaConsumer."""
    topics = [options.get("subscribe", "") for options in cell.reader_options()]
    for value in cell.variables.values():
        if type(value).__name__ == "KafkaConsumer":
            topics += value.subscription() or ()
    topics += named_topics(cell)
    return [topic for topic in dict.fromkeys(topics) if topic]


def may_lack_messages(cell: FailedCell) -> bool:
    """Return whether the code that failed uses a variable without items, or one that reads messages."""
    around = cell.failed_nodes(ast.expr, ast.stmt)
    if cell.place is None or not around:
        return True
    names = {node.id for node in ast.walk(around[-1]) if isinstance(node, ast.Name)}
    return any(_is_empty_or_reader(cell.namespace[name]) for name in names if name in cell.namespace)


def _is_empty_or_reader(value: object) -> bool:
    is_table = type(value).__module__.startswith("pandas") and hasattr(value, "__len__")
    if is_table or isinstance(value, list | tuple | dict | set):
        return len(value) == 0  # type: ignore[arg-type]
    kind = value if isinstance(value, type) else type(value)
    is_reader = kind.__name__ == "KafkaConsumer" or kind.__module__.startswith("pyspark.sql")
    return value is None or is_reader or isinstance(value, FunctionType | GeneratorType)


def producer_closed(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a producer was closed before, so it does not send any more.

    Remedy: The statement that creates the producer.
    """
    if not cell.matches(r"KafkaProducer already closed"):
        return None
    producers = [item for item in cell.variables.items() if type(item[1]).__name__ == "KafkaProducer"]
    names = [name for name, value in producers if getattr(value, "_closed", True)]
    for name, statement in ((name, cell.assignment_of(name) or "") for name in names):
        if "KafkaProducer(" in statement and statement not in cell.source:  # else this cell has closed it
            what = f"{name} was closed, so it does not send any more. Create it again."
            return Explanation(what, f"kafka-python reports: {cell.error}", statement)
    return None


EXPLANATIONS: list[Explain] = [
    producer_closed,
    address_with_scheme,
    wrong_address,
    advertised_listener_unreachable,
    broker_down,
    topic_missing_or_empty,
]
