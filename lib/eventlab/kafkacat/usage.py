"""What `-h`, `-V` and `-X list` print."""

from __future__ import annotations

USAGE = "Usage: kafkacat <options> [file1 file2 .. | topic1 topic2 ..]"

HELP = rf"""{USAGE}

kafkacat reads, writes and lists Kafka topics: `cat` for event streams, with kcat's flags and output.

Look:
  kafkacat -L                                  brokers, topics, partitions, and who leads them
  kafkacat -C -t events -o beginning -e        all messages of a topic, then exit
  kafkacat -C -t events -o end                 follow: only what arrives from now on (Ctrl-C ends it)
  kafkacat -C -t events -o -5 -e               the last five messages of each partition
  kafkacat -C -t events -e -f '%p:%o %T %s\n'  with partition, offset and timestamp
  kafkacat -C -t events -eq | wc -l            how many there are (-q: no remarks on stderr)
Write:
  echo '{{"event_type": "try"}}' | kafkacat -P -t events
  echo 'alice:{{"coins": 3}}' | kafkacat -P -t events -K:   the key before the colon decides on the partition

Mode (without one: -P when stdin is not a terminal, else -C):
  -C                 Consume: messages to stdout
  -P                 Produce: lines of stdin, or whole files, to a topic
  -L                 List the cluster's metadata (-t: of one topic; -J: as JSON)
  -G <group-id>      Consume as a member of a consumer group; topics follow as arguments (^name.*: a pattern)
  -Q                 Query offsets by time: -t <topic>:<partition>:<ms since 1970> (-1: end, -2: beginning)

General options:
  -b <brokers,..>    Bootstrap brokers, host[:port]. Default: the stack's own (eventlab status)
  -t <topic>         Topic
  -p <partition>     Partition. Default: all when consuming, the key's when producing
  -D <delim>         Between messages. Default: \n
  -K <delim>         Between key and message
  -c <cnt>           Exit after this number of messages
  -m <seconds>       How long to wait for the brokers. Default: 5
  -X prop=val        Set a property by librdkafka's name (-X list: those that there are)
  -F <file>          Read properties from a file (also: $KCAT_CONFIG, ~/.config/kcat.conf)
  -q                 Quiet: errors only
  -E                 Keep waiting when all brokers are gone
  -d all             kafka-python's log on stderr
  -V                 Version                  -h  This text

Consumer options:
  -o <offset>        beginning (default) | end | stored | <offset> | -<messages before the end>
                     s@<ms since 1970> (start there) | e@<ms since 1970> (stop before it)
  -e                 Exit when the end of every partition is reached
  -f <format>        Output format, see below
  -J                 One JSON object a message, with its metadata
  -Z                 Print NULL for missing keys and payloads
  -u                 Flush after each message

Producer options:
  -k <key>           The same key for all messages
  -H <name=value>    Add a header (again for more)
  -z <codec>         Compression: gzip (snappy, lz4, zstd where their Python libraries are installed)
  -l <file>          Lines of a file instead of stdin
  -T                 Print what is sent
  -Z                 With -K: nothing before (after) the delimiter is a NULL key (payload, a tombstone)
  Empty lines are skipped. Every message is acknowledged by all in-sync replicas before kafkacat exits.

Format:
  %s payload   %k key   %S %K their lengths (-1 for NULL)   %R payload length, 4 bytes big-endian
  %t topic     %p partition    %o offset    %T timestamp (ms)    %h headers (n=v,..)    %% a percent sign
  \n \r \t \xXX (hex) \0NN (octal)

Exit code: 0, also after Ctrl-C; 1 when something failed or a message was not delivered.

Where it differs from kcat: no -M, -s, -r; NUL bytes work in -f and -D; a misspelled -o or -c is an error, not
a 0; input is sent line by line as it comes; when the brokers go away it waits 3 s (consuming) or 10 s
(producing) for them.
"""


def version() -> str:
    from importlib.metadata import version as of

    return f"kafkacat of eventlab {of('eventlab')} (kafka-python {of('kafka-python')}), modelled on kcat 1.7.1\n"


def properties() -> str:
    from eventlab.kafkacat.properties import KNOWN

    width = max(map(len, KNOWN))
    lines = [f"{name:{width}}  kafka-python's {parameter}" for name, (parameter, _) in sorted(KNOWN.items())]
    return "\n".join(lines) + "\n"
