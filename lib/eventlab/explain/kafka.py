"""Failures of Kafka: the broker, its address, the topic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eventlab.clients import kafka
from eventlab.clients.ports import check_connection
from eventlab.errors import ServiceUnavailable
from eventlab.explain import service
from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failure import ADDRESS, Failure, nearest

UNREACHED = (
    r"^kafka\.errors\.(KafkaTimeoutError|NoBrokersAvailable|KafkaConnectionError|NodeNotReadyError)",
    r"Unable to bootstrap from",
    r"org\.apache\.kafka\.common\.errors\.TimeoutException",
    r"No resolvable bootstrap urls",
    r"Kafka at \S+ did not acknowledge",
    r"LessonError: not running: .*\bkafka\b",
)
UNKNOWN_TOPIC = (r"UnknownTopicOrPartition",)
NOTHING_THERE = (r"^builtins\.(StopIteration|IndexError)", r"'NoneType' object is not subscriptable", r"empty")
GIVEN = r"""(?:bootstrap_servers\s*=|["']kafka\.bootstrap\.servers["']\s*[,:])\s*(?:["']([^"']+)["']|(\w+))"""
PATIENCE_MS = 1500
NEAR_S = 0.5
"""How long connecting to where a broker sends its clients may take: a packet that is dropped is never answered."""


@dataclass(frozen=True)
class Answer:
    """What is at an address: a broker and whom it names to its clients, or why not."""

    advertised: tuple[str, ...] = ()
    problem: str = ""


def wrong_address(failure: Failure, settings: Any) -> Explanation | None:
    """The cell asks at an address where no broker answers, while the stack's broker answers at its own."""
    if not _unreached(failure):
        return None
    right = settings.bootstrap_servers
    for name, address in _addresses(failure):
        if address in right.split(","):
            continue
        answer = ask(address)
        if not answer.problem or (there := ask(right)).problem:
            continue
        mended = failure.mended(address, right, name)
        if mended is None:
            continue
        proof = f"{address}: {answer.problem}; {right}{service.pid(settings, 'kafka')} answers, "
        proof += f"and names {', '.join(there.advertised)} to its clients"
        where = "" if name else INSTEAD
        return Explanation(
            f"No Kafka broker answers at {address}; the stack's is at {right}.", proof, mended, where
        )
    return None


def sent_astray(failure: Failure, settings: Any) -> Explanation | None:
    """Somebody else's broker answers, and sends its clients on to an address where nothing does."""
    if not _unreached(failure):
        return None
    asked = [address for _, address in _addresses(failure)] or settings.bootstrap_servers.split(",")
    for address in asked:
        if not settings.kafka_bootstrap_servers and address in settings.bootstrap_servers.split(","):
            continue  # the stack's own: it is asked below, and may be held up
        answer = ask(address)
        if answer.advertised and answer.problem:
            named = " and ".join(answer.advertised)
            return Explanation(
                f"The broker at {address} sends its clients on to {named}, which leads nowhere.",
                f"{address} answers; {answer.problem}",
                f"advertised.listeners=PLAINTEXT://{address}",
                "To mend it, whoever runs that broker sets this in its server.properties (with its listener's own "
                "name, where that is not PLAINTEXT) and restarts it",
            )
    return None


def broker_down(failure: Failure, settings: Any) -> Explanation | None:
    """The stack's broker does not answer, and the cell asked there (or nowhere that can be seen)."""
    if not _unreached(failure):
        return None
    ports = {address.rpartition(":")[2] for _, address in _addresses(failure)}
    own = {address.rpartition(":")[2] for address in settings.bootstrap_servers.split(",")}
    return service.away(settings, "kafka") if not ports or ports & own else None


def topic_missing_or_empty(failure: Failure, settings: Any) -> Explanation | None:
    """The topic of the cell is not there, or holds nothing; the broker says so."""
    unknown = failure.says(*UNKNOWN_TOPIC)
    if not unknown and not failure.says(*NOTHING_THERE):
        return None
    there = kafka.list_topics(settings.bootstrap_servers)
    topics = list(dict.fromkeys(_topics(failure))) or (_only_name(failure, there) if unknown else [])
    for name, topic in topics:
        count = messages(settings, topic) if topic in there else None
        if count:
            continue
        meant = nearest(topic, (other for other in there if other != topic and messages(settings, other)))
        mended = failure.mended(topic, meant, name) if meant else None
        listed = ", ".join(sorted(there)) or "none"
        if count is None:
            what, proof = f"There is no topic {topic!r}.", f"topics at {settings.bootstrap_servers}: {listed}"
        else:
            what, proof = (
                f"The topic {topic!r} is empty.",
                "its first offset and its end are the same in every partition",
            )
        if meant and mended:
            proof += f"; {meant!r} holds {messages(settings, meant)} messages"
            return Explanation(f"{what} {meant!r} may be meant.", proof, mended, "" if name else INSTEAD)
        if count is None and unknown:
            return Explanation(what, proof, f"!kafka-topics --create --topic {topic}")
        if count == 0 and not unknown:
            return Explanation(what, proof, _first_message(settings, topic))
    return None


def messages(settings: Any, topic: str) -> int:
    """How many messages the topic holds now."""
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic, PATIENCE_MS / 1000)
    return offsets.messages if offsets else 0


def offsets(settings: Any, topic: str) -> dict[int, int]:
    """The end of each of the topic's partitions; {} when there is no such topic."""
    found = kafka.topic_offsets(settings.bootstrap_servers, topic, PATIENCE_MS / 1000)
    return found.end if found else {}


def ask(address: str) -> Answer:
    """A metadata request to the address, and a connection to each broker that the answer names."""
    try:
        check_connection(address)
    except ServiceUnavailable as error:
        return Answer(problem=str(error).partition(": ")[2] or str(error))
    try:
        with kafka.open_admin(address, PATIENCE_MS / 1000) as admin:
            brokers = admin._manager.cluster.brokers()  # asking further would already go where these lead
    except Exception as error:
        return Answer(problem=f"something listens there, but it is no broker for clients ({type(error).__name__})")
    named = tuple(f"{broker.host}:{broker.port}" for broker in brokers)
    problems = []
    for each in named:
        try:
            check_connection(each, NEAR_S)
        except ServiceUnavailable as error:
            problems.append(str(error))
    if named and len(problems) == len(named):
        return Answer(named, f"the broker there sends its clients to {' and '.join(named)}, and {problems[0]}")
    return Answer(named)


def _unreached(failure: Failure) -> bool:
    return any(re.search(pattern, failure.text, re.MULTILINE) for pattern in UNREACHED)


def _addresses(failure: Failure) -> Iterator[tuple[str | None, str]]:
    """Where the cell asked for a broker, each address with the variable that holds it (None: a literal).

    It is what the error names, what the cell's DataFrames are read from, or what the cell gives as an address.
    """
    found = re.findall(r"Unable to bootstrap from (\S+?)[,.]?$", failure.text, re.MULTILINE)
    found += [options.get("kafka.bootstrap.servers", "") for options in failure.options()]
    for text, name in re.findall(GIVEN, failure.source):
        value = text or failure.names.get(name)
        if isinstance(value, str):
            found.append(value)
    for address in dict.fromkeys(found):
        if ADDRESS.fullmatch(address):
            yield _holder(failure, address), address


def _topics(failure: Failure) -> Iterator[tuple[str | None, str]]:
    """The topics that the cell reads, each with the variable that holds its name (None: a literal, or unknown)."""
    for options in failure.options():
        if topic := options.get("subscribe"):
            yield _holder(failure, topic), topic
    for value in failure.used.values():
        if type(value).__name__ == "KafkaConsumer":
            yield from ((_holder(failure, topic), topic) for topic in value.subscription() or ())
    if re.search(r"KafkaConsumer\(|[\"']subscribe[\"']|-t ", failure.source):
        text = r"KafkaConsumer\(\s*([\"'])([\w.-]+)\1|[\"']subscribe[\"'],\s*([\"'])([\w.-]+)\3"
        for found in re.finditer(text, failure.source):
            yield None, found[2] or found[4]
        for found in re.finditer(
            r"KafkaConsumer\(\s*(\w+)\s*[,)]|[\"']subscribe[\"'],\s*(\w+)\s*\)", failure.source
        ):
            name = found[1] or found[2]
            if isinstance(failure.names.get(name), str):
                yield name, failure.names[name]


def _only_name(failure: Failure, there: list[str]) -> list[tuple[str | None, str]]:
    """The one text of the cell that could be the name of a topic and is none, when it is the only one."""
    texts = {text: name for name, text in failure.texts() if re.fullmatch(r"[\w.-]+", text) and text not in there}
    return [(name, text) for text, name in texts.items()] if len(texts) == 1 else []


def _holder(failure: Failure, text: str) -> str | None:
    """The variable of the cell that holds this text, if it is not written out."""
    if text in failure.literals:
        return None
    return next((name for name, value in failure.used.items() if isinstance(value, str) and value == text), None)


def _first_message(settings: Any, topic: str) -> str:
    if topic == settings.topic and service.answers(settings, "api"):
        return f"!curl -s {settings.api_url}/purchase_a_sword"
    return f"""!echo '{{"event_type": "default"}}' | kafkacat -P -t {topic}"""


EXPLANATIONS: list[Explain] = [wrong_address, sent_astray, broker_down, topic_missing_or_empty]
