"""Cells with a mistake in a client or command, filters that keep nothing, and endless loops, by name."""

MISTAKES = {
    "a dictionary as value": (
        "producer.send('letters', {'n': 4}).get(timeout=20)",
        "this value is a Python object",
    ),
    "a text as value": ("producer.send('letters', 'hello').get(timeout=20)", "this value is a string"),
    "a text as key": ("producer.send('letters', b'x', key='k').get(timeout=20)", "this key is a string"),
    "a function as value": ("producer.send('letters', 'x'.encode).get(timeout=20)", "parentheses are missing"),
    "a closed producer": ("closed.send('letters', b'x').get(timeout=20)", "closed was closed"),
    "a message above the producer's limit": (
        "producer.send('crates', b'x' * 1_500_000).get(timeout=20)",
        "larger than the producer accepts",
    ),
    "a message above the broker's limit": (
        "big = KafkaProducer(bootstrap_servers=broker, max_request_size=3_000_000)\n"
        "big.send('parcels', b'x' * 2_000_000).get(timeout=20)",
        "larger than the broker accepts",
    ),
    "a wrong option and an existing topic": (
        "!kafka-topics --create --if-not-exists --topic letters --partition 3",
        "Did you mean --partitions?",
    ),
    "a topic without its option": ("!kafka-topics --create letters --if-not-exists", "follows the option --topic"),
    "an address with http": (
        "KafkaConsumer('letters', bootstrap_servers=with_http, bootstrap_timeout_ms=2000).close()",
        "write host:port, without http://",
    ),
    "an address with http in Spark": (
        "options = {'kafka.bootstrap.servers': wrong_url, 'subscribe': 'letters'}\n"
        "spark.read.format('kafka').options(**options).load().count()",
        "write host:port, without http://",
    ),
    "the end of the topic": (
        "late = KafkaConsumer('letters', bootstrap_servers=broker, consumer_timeout_ms=3000)\nnext(late)",
        "starts at the end of topic 'letters'",
    ),
    "a group that has read all": (
        "again = KafkaConsumer('letters', bootstrap_servers=broker, group_id='readers', "
        "auto_offset_reset='earliest', consumer_timeout_ms=2500)\nnext(again)",
        "The group 'readers' has read all messages",
    ),
    "a wrong port": ("requests.get('http://127.0.0.1:1/purchase_a_sword').text", "Nothing listens at 127.0.0.1:1"),
    "an unknown route": (
        "requests.get(settings.api_url + '/purchase_sword').raise_for_status()",
        "Did you mean /purchase_a_sword?",
    ),
    "an unknown route at localhost": (
        "requests.get(f'http://localhost:{settings.api_port}/purchase_sword').raise_for_status()",
        "Did you mean /purchase_a_sword?",
    ),
    "a misspelt route with a variable": (
        "requests.get(settings.api_url + '/join_gild/lions').raise_for_status()",
        "Did you mean /join_guild/<name>?",
    ),
    "a wrong method": (
        "requests.post(settings.api_url + '/purchase_a_sword').raise_for_status()",
        "exists, but not for POST",
    ),
    "a form for JSON": (
        "import httpx\npotion = {'player': 'bob', 'item': {'name': 'potion', 'price': 5}}\n"
        "httpx.post(settings.api_url + '/purchase', data={'player': 'bob'} | potion).raise_for_status()",
        "refused the request: the body is not a JSON object",
    ),
    "a misspelt topic": ("!kafkacat -C -t leters -o beginning -e -q", "Did you mean 'letters'?"),
    "a misspelt topic to describe": ("!kafka-topics --describe --topic letter", "Did you mean 'letters'?"),
    "a misspelt group": ("!kafka-consumer-groups --describe --group reader", "Did you mean 'readers'?"),
    "braces on a line with JSON": (
        '!echo \'{"n": {"m": 5}}\' | kafkacat -P -b {broker} -t letters',
        "The command got the text {broker}",
    ),
    "JSON without single quotes, which the shell would take apart": (
        '!echo {"n": 5} | kafkacat -P -b {broker} -t letters',
        "The command got the text {broker}",
    ),
    "a misspelt variable in braces": ("!kafkacat -L -b {brokr}", "There is no variable 'brokr'"),
    "braces on a line with a variable of the shell": (
        "!echo $HOME | kafkacat -P -b {broker} -t letters",
        "a variable of the shell",
    ),
    "braces in a bash cell": (
        "%%bash\nkafkacat -L -b {broker} -t letters",
        "Jupyter replaces nothing in a %%bash cell",
    ),
    "a misspelt topic behind a pipe": (
        "!kafkacat -C -t leters -o beginning -e -q | tail -1",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic whose output is captured": (
        "lines = !kafkacat -C -t leters -o beginning -e -q",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic in a bash cell": (
        "%%bash\nkafkacat -C -b $BROKER -t leters -o beginning -e -q",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic in a variable of the shell": (
        "%%bash\nkafkacat -C -b $BROKER -t $WRONG -o beginning -e -q | wc -l",
        "Did you mean 'letters'?",
    ),
    "a misspelt group in a bash cell": (
        "%%bash\nkafka-consumer-groups --bootstrap-server $BROKER --describe --group reader | grep -c letters",
        "Did you mean 'readers'?",
    ),
    "a broker that is not there": (
        "!kafkacat -b 127.0.0.1:1 -L -t letters",
        "No Kafka broker answers at 127.0.0.1:1",
    ),
    "a path in the home folder": (
        "!hadoop fs -ls tmp/folder",
        "A path without / at its start is in your home folder",
    ),
    "no home folder": ("!hadoop fs -ls", "Without a path, -ls lists your home folder"),
    "a missing file to put": ("!hadoop fs -put -f READMEE.md /tmp/folder", "There is no file READMEE.md"),
    "a misspelt command behind a pipe": ("!kafkcat -L -t letters | tail -1", "Did you mean 'kafkacat'?"),
    "an unknown route of curl": (
        "!curl -sf {settings.api_url}/purchase_sword",
        "Did you mean /purchase_a_sword?",
    ),
    "a missing path": ("!hadoop fs -ls /tmp/foldr", "Did you mean /tmp/folder?"),
    "a path of HDFS for ls": ("!ls /tmp/folder", "/tmp/folder is on HDFS"),
    "a path of HDFS for cat": (
        "folder = '/tmp/folder'\n!cat {folder}/three.txt",
        "/tmp/folder/three.txt is on HDFS",
    ),
    "a folder that exists": ("!hadoop fs -mkdir /tmp/folder", "/tmp/folder exists on HDFS"),
    "a folder with a similar name": ("!hadoop fs -mkdir /temp/new_folder", "Did you mean /tmp?"),
    "a misspelt option": ("!kafka-topics --describe --topics letters", "Did you mean --topic?"),
    "a verb without its dash": ("!hadoop fs ls /tmp", "Did you mean -ls?"),
    "ab without a path": ("!ab -n 1 {settings.api_url}", "ab needs a path"),
    "a wrong method of curl": ("!curl -sf -X POST {settings.api_url}/purchase_a_sword", "but not for POST"),
    "the controller's port": ("!kafkacat -L -b {controller} -t letters", "No Kafka broker answers"),
    "a command without its mark": ("kafka-topics --list", "the ! is missing"),
    "a comment above the magic": (
        "# the topics\n%%bash\nkafka-topics --list",
        "at the very beginning of the cell",
    ),
    "a file that exists": (
        "!hadoop fs -put README.md /tmp/folder/three.txt",
        "/tmp/folder/three.txt exists on HDFS",
    ),
    "a folder to print": ("!hadoop fs -cat /tmp/folder", "/tmp/folder is a folder on HDFS. -cat prints files"),
    "a folder with a file to delete": ("!hadoop fs -rmdir /tmp/fuller", "-rmdir deletes only empty folders"),
    "a folder to delete": ("!hadoop fs -rm /tmp/folder", "/tmp/folder is a folder on HDFS"),
    "a misspelt command": ("!kafkcat -L -t letters", "Did you mean 'kafkacat'?"),
    "a wrong port in a command": ("!curl -s http://127.0.0.1:1/", "Nothing listens at 127.0.0.1:1"),
}

