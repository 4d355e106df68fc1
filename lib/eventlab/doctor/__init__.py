"""Checks of this machine and of the installation, for `eventlab doctor`.

The checks read the real state (the jars' checksums, ports, the disk) and start no service. Together they take
about a second.
"""

from functools import partial

from eventlab.doctor import host, installation, machine
from eventlab.doctor.result import HealthCheck, run_check
from eventlab.settings import Settings

__all__ = ["HealthCheck", "checks"]


def checks(settings: Settings) -> list[HealthCheck]:
    """Run all checks, in the order in which to fix problems; a check never raises an exception.

    The checks of the state folder, the memory, the disk and the ports are left out if the settings are invalid.
    """
    valid = run_check("settings", "eventlab doctor", lambda: installation.valid_settings(settings))
    machine_checks = (
        ("state folder", machine.OTHER_FOLDER_COMMAND, machine.state_folder),
        ("memory", "eventlab down", machine.memory),
        ("disk", "eventlab reset", machine.disk),
        ("ports", "eventlab down", machine.free_ports),
    )
    return [
        valid,
        run_check("python", "make setup", installation.python),
        run_check("packages", "make setup", installation.packages),
        run_check("java", "eventlab setup", installation.java_runtime),
        run_check("jars", "eventlab setup", installation.checksums),
        run_check("archives", "eventlab setup", installation.startup_archives),
        run_check("spark and kafka", "make setup", installation.connector),
        run_check("spark and hdfs", "make setup", installation.hadoop),
        run_check("kafka and tools", "make setup", installation.kafka_tools),
        run_check("jar locks", "make setup", installation.locks),
        *(run_check(name, remedy, partial(check, settings)) for name, remedy, check in machine_checks if valid.ok),
        run_check("grading", "eventlab doctor", host.grading),
        run_check("other users", "eventlab doctor", host.other_users),
    ]
