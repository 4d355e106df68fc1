"""Paths on the HDFS of the settings are used through WebHDFS, all others through Spark."""

from pathlib import Path

import pytest

from eventlab.settings import Settings
from eventlab.stack.filesystem import has_webhdfs

OTHER = "hdfs://namenode.example:8020"
REST = "http://namenode.example:9870"


@pytest.mark.parametrize(
    ("values", "path", "expected"),
    [
        ({}, "/tmp/purchases", True),
        ({}, "file:/tmp/purchases", False),
        ({}, f"{OTHER}/tmp/purchases", False),
        ({"external_default_fs": OTHER}, "/tmp/purchases", False),
        ({"external_default_fs": OTHER, "external_webhdfs_url": REST}, "/tmp/purchases", True),
        ({"external_default_fs": OTHER, "external_webhdfs_url": REST}, f"{OTHER}/tmp/purchases", True),
        ({"external_default_fs": "s3a://bucket", "external_webhdfs_url": REST}, "/tmp/purchases", False),
    ],
)
def test_a_path_is_on_the_hdfs_of_the_settings(tmp_path: Path, values: dict[str, str], path: str, expected: bool):
    settings = Settings.model_validate({"state_dir": tmp_path, **values})

    assert has_webhdfs(path, settings) is expected
