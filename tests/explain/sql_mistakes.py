"""Mistakes in Spark SQL and in DataFrames, by name: the cell, and words of the box whose line fixes it."""

MISTAKES = {
    "a misspelt view": ("spark.sql('select * from visit').count()", "Did you mean 'visits'?"),
    "a misspelt view in the API": ("spark.table('visit').count()", "Did you mean 'visits'?"),
    "a misspelt column": ("spark.sql('select Hots from visits').count()", "Did you mean 'Host'?"),
    "a misspelt column in the API": ("visits.select('Hots').count()", "Did you mean 'Host'?"),
    "a misspelt attribute": ("visits.where(visits.Hots == 'user1').count()", "Did you mean 'Host'?"),
    "an underscore for a dash": ("visits.groupBy('user_agent').count().collect()", "Did you mean 'User-Agent'?"),
    "an underscore for a dash in SQL": (
        "spark.sql('select user_agent from visits').count()",
        "Did you mean 'User-Agent'?",
    ),
    "the name of a sum in WHERE": (
        "spark.sql('select player, sum(pieces) as paid from bought where paid > 1 group by player').collect()",
        "where chooses rows before they are grouped, so it does not know paid",
    ),
    "descending instead of desc": (
        "spark.sql('select player from bought order by player descending').collect()",
        "SQL has the words desc and asc",
    ),
    "a type of Python in a schema": (
        """bought.select(F.from_json("player", "name str")).collect()""",
        "Spark's types have other names",
    ),
    "a type of Python in a schema that a function gets": (
        """def named(fields): return bought.select(F.from_json("player", fields))\nnamed("name str").collect()""",
        "Spark's types have other names",
    ),
    "a dash in a schema that a function gets": (
        "def named(to): return bought.select(F.from_json('player', to))\nnamed('User-Agent string').collect()",
        "A name with a dash needs backquotes",
    ),
    "no comma in a schema that a function gets": (
        "def named(to): return bought.select(F.from_json('player', to))\nnamed('a string b int').collect()",
        "A comma is missing between two fields",
    ),
    "a schema without a comma": (
        """bought.select(F.from_json("player", "name string price int")).collect()""",
        "A comma is missing between two fields",
    ),
    "a dash in a schema": (
        """json_schema = "User-Agent string"\nbought.select(F.from_json("player", json_schema)).collect()""",
        "A name with a dash needs backquotes",
    ),
    "several names in one text": ("visits.select('Host, id').collect()", "Each name needs quotes of its own"),
    "several names to group by": ("bought.groupBy('player, site').count().collect()", "Each name needs quotes"),
    "an expression as a name": (
        "bought.agg(F.sum('item.price * pieces').alias('n')).collect()",
        "F.expr() reads it as an expression",
    ),
    "an expression of an unnamed table": (
        "spark.table('bought').select('pieces * 2').collect()",
        "F.expr() reads it",
    ),
    "an aggregate as a text": ("bought.groupBy('site').agg('count(*)').collect()", "F.expr() reads it"),
    "an order in the name": ("bought.orderBy('pieces desc').collect()", "F.desc() sorts by a column"),
    "a misspelt column of an unnamed table": (
        "spark.table('bought').select('sit').count()",
        "Did you mean 'site'?",
    ),
    "a comma before FROM": ("spark.sql('select player, pieces, from bought').collect()", "No column follows"),
    "a query in a variable of the cell": (
        "query = 'selct player from bought'\nspark.sql(query).collect()",
        "Did you mean 'select'?",
    ),
    "a field that is also a word of a text": (
        """spark.sql("select price from bought where site = 'price'").collect()""",
        "It is a field of the column item: item.price",
    ),
    "no GROUP BY": (
        'spark.sql("""\n  select Host, year, count(*) as n\n  from visits\n  order by n""").collect()',
        "does not group by Host, year",
    ),
    "an incomplete GROUP BY": (
        "spark.sql('select Host, id, count(*) from visits group by Host').collect()",
        "selects id, which is neither in GROUP BY",
    ),
    "an ambiguous column": (
        "spark.sql('select Host from visits v join players p on v.id = p.number').collect()",
        "Both sides of the join have a column 'Host'",
    ),
    "an ambiguous column in the API": (
        "visits.join(players, visits.Host == players.Host).select('Host').collect()",
        "A join by name keeps it once",
    ),
    "a union of different columns": ("visits.union(players).count()", "A union needs the same columns"),
    "a union of different columns in SQL": (
        "spark.sql('select id, Host from visits union all select number from players').collect()",
        "A union needs the same number of columns",
    ),
    "a comparison in the API": ("visits.where(F.col('year') > 5).count()", "'late' cannot be cast to BIGINT"),
    "a comparison of an attribute": ("visits.where(visits.year > 5).count()", "'late' cannot be cast to BIGINT"),
    "a format that is not installed": (
        "spark.range(3).write.mode('overwrite').format('avro').save('/tmp/other_format')",
        "Spark has no format 'avro'",
    ),
    "a variable with the name of the column": ("Hots = visits.select('Hots').count()", "Did you mean 'Host'?"),
    "a variable with the name of the view": (
        "visit = spark.sql('select id from visit').count()",
        "mean 'visits'?",
    ),
    "a cast": ("spark.sql('select cast(year as int) from visits').collect()", "'late' cannot be cast to INT"),
    "a cast of a cast in the API": (
        "visits.select(F.trim(F.col('year').cast('string')).cast('int')).collect()",
        "cannot be cast to INT",
    ),
    "a cast in the API": ("visits.select(visits.year.cast('int')).collect()", "'late' cannot be cast to INT"),
    "a comparison of text and number": ("visits.where('year > 5').count()", "'late' cannot be cast to BIGINT"),
    "a division": ("spark.sql('select id / price from visits').collect()", "A divisor is 0"),
    "a division in the API": ("visits.select(F.col('id') / F.col('price')).collect()", "A divisor is 0"),
    "JSON of bytes": (
        "read('clicks').select(F.from_json('value', 'n int')).collect()",
        "from_json needs a string",
    ),
    "JSON of bytes in SQL": (
        "read('clicks').selectExpr('get_json_object(value, \"$.n\")').collect()",
        "get_json_object needs a string",
    ),
    "a path that exists": ("spark.range(3).write.parquet('/tmp/exists')", "The path /tmp/exists exists on HDFS"),
    "a misspelt format": ("spark.read.format('parqet').load('/tmp/exists').count()", "Did you mean 'parquet'?"),
    "text without quotes": ("bought.where('site = a.com').count()", "text needs single quotes"),
    "text without quotes after ==": ('bought.where("player == ada and site = a.com").count()', "single quotes"),
    "text without quotes in a list": ('bought.where("player in (ada, bob)").count()', "single quotes"),
    "text without quotes in SQL": (
        "spark.sql('select * from bought where site = a.com').count()",
        "single quotes",
    ),
    "text without quotes, without a variable": (
        'spark.read.parquet("/tmp/bought").where("site = a.com").count()',
        "text needs single quotes",
    ),
    "text without quotes in an f-string": ('bought.where(f"site = {site}").count()', "text needs single quotes"),
    "fields of a nested column": (
        'bought.selectExpr("sum(price * pieces)").collect()',
        "the column item: item.price",
    ),
    "a field in the API": ("bought.select(F.sum('price')).collect()", "a field of the column item"),
    "a misspelt field": ("bought.select('item.prize').collect()", "Did you mean 'price'?"),
    "a misspelt field in SQL": ("spark.sql('select item.prize from bought').collect()", "Did you mean 'price'?"),
    "a column to explode": ("bought.select(F.explode('tag')).collect()", "Did you mean 'tags'?"),
    "a partition column": (
        "bought.write.mode('overwrite').partitionBy('players').parquet('/tmp/partitions')",
        "Did you mean 'player'?",
    ),
    "a column of pandas": ("frame = bought.toPandas()\nframe['Player']", "Did you mean 'player'?"),
    "a misspelt function": ("spark.sql('select cuont(*) from bought').collect()", "no function 'cuont'"),
    "a word that Spark reads as a name": ("spark.sql('select * from bought wher pieces = 2').count()", "'where'?"),
    "conditions without parentheses": (
        'bought.where(F.col("player") == "ada" & F.col("site") == "a.com").count()',
        "Each condition needs its own parentheses",
    ),
    "conditions with and": (
        "bought.where((bought.pieces > 1) and (bought.pieces < 9)).count()",
        "write & for `and`",
    ),
    "a range": ("bought.where(1 < bought.pieces < 9).count()", "Write & between them"),
    "Python's sum": ("bought.select(sum(bought.pieces)).collect()", "Spark's function is F.sum()"),
    "Python's sum of a name": ("bought.select(sum('pieces')).collect()", "Spark's function is F.sum()"),
    "a column without quotes": ("bought.where(player == 'ada').count()", 'The column is F.col("player")'),
    "a misspelt method": ("bought.wher('pieces = 2').count()", "Did you mean 'where'?"),
    "a misspelt method of groups": ("bought.groupBy('player').cuont().collect()", "Did you mean 'count'?"),
    "groups without a calculation": ("bought.groupBy('player').show()", "has groups and no rows"),
    "a method without parentheses": ("bought.distinct.show()", "with parentheses: distinct()"),
    "a writer's methods in the wrong order": (
        "bought.write.mode('overwrite').parquet('/tmp/orders').partitionBy('player')",
        "partitionBy() must be before it",
    ),
    "a misspelt module's function": ("F.cuont('player')", "Did you mean 'count'?"),
    "a misspelt word": ("spark.sql('selct Host from visits').count()", "Did you mean 'select'?"),
    # SQL that Spark cannot read
    "a missing comma": (
        "spark.sql('select site count(*) from bought group by site').show()",
        "One is missing before count",
    ),
    "a missing comma between three columns": (
        'spark.sql("""\n  select player, site pieces item\n  from bought""").collect()',
        "before pieces, and one before item",
    ),
    "no BY": ("spark.sql('select site from bought group site').collect()", "The word by is missing"),
    "a letter for a sign": ("spark.sql('select price x pieces from sales').collect()", "multiplication is *"),
    "DESC before the column": (
        "spark.sql('select site from bought order by desc site').collect()",
        "follow the column",
    ),
    "ORDER BY before GROUP BY": (
        "spark.sql('select site, count(*) as n from bought order by n group by site').collect()",
        "order by follows group by",
    ),
    "count without an argument": ("spark.sql('select count() from bought').collect()", "count(*) counts rows"),
    "WHERE after GROUP BY": (
        "spark.sql('select site, count(*) as n from bought group by site where n > 0').collect()",
        "begins with having",
    ),
    "no GROUP BY for a function": (
        "spark.sql('select upper(site) as name, count(*) from bought order by name').collect()",
        "does not group by upper(site)",
    ),
    "no GROUP BY for a column besides a function of an aggregate": (
        "spark.sql('select site, coalesce(sum(pieces), 0) as n from bought').collect()",
        "does not group by site.",
    ),
    "a view that exists": ("bought.createTempView('bought')", "exists already"),
    "the folder that the DataFrame reads": (
        "spark.read.parquet('/tmp/bought').write.parquet('/tmp/bought')",
        "would delete the files",
    ),
    "Parquet read as JSON": ("spark.read.json('/tmp/bought').show()", "contains Parquet files, not JSON"),
    "& in a condition": (
        "bought.where(\"player = 'ada' & site = 'a.com'\").count()",
        "between two conditions is and",
    ),
    "not = in a condition": ("bought.where(\"site not = 'b.com'\").count()", "!= means not equal"),
    "a misspelt type in a schema": (
        """bought.select(F.from_json("player", "name strng, price integr")).collect()""",
        "It has no type 'integr', but 'integer'",
    ),
    "a misspelt topic, an argument of a function": ("read('click').count()", "There is no topic 'click'"),
    "&& in a condition": ("bought.where(\"pieces > 1 && site = 'a.com'\").count()", "SQL has no &&"),
    # groups, fields and views
    "a calculation for each row of a group": (
        "spark.sql('select item, price * pieces as money from sales group by item').collect()",
        "for example with sum()",
    ),
    "an aggregate in WHERE": (
        "spark.sql('select site, count(*) from bought where count(*) > 0 group by site').collect()",
        "having chooses groups",
    ),
    "a field of a text": ("spark.sql('select item.name from sales').collect()", "They are not JSON"),
    "a field of JSON": ("read('clicks').select('value.n').collect()", "JSON that is not parsed"),
    "a DataFrame in SQL": (
        "small = spark.range(3)\nspark.sql('select * from small').count()",
        "small is a DataFrame",
    ),
    # the writer, show() and views as variables
    "a misspelt mode": ("bought.write.mode('overwrit').parquet('/tmp/modes')", "Did you mean 'overwrite'?"),
    "a mode as a method": ("bought.write.overwrite().parquet('/tmp/modes')", "This is a mode"),
    "a mode without quotes": ("bought.write.mode(overwrite).parquet('/tmp/modes')", "A string needs quotes"),
    "a method of the writer": (
        "bought.partitionBy('player').write.mode('overwrite').parquet('/tmp/modes')",
        "so it follows write",
    ),
    "write with parentheses": ("bought.write().mode('append').parquet('/tmp/modes')", "write is not a method"),
    "write with a path": ("bought.write('/tmp/new_modes')", "write.parquet(...)"),
    "a method after show()": ("bought.show().count()", "returns None"),
    "a view as a variable": ("sales.count()", "sales is a view"),
    "SQL without quotes": ("spark.sql(select count(*) from bought).collect()", "needs quotes"),
    "single quotes in single quotes": (
        "spark.sql('select player from bought where site = 'a.com'').collect()",
        "double quotes around it",
    ),
    "a condition of Python": ("spark.read.parquet('/tmp/bought').where(player == 'ada').count()", "is a variable"),
    # what is no path, no list, no function of SQL
    "a DataFrame for a path": ("spark.read.parquet(bought).count()", "bought is a DataFrame already"),
    "a DataFrame for a path of CSV": ("spark.read.option('header', True).csv(bought).count()", "is a DataFrame"),
    "a DataFrame for a table": ("spark.table(bought).count()", "it takes the name of a table"),
    "explode of fields": (
        "bought.select('player', F.explode('item').alias('x')).collect()",
        "a column of each field",
    ),
    "explode of fields in SQL": (
        "spark.sql('select player, explode(item) as x from bought').collect()",
        "a column of each field",
    ),
    "a function of Python in SQL": (
        "def shout(text):\n    return text.upper()\nspark.sql('select shout(player) from bought').collect()",
        "SQL does not know it until it is registered",
    ),
    "a name with a dash that is also a text": (
        "spark.sql(\"select * from visits where User-Agent = 'User-Agent'\").collect()",
        "User-Agent without backquotes means User minus Agent",
    ),
    "a misspelt word that is also in a text": (
        "spark.sql(\"select * from bought wher site = 'wher'\").collect()",
        "Did you mean 'where'?",
    ),
    "a folder with the folders of others": ("bought.write.parquet('/tmp')", "not the output of one DataFrame"),
    # Spark's Kafka source
    "a misspelt option": (
        "options = {'kafka.bootstrap.server': broker, 'subscribe': 'clicks'}\n"
        "spark.read.format('kafka').options(**options).load().count()",
        "Did you mean 'kafka.bootstrap.servers'?",
    ),
    "the sink's option": (
        "options = {'kafka.bootstrap.servers': broker, 'topic': 'clicks'}\n"
        "spark.read.format('kafka').options(**options).load().count()",
        "Did you mean 'subscribe'?",
    ),
    "no broker": (
        "spark.read.format('kafka').option('subscribe', 'clicks').load().count()",
        "needs the option 'kafka.bootstrap.servers'",
    ),
    "an offset of kafkacat": (
        "options = {'kafka.bootstrap.servers': broker, 'subscribe': 'clicks', 'startingOffsets': 'beginning'}\n"
        "spark.read.format('kafka').options(**options).load().count()",
        "Did you mean 'earliest'?",
    ),
}
