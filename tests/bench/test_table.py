"""What `make bench` keeps and says of its measurements."""

import json

from tests.bench.__main__ import KEYS, save, verdict


def row(name, value):
    return dict.fromkeys(KEYS, value) | {"name": name, "peer": "peer", "aim": 2}


def test_a_run_of_some_measurements_does_not_change_the_others(tmp_path):
    file = tmp_path / "bench.json"

    save([row("api", 1), row("suite", 1)], file)
    save([row("api", 2)], file)

    kept = json.loads(file.read_text())
    assert {line["name"]: line["value"] for line in kept} == {"suite": 1, "api": 2}
    assert {tuple(line) for line in kept} == {KEYS}


def test_a_missed_aim_is_shown():
    assert verdict({"ratio": 1.9, "aim": 2}) == "2 MISSED"
    assert verdict({"ratio": 2.0, "aim": 2}) == "2 met"
    assert verdict({"ratio": 2.0, "aim": None}) == ""
