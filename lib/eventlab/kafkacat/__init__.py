"""`kafkacat`: read, write and list Kafka topics from a shell, as kcat does, without librdkafka.

The flags, the output, the messages on stderr and the exit codes are those of kcat 1.7.1, so that what a
learner types here works on any machine that has kcat, and the other way round. `kafkacat -h` says where the
two differ.
"""

from eventlab.kafkacat.cli import main

__all__ = ["main"]
