"""Explains commands with wrong words: an option, a verb of `hadoop fs`, a program that does not exist."""

import re
from pathlib import Path

from eventlab.clients import kafka
from eventlab.commands.tools import program_and_arguments
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.shell_paths import no_local_file
from eventlab.explain.shell_words import failed_commands, is_failed_command
from eventlab.settings import Settings

OF_ALL = "bootstrap-server command-config help version topic"
OPTIONS = {
    "kafka-topics": "alter config create delete describe exclude-internal if-exists if-not-exists list partitions "
    "replica-assignment replication-factor topic-id unavailable-partitions under-replicated-partitions",
    "kafka-console-consumer": "consumer-property formatter formatter-property from-beginning group include "
    "isolation-level key-deserializer max-messages offset partition property skip-message-on-error timeout-ms "
    "value-deserializer",
    "kafka-console-producer": "batch-size compression-codec line-reader max-block-ms producer-property property "
    "reader-property request-required-acks request-timeout-ms retry-backoff-ms sync timeout",
    "kafka-consumer-groups": "all-groups all-topics by-duration delete delete-offsets describe dry-run execute "
    "export from-file group list members offsets reset-offsets shift-by state timeout to-current to-datetime "
    "to-earliest to-latest to-offset verbose",
}
"""The options of Kafka's commands, as `--help` prints them; rare ones are left out."""
OFFSETS = ("beginning", "end")
VERBS = (
    "appendToFile cat chmod chown copyFromLocal copyToLocal count cp df du find get getmerge head help ls mkdir "
)
VERBS += "moveFromLocal mv put rm rmdir setrep stat tail test text touch touchz truncate usage"
OTHER_VERBS = "moveToLocal rmr lsr dus chgrp checksum concat expunge getfacl getfattr setfacl setfattr"
"""Commands of `hadoop fs` that exist, and that no box proposes: some are deprecated."""


def unknown_option(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command of Kafka has no such option, or lacks `--topic`. Name the nearest option.

    Remedy: The line with the right option.
    """
    for command in failed_commands(cell, r"kafka") if is_failed_command(cell) else ():
        name = command[0].removesuffix(".sh")
        known = f"{OF_ALL} {OPTIONS.get(name, '')}".split()
        wrong = [word.removeprefix("--").partition("=")[0] for word in command if word.startswith("--")]
        for option in wrong if name in OPTIONS else ():
            for similar in close_matches(option, known)[:1] if option not in known else ():
                what = f"{name} has no option --{option}. Did you mean --{similar}?"
                proof = f"{name} --help lists --{similar} and no --{option}"
                return correction(cell, f"--{option}", f"--{similar}", what, proof)
        named = re.search(r"--(create|describe|delete|alter) (?!-)(\S+)", " ".join(command))
        if name == "kafka-topics" and named and not any(word.startswith("--topic") for word in command):
            what = f"The name of a topic follows the option --topic, which is missing before {named[2]}."
            proof = f"{name} --help lists --{named[1]} as an option without a value"
            return correction(cell, named[0], f"--{named[1]} --topic {named[2]}", what, proof)
        start = command[command.index("-o") + 1 : command.index("-o") + 2] if "-o" in command else []
        for word in start if name == "kafkacat" and start[0].isalpha() and start[0] not in OFFSETS else ():
            for similar in close_matches(word, OFFSETS)[:1]:
                what = f"-o has no value {word!r}. Did you mean {similar!r}?"
                return correction(cell, word, similar, what, "-o takes beginning, end, an offset or -COUNT")
    return None


def verb_of_hadoop(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command of `hadoop fs` lacks its dash, or does not exist.

    Remedy: The line with the right command.
    """
    for command in failed_commands(cell, r"(hadoop|hdfs)$") if is_failed_command(cell) else ():
        fs = "fs" if command[0] == "hadoop" else "dfs"
        words = list(command[1:3])
        if words[:1] and words[0].lstrip("-") in VERBS.split():
            what = f"Files on HDFS are the subject of {command[0]} {fs}: {fs} is missing before {words[0]}."
            old, new = f"{command[0]} {words[0]}", f"{command[0]} {fs} -{words[0].lstrip('-')}"
            return correction(cell, old, new, what, f"{command[0]} has the commands {fs} and version")
        if (
            len(words) < 2
            or words[0] not in ("fs", "dfs")
            or (words[1].startswith("-") and words[1].removeprefix("-") in f"{VERBS} {OTHER_VERBS}".split())
        ):
            continue
        verb = words[1].lstrip("-")
        exact = [verb] if verb in VERBS.split() else close_matches(verb, VERBS.split())[:1]
        for similar in exact:
            what = f"{command[0]} {words[0]} has no command {words[1]!r}. Did you mean -{similar}?"
            proof = f"the commands begin with a dash, and -{similar} is one of them"
            return correction(cell, f"{words[0]} {words[1]}", f"{words[0]} -{similar}", what, proof)
    return None


def program_of_spark(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the program or the topic of `spark-submit` does not exist, or a word is missing.

    Remedy: The line with the nearest program or topic, or with the word.
    """
    for command in failed_commands(cell, r"spark-submit$") if is_failed_command(cell) else ():
        line = cell.only_line("spark-submit")
        if len(command) > 1 and re.match(r"(sc|spark)://", command[1]) and line:
            name = "--remote" if command[1].startswith("sc") else "--master"
            what = f"The address of Spark needs the option {name} before it."
            return Explanation(
                what,
                f"spark-submit got {command[1]} as its program",
                line.replace("spark-submit ", f"spark-submit {name} ", 1),
                REPLACE_LINE,
            )
        program, arguments = program_and_arguments(command[1:])
        if not program or not program.endswith(".py") or "://" in program:
            continue
        path = Path(program)
        if not path.exists():
            return no_local_file(cell, program, f"There is no file {program}.", "*.py")
        read = re.search(r"^.*sys\.argv\[1\].*$", path.read_text(errors="replace"), re.MULTILINE)
        if read and "subscribe" in read[0] and arguments:
            existing = kafka.list_topics(settings.bootstrap_servers)
            for similar in close_matches(arguments[0], existing)[:1] if arguments[0] not in existing else ():
                what = f"There is no topic {arguments[0]!r}. Did you mean {similar!r}?"
                return correction(cell, arguments[0], similar, what, f"topics: {', '.join(existing)}")
        if read and not arguments:
            what = f"{path.name} reads its first argument, and the command gives it none."
            proof = f"a line of {path.name} is: {read[0].strip()}"
            topic = "{topic}" if isinstance(cell.namespace.get("topic"), str) else settings.topic
            if line and not line.endswith("\\"):
                instruction = f"{REPLACE_LINE}, if the program reads a topic"
                return Explanation(what, proof, f"{line} {topic}", instruction)
    return None


EXPLANATIONS: list[Explain] = [unknown_option, verb_of_hadoop, program_of_spark]
