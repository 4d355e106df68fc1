"""`kafkacat`: read, write and list Kafka topics from a shell, as kcat does, without librdkafka.

The flags of the lessons, with the output, the messages on stderr and the exit codes of kcat 1.7.1, so that what
a learner types here works on any machine that has kcat. `kafkacat -h` lists them.
"""

from eventlab.commands.kafkacat.cli import main

__all__ = ["main"]
