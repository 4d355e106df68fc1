"""No port of a stack is one that outgoing connections may use, and the stacks of the tests share no port."""

from itertools import combinations

import pytest

from eventlab.course import run
from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import installation
from eventlab.stack.requirements import next_free_offset, reserved_settings
from tests.port_offsets import WORKERS, offsets_of
from tests.stacks import free_offset

FIRST_EPHEMERAL = 32768
"""The first port that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`)."""


def ports_at(offset: int) -> set[int]:
    values = OwnSettings(port_offset=offset).model_dump()
    return {port for name, port in values.items() if name.endswith("_port")}


@pytest.mark.parametrize(
    "offsets",
    [run.OFFSETS, installation.OFFSETS, *map(offsets_of, range(WORKERS))],
    ids=["eventlab run", "eventlab setup", *map("worker {}".format, range(WORKERS))],
)
def test_all_ports_are_below_the_ephemeral_ports(offsets):
    assert max(max(ports_at(offset)) for offset in offsets) < FIRST_EPHEMERAL


@pytest.mark.parametrize("current", [0, 1000, 3500, 9000])
def test_a_suggested_offset_is_another_one_without_ephemeral_ports(current: int):
    suggested = next_free_offset(Settings(port_offset=current))

    assert suggested != current
    assert max(ports_at(suggested)) < FIRST_EPHEMERAL


def test_the_stacks_of_all_workers_share_no_port():
    ports = [ports_at(offset) for worker in range(WORKERS) for offset in offsets_of(worker)]

    assert [first & second for first, second in combinations(ports, 2) if first & second] == []


def test_two_stacks_that_start_at_the_same_time_use_different_ports():
    """Until their services listen, the ports of both are free."""
    offsets = [free_offset(), free_offset()]
    with (
        reserved_settings(offsets, ["kafka"], OwnSettings) as first,
        reserved_settings(offsets, ["kafka"], OwnSettings) as second,
    ):
        assert [first.port_offset, second.port_offset] == offsets
        with pytest.raises(StackError, match="in use"), reserved_settings(offsets, ["kafka"], OwnSettings):
            pass

    with reserved_settings(offsets, ["kafka"], OwnSettings) as next_one:
        assert next_one.port_offset == offsets[0]