FILTERS = {
    "a field": (
        "swords = shop.where(F.col('item.name') == 'swrd')\nswords.select('price').collect()",
        "No row has item.name = 'swrd', so the filter keeps nothing. Did you mean 'sword'?",
        "[Row(price=120)]",
    ),
    "a field without a variable": (
        """shop.where("item.name = 'swrd'").select("price").collect()""",
        "Did you mean 'sword'?",
        "[Row(price=120)]",
    ),
    "a field in SQL": (
        """spark.sql("select price from shop where item.name = 'Sword'").collect()""",
        "Did you mean 'sword'?",
        "[Row(price=120)]",
    ),
    "a number": (
        "shop.where('price = 125').select('price').collect()",
        "No row has price = 125",
        "[Row(price=120)]",
    ),
    "a number in a column": (
        "dear = shop.where(F.col('price') > 999)\ndear.select('price').collect()",
        "No row has price > 999",
        "[Row(price=120)]",
    ),
    "a number in SQL": (
        """spark.sql("select price from shop where price > 999").collect()""",
        "No row has price > 999",
        "[Row(price=120)]",
    ),
    "a list": (
        """shop.where("item.name in ('swrd', 'shield')").select("price").collect()""",
        "No row has item.name in ('swrd', 'shield')",
        "[Row(price=120)]",
    ),
    "a list of a column": (
        "shop.where(F.col('item.name').isin('swrd')).select('price').collect()",
        "No row has item.name in ('swrd')",
        "[Row(price=120)]",
    ),
    "a pattern": (
        """shop.where("item.name like 'SW%'").select("price").collect()""",
        "Did you mean 'sw%'?",
        "[Row(price=120)]",
    ),
}
"""Filters that keep nothing, by name: the cell, words of the box, and the result of the corrected cell."""

LOOPS = {
    "without a variable": (
        "for message in KafkaConsumer('letters', bootstrap_servers=broker):\n    print(message.value)",
        "The consumer starts at the end of topic 'letters'",
    ),
    "with a variable": (
        "forever = KafkaConsumer(\n    'letters',\n    bootstrap_servers=broker,\n)\n"
        "for message in forever:\n    print(message.value)",
        "The consumer 'forever' starts at the end of topic 'letters'",
    ),
    "in a group at its end": (
        "for message in KafkaConsumer('letters', bootstrap_servers=broker, group_id='watchers', "
        "auto_offset_reset='earliest'):\n    print(message.value)",
        "The group 'watchers' has read all messages",
    ),
    "of a misspelt topic": (
        "for message in KafkaConsumer('leters', bootstrap_servers=broker, auto_offset_reset='earliest'):\n"
        "    print(message.value)",
        "Did you mean 'letters'?",
    ),
}
"""Loops over a consumer that never end, by name: the cell, and words of the box after an interrupt."""
