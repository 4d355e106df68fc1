"""Events, and a function that writes rows as the jobs do."""

from eventlab.jobs.output import replacing

SWORD = {"event_type": "purchase_sword", "Host": "user1.comcast.com"}


KNIFE = {"event_type": "purchase_knife", "Host": "user2.att.com", "description": "very sharp knife"}


def overwrite(spark, rows, path):
    """Write rows to a path as the jobs do."""
    with replacing(spark, path) as complete:
        rows.write.parquet(complete)
