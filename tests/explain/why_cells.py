"""Cells for the tests of `%why`: reads that show nothing, and streaming queries."""

READ_ALL = """
def read_all(group):
    options = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 2500}
    member = KafkaConsumer("whispers", bootstrap_servers=broker, group_id=group, **options)
    count = len(list(member))
    member.commit()
    member.close()
    return count
"""

PARSED = """
fields = "N int, m string"
objects = read("whispers").select(F.from_json(F.col("value").cast("string"), fields).alias("event"))
parsed = objects.select("event.*")
parsed.createOrReplaceTempView("parsed")"""

WINDOWS = """
import time
parts = spark.readStream.format("rate").option("rowsPerSecond", 5).load().withWatermark("timestamp", "1 hour")
counts = parts.groupBy(F.window("timestamp", "10 seconds")).count()
windows = counts.writeStream.format("memory").queryName("windows"){mode}.start()
while windows.lastProgress is None or not sum(p.numInputRows for p in windows.recentProgress): time.sleep(0.3)
spark.table("windows").where("count < 0").count()"""

QUERIES = """
import datetime, json, time
from eventlab.clients import kafka

def at(second, **fields):
    time_of_event = datetime.datetime.fromtimestamp(1_790_000_000 + second, datetime.timezone.utc)
    return json.dumps({"time": f"{time_of_event:%Y-%m-%dT%H:%M:%SZ}"} | fields).encode()

waiting = KafkaProducer(bootstrap_servers=broker, linger_ms=1000)

def send(topic, *values, partition=0):
    # in one batch, so that a query never reads only some of them
    for value in values:
        waiting.send(topic, value, partition=partition)
    waiting.flush()

def source(**topic):
    options = {"kafka.bootstrap.servers": broker, "startingOffsets": "earliest"} | topic
    return spark.readStream.format("kafka").options(**options).load()

def parsed(rows):
    fields = F.from_json(F.col("value").cast("string"), "time timestamp, event_type string")
    return rows.select(fields.alias("event")).select("event.*").withWatermark("time", "10 seconds")

def ended(query):
    while query.isActive:
        time.sleep(0.1)

kafka.create_topic(broker, "tides", 2)
kafka.create_topic(broker, "ebbs")
send("ebbs", at(1, event_type="purchase_sword"), at(2, event_type="purchase_knife"))
"""

TIDES = """
send("tides", at(1), at(5), at(12))
tides = parsed(source(subscribe="tides"))
waves = tides.groupBy(F.window("time", "20 seconds")).count()
flow = waves.writeStream.format("memory").queryName("flow").start()
flow.processAllAvailable()"""

IDLE = """
both = [parsed(source(assign=json.dumps({"tides": [n]}))) for n in range(2)]
joined = both[0].union(both[1])
sea = joined.groupBy(F.window("time", "20 seconds")).count().writeStream.format("memory").queryName("sea").start()
sea.processAllAvailable()
send("tides", at(90)); sea.processAllAvailable()"""

QUIET = """
both = [parsed(source(subscribe=name)) for name in ("tides", "hush")]
shores = both[0].union(both[1]).groupBy(F.window("time", "20 seconds")).count()
land = shores.writeStream.format("memory").queryName("land").start()
land.processAllAvailable()"""

FILTER = """
ebbs = parsed(source(subscribe="ebbs"))
swords = (ebbs.select("event_type")
    .where("event_type = 'purchase_swrd'"))
found = swords.writeStream.format("memory").queryName("found").start()
found.processAllAvailable()"""

SINK = """
{name} = ({frame}.writeStream.format("noop").outputMode("{mode}")
    .option("checkpointLocation", "/tmp/check_ebbs_{folder}"){trigger}.start())
{wait}"""


def sink(name, frame, folder, wait, mode="append", trigger=""):
    """Return a cell that starts a query with a checkpoint."""
    wait = wait.format(name=name)
    return SINK.format(name=name, frame=frame, folder=folder, wait=wait, mode=mode, trigger=trigger)


STOP = "{name}.processAllAvailable(); {name}.stop()"
END = "ended({name})"
ROWS = 'source(subscribe="ebbs").select("offset")'

POND = """
kafka.create_topic(broker, "pond"); send("pond", at(1), at(2))
pond = source(subscribe="pond").select("offset").writeStream.format("memory").queryName("frogs").start()
pond.processAllAvailable()"""
