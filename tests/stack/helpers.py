"""States, messages, files and processes of a stack."""

from __future__ import annotations

import os

import httpx
import psutil

from eventlab.clients import kafka
from eventlab.settings import Settings
from eventlab.stack import Stack
from tests.helpers import PipedProcess

COURSE = ["kafka", "namenode", "datanode", "spark", "api"]
STORAGE = ["kafka", "namenode", "datanode"]


def states(settings: Settings, *names: str) -> list[str]:
    """Return the states of the services."""
    return [service.state for service in Stack(settings).status(names)]


def send(settings: Settings, *messages: bytes) -> None:
    """Send messages to the course's topic; all are acknowledged."""
    with kafka.open_producer(settings.bootstrap_servers) as producer:
        for sent in [producer.send(settings.topic, message) for message in messages]:
            sent.get(timeout=60)


def received(settings: Settings) -> list[bytes]:
    """Return the values of all messages in the course's topic."""
    return [record.value for record in kafka.read_topic(settings.bootstrap_servers, settings.topic)]


def checked(answer: httpx.Response) -> httpx.Response:
    """Return the answer, or raise httpx.HTTPError with HDFS's reason."""
    if answer.is_error:
        raise httpx.HTTPError(f"{answer.status_code} {answer.text[:500]}")
    return answer


def put_file(settings: Settings, path: str, content: bytes, timeout_s: float = 20) -> None:
    """Write a file to HDFS in the two steps of WebHDFS; httpx.HTTPError if HDFS refuses."""
    url = f"{settings.webhdfs_url}/webhdfs/v1{path}?op=CREATE&overwrite=true&blocksize=1048576&user.name=student"
    with httpx.Client(trust_env=False, verify=False, timeout=timeout_s) as client:
        location = client.put(url)
        if location.status_code != httpx.codes.TEMPORARY_REDIRECT:
            checked(location)
        checked(client.put(location.headers["Location"], content=content))


def get_file(settings: Settings, path: str) -> bytes:
    """Return the content of a file of HDFS."""
    url = f"{settings.webhdfs_url}/webhdfs/v1{path}?op=OPEN&user.name=student"
    return checked(httpx.get(url, follow_redirects=True, trust_env=False, verify=False, timeout=20)).content


def processes_of(settings: Settings) -> list[psutil.Process]:
    """Return the processes that have the state folder in their command or environment, recorded or not."""
    found = []
    for candidate in psutil.process_iter():
        try:
            mentions = [*candidate.cmdline(), candidate.environ().get("EVENTLAB_STATE_DIR", "")]
        except psutil.Error:
            continue
        if candidate.pid != os.getpid() and any(str(settings.state_dir) in text for text in mentions):
            found.append(candidate)
    return found


def wait_for_phase(command: PipedProcess[str], phase: str) -> None:
    """Read the command's progress up to a line with the phase."""
    for line in command.stderr:
        if phase in line:
            return
    raise AssertionError(f"the command ended without {phase!r}")
