# ruff: noqa: F821
# Cells of a notebook that `pyspark` opened: spark and sc are there.
# %%
purchases = spark.read.parquet("/tmp/sword_purchases")
purchases.registerTempTable("purchases")
purchases_by_host = spark.sql("select Host, count(*) as n from purchases group by Host")
df = purchases_by_host.toPandas()
print("by host:", df.n.sum(), "in", sc.master)
# %%
spark.sql("""
create external table if not exists default.sword_purchases (event_type string, Host string)
stored as parquet location '/tmp/sword_purchases' tblproperties ('parquet.compress'='SNAPPY')
""")
print("in the table:", spark.sql("select * from sword_purchases").count())
