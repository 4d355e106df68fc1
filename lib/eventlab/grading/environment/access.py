"""The rights of a worker and of its submissions on the worker's services.

Submissions use Kafka as ANONYMOUS and HDFS as `student`, with no password, as in the course. They may use topics,
groups and files. The worker, the broker and the nodes of HDFS have secret names and passwords, and only those may
change the cluster: https://kafka.apache.org/documentation/#security_authz and
https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-common/ServiceLevelAuth.html

The NameNode's superuser is the name of whoever starts it. That name is a secret here, so it must never own a file:
every client can read the owner of a file, also in the NameNode's image and log of edits.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from eventlab.clients.hdfs import HdfsClient
from eventlab.clients.kafka import open_admin
from eventlab.errors import EventlabError
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.settings import HOST, Settings
from eventlab.stack.services import DATANODE_USER, NAMENODE_USER

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

logging.getLogger("kafka.net.sasl").setLevel(logging.ERROR)
"""kafka-python warns of a password without TLS; here it stays on the loopback of the worker's own network."""

KAFKA_USER = "grader"
SASL = "SASL_PLAINTEXT"
BLOCK_BYTES = 16 * MIB
"""HDFS's block size: a file that is being written counts as a whole block against the quota."""
CLOSED_PROTOCOLS = (
    *("datanode", "datanode.lifeline", "inter.datanode", "namenode", "ha.service", "zkfc", "reconfiguration"),
    *("refresh.policy", "refresh.user.mappings", "refresh.callqueue", "refresh.generic", "router.admin"),
)
"""Protocols of HDFS that only its nodes and its administrator use."""
SPARK = {
    "spark.authenticate": "true",  # the driver accepts messages of its own processes only
    "spark.hadoop.dfs.blocksize": str(BLOCK_BYTES),
    # A client of HDFS that is kept has the options of the session that opened it.
    "spark.hadoop.fs.hdfs.impl.disable.cache": "true",
    # Spark's page keeps no query of an earlier submission.
    "spark.ui.killEnabled": "false",
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.ui.retainedTasks": "10",
    "spark.ui.dagGraph.retainedRootRDDs": "1",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.sql.connect.ui.retainedSessions": "1",
    "spark.sql.connect.ui.retainedStatements": "1",
}


