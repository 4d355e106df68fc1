"""Messages of other producers are read, whatever compression they chose."""

from __future__ import annotations

import pytest
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

COMPRESSIONS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""https://kafka.apache.org/documentation/#recordbatch"""


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_message_that_is_compressed_can_be_read(compression: str) -> None:
    batch = MemoryRecordsBuilder(magic=2, compression_type=COMPRESSIONS[compression], batch_size=1 << 20)
    batch.append(timestamp=0, key=None, value=b"sword " * 1000, headers=[])
    batch.close()
    read = MemoryRecords(batch.buffer()).next_batch()
    assert len(batch.buffer()) < 1000
    assert [record.value for record in read] == [b"sword " * 1000]
