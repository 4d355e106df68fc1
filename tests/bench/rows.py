"""A row of the table of measurements."""

from __future__ import annotations


def row(
    name: str,
    value: float,
    unit: str,
    peer: str,
    peer_value: float,
    *,
    aim: float | None = None,
    is_rate: bool = False,
) -> dict[str, object]:
    """Return a row with the ratio of the values, which is larger than 1 if the kit is better.

    Args:
        name: What was measured.
        value: The kit's value.
        unit: The unit of both values.
        peer: The program that the kit is compared with.
        peer_value: Its value.
        aim: The ratio that the kit should reach.
        is_rate: Whether a larger value is better.
    """
    better, worse = (value, peer_value) if is_rate else (peer_value, value)
    ratio = round(better / worse, 2) if worse else None
    values = {"value": round(value, 2), "unit": unit, "peer": peer, "peer_value": round(peer_value, 2)}
    return {"name": name, **values, "ratio": ratio, "aim": aim}
