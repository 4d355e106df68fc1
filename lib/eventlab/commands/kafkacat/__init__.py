"""`kafkacat`: read, write and list Kafka topics from a shell, on librdkafka, the library that kcat is built on.

It exists because a learner without administrator rights cannot install kcat (formerly kafkacat), a program in C.
It has the flags that the lessons use, with the output, messages and exit codes of kcat 1.7.1
(https://github.com/edenhill/kcat), so a command that works here also works with kcat.

Not supported: consumer groups (`-G`), queries (`-Q`), JSON envelopes (`-J`), deserializers (`-s`), input files,
fixed keys, headers and compression when producing (`-k`, `-H`, `-z`), message delimiters (`-D`), timestamps as
offsets (`-o s@...`), librdkafka's properties (`-X`, `-F`), and other flags that `kafkacat -h` does not list.
"""

import os
import signal
import sys
from pathlib import Path

from confluent_kafka import KafkaException

from eventlab.commands.kafkacat import consume, metadata, produce
from eventlab.commands.kafkacat.options import USAGE, FatalError, UsageError, parse, print_info
from eventlab.settings import SettingsError, settings

MODES = {"C": consume.run, "P": produce.run, "L": metadata.run}


def main(argv: list[str]) -> int:
    """Run `kafkacat` with these arguments and return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        options = parse(argv, settings.bootstrap_servers)
        if options.help:
            print(Path(__file__).with_name("help.txt").read_text(), end="")
            return 0
        mode = options.mode or ("C" if os.isatty(0) else "P")
        if not options.mode and not options.quiet:
            name = "Consumer" if mode == "C" else "Producer"
            print_info(f"Auto-selecting {name} mode (use -P or -C to override)")
        return MODES[mode](options)
    except UsageError as error:
        print(f"Error: {error}\n\n{USAGE}\n(kafkacat -h explains the flags)", file=sys.stderr)
    except (FatalError, SettingsError) as error:
        print_info(f"ERROR: {error}")
    except KafkaException as error:
        print_info(f"ERROR: {error.args[0].str()}")
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the buffered rest cannot be written
        if not isinstance(error, BrokenPipeError):  # a closed pipe (`| head`) is normal, although kcat reports it
            print_info(f"ERROR: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    return 1