@dataclass(frozen=True)
class Access:
    """The secrets of one worker's services, and clients that use them.

    Attributes:
        settings: The services' ports.
        password: Of Kafka's super user.
        superuser: The name of HDFS's superuser, under which the NameNode runs. It opens no connection, because
            the NameNode publishes the names of those who do.
        datanode: The name under which the DataNode runs.
    """

    settings: Settings
    password: str
    superuser: str
    datanode: str

    @classmethod
    def create(cls, settings: Settings) -> Access:
        """Return an access with new secrets."""
        return cls(settings, *(f"{kind}-{secrets.token_hex(24)}" for kind in ("kafka", "namenode", "datanode")))

    @property
    def kafka_address(self) -> str:
        """Return the address of the listener that requires a password."""
        return f"{HOST}:{self.settings.kafka_controller_port + 1}"

    @property
    def users(self) -> dict[str, str]:
        """Return the environment variables with the names of HDFS's nodes."""
        return {NAMENODE_USER: self.superuser, DATANODE_USER: self.datanode}

    def configure(self, state_dir: Path, service: str) -> None:
        """Write what is added to the course's configuration of `data`, `spark` or `client`."""
        small_blocks = _properties({"dfs.blocksize": str(BLOCK_BYTES)})
        spark = "".join(f"{name} {value}\n" for name, value in SPARK.items())
        additions = {
            "data": {
                "kafka/server.properties": self._kafka(),
                "hdfs/core-site.xml": self._hadoop(),
                "hdfs/hdfs-site.xml": small_blocks + _properties(self._hdfs()),
            },
            "spark": {"spark/spark-defaults.conf": spark, "hdfs/hdfs-site.xml": small_blocks},
            "client": {"hdfs/hdfs-site.xml": small_blocks},
        }
        for name, text in additions[service].items():
            path = state_dir / "added" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def _kafka(self) -> str:
        settings = self.settings
        login = (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required username="{KAFKA_USER}" '
            f'password="{self.password}" user_{KAFKA_USER}="{self.password}";'
        )
        listeners = f"PLAINTEXT://{HOST}:{settings.kafka_port},GRADER://{self.kafka_address}"
        lines = {
            "listeners": f"{listeners},CONTROLLER://{HOST}:{settings.kafka_controller_port}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,GRADER:{SASL},CONTROLLER:{SASL}",
            "inter.broker.listener.name": "GRADER",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.grader.plain.sasl.jaas.config": login,
            "listener.name.controller.plain.sasl.jaas.config": login,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{KAFKA_USER}",
            "allow.everyone.if.no.acl.found": "true",
            "log.segment.delete.delay.ms": "1000",  # a deleted topic frees the disk
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def _hadoop(self) -> str:
        closed = {
            f"security.{name}.protocol.acl": f"{self.superuser},{self.datanode}" for name in CLOSED_PROTOCOLS
        }
        redacted = "protocol.acl$,secret$,password$"
        return _properties(
            closed | {"hadoop.security.authorization": "true", "hadoop.security.sensitive-config-keys": redacted}
        )

    def _hdfs(self) -> dict[str, str]:
        return {
            "dfs.block.access.token.enable": "true",  # a DataNode gives a block to whom the NameNode allows it
            "dfs.namenode.top.enabled": "false",  # a metric that names the users
        }

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """Open an admin client that may do everything."""
        login: dict[str, Any] = {"sasl_plain_username": KAFKA_USER, "sasl_plain_password": self.password}
        login |= {"security_protocol": SASL, "sasl_mechanism": "PLAIN"}
        with open_admin(self.kafka_address, **login) as admin:
            yield admin

    def hdfs(self) -> HdfsClient:
        """Return a client that may do everything; it must not create files, because it would own them."""
        return HdfsClient(self.settings.webhdfs_url, self.superuser)

    def restrict(self, limits: ProcessLimits) -> None:
        """Restrict submissions to the rights that they need, and limit what they store on HDFS."""
        with self.admin() as admin:
            failed = admin.create_acls(_acls())["failed"]
        if failed:
            raise EventlabError(f"Kafka did not accept the grader's access rules: {failed}")
        quota = {"namespacequota": limits.files, "storagespacequota": limits.disk_mib * MIB}
        self.hdfs()._call("SETQUOTA", "put", "/", **quota)


def _acls() -> list:
    """Return Kafka's access rules for clients without a password.

    Without a rule for a topic, everybody may use it. As the cluster and the groups have rules, all that these do
    not allow is refused: quotas, settings (also of a group), loggers, access rules, users, reassignments, the
    requests of brokers.
    """
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern
    from kafka.admin import ResourceType as Kind

    cluster = ResourcePattern(Kind.CLUSTER, "kafka-cluster")
    internal = ResourcePattern(Kind.TOPIC, "__", ACLResourcePatternType.PREFIXED)
    needed = (
        *(ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS),
        *(ACLOperation.CREATE, ACLOperation.IDEMPOTENT_WRITE),
    )
    anonymous = "User:ANONYMOUS"
    rules = [ACL(anonymous, "*", operation, ACLPermissionType.ALLOW, cluster) for operation in needed]
    of_groups = (ACLOperation.READ, ACLOperation.DESCRIBE, ACLOperation.DELETE, ACLOperation.DESCRIBE_CONFIGS)
    groups = ResourcePattern(Kind.GROUP, "*")
    rules += [ACL(anonymous, "*", operation, ACLPermissionType.ALLOW, groups) for operation in of_groups]
    return [*rules, ACL(anonymous, "*", ACLOperation.ALL, ACLPermissionType.DENY, internal)]


def _properties(values: Mapping[str, str]) -> str:
    """Return properties of Hadoop as XML."""
    return "".join(
        f"<property><name>{name}</name><value>{escape(value)}</value></property>\n"
        for name, value in values.items()
    )
