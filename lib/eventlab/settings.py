"""Where everything is: the one place for ports, addresses and the state folder.

Every value can be set by an environment variable `EVENTLAB_<NAME>` or in `eventlab.toml` beside the
README (EVENTLAB_SETTINGS_FILE names another file, or none), so that two stacks run side by side and the
same notebooks run against services that somebody else runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from eventlab import ROOT

HOST = "127.0.0.1"
HDFS_USER = "student"
"""The learner's name on HDFS, whose simple authentication accepts any name."""
SETTINGS_FILE = "EVENTLAB_SETTINGS_FILE"
NAMENODE_WEB_PORT = 9870
"""Hadoop's own default."""

Port = Annotated[int, Field(ge=1, le=65535)]
Place = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Address = Annotated[str | None, BeforeValidator(lambda text: text or None)]
JavaMemory = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*[mg]$")]
BaseUrl = Annotated[str, AfterValidator(lambda path: f"/{path.strip('/')}/".replace("//", "/"))]


class Settings(BaseSettings):
    """The kit's settings; ports that are not set themselves move together by `port_offset`.

    An address that is set (`kafka_bootstrap_servers`, `spark_remote_url`, `default_fs_url`, `api_address`)
    names a service that somebody else runs: `eventlab` then asks it, and never starts or stops it.
    """

    model_config = SettingsConfigDict(env_prefix="EVENTLAB_", frozen=True, extra="forbid")

    record_archives: ClassVar[bool] = False
    """Whether the services write their class-data-sharing archives; only `eventlab setup` uses this."""

    state_dir: Place = ROOT / ".eventlab"
    port_offset: int = Field(default=0, ge=-1000, le=30000)

    kafka_port: Port = 29092
    kafka_controller_port: Port = 29093
    namenode_port: Port = 8020
    namenode_web_port: Port = NAMENODE_WEB_PORT
    datanode_port: Port = 9866
    datanode_web_port: Port = 9864
    datanode_ipc_port: Port = 9867
    spark_port: Port = 15002
    spark_ui_port: Port = 4040
    api_port: Port = 5000
    jupyter_port: Port = 8888

    jupyter_base_url: BaseUrl = "/"
    topic: str = "events"
    api_app: Place = ROOT / "game_api.py"
    start_timeout_s: float = Field(default=90, gt=0)
    spark_memory: JavaMemory = "1g"

    kafka_bootstrap_servers: Address = None
    spark_remote_url: Address = None
    default_fs_url: Address = None
    webhdfs: Address = None
    api_address: Address = None

    @model_validator(mode="before")
    @classmethod
    def _move_ports(cls, values: dict[str, object]) -> dict[str, object]:
        """Apply `port_offset` to every port that was not set by name."""
        try:
            offset = int(str(values.get("port_offset", 0)))
        except ValueError:
            return values  # the field's own check names the mistake
        moved = {
            name: field.default + offset
            for name, field in cls.model_fields.items()
            if name.endswith("_port") and name not in values
        }
        return values | moved

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(SETTINGS_FILE, str(ROOT / "eventlab.toml"))
        from_file = (TomlConfigSettingsSource(settings_cls, Path(file).expanduser()),) if file else ()
        return init_settings, env_settings, *from_file

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's `bootstrap.servers`."""
        return self.kafka_bootstrap_servers or f"{HOST}:{self.kafka_port}"

    @property
    def spark_remote(self) -> str:
        """Return the Spark Connect address, `sc://host:port`, or the master URL of an external cluster.

        Spark's client sends a token without TLS to `localhost` only, so the stack's own server
        is addressed by that name.
        """
        return self.spark_remote_url or f"sc://localhost:{self.spark_port}"

    @property
    def is_spark_connect(self) -> bool:
        """Whether Spark is reached through Spark Connect rather than run against a master."""
        return self.spark_remote.startswith("sc://")

    @property
    def spark_master(self) -> str:
        """Spark's master for `spark-submit`, `pyspark`, and sessions without Spark Connect."""
        return "local[*]" if self.is_spark_connect else self.spark_remote

    @property
    def default_fs(self) -> str:
        """Hadoop's `fs.defaultFS`: what `/tmp/...` is relative to."""
        return self.default_fs_url or f"hdfs://{HOST}:{self.namenode_port}"

    @property
    def webhdfs_url(self) -> str:
        """HDFS's REST address (WebHDFS), also its web page; somebody else's is at Hadoop's own port."""
        elsewhere = urlsplit(self.default_fs_url or "").hostname
        own = f"http://{HOST}:{self.namenode_web_port}"
        return self.webhdfs or (f"http://{elsewhere}:{NAMENODE_WEB_PORT}" if elsewhere else own)

    @property
    def api_url(self) -> str:
        """The game API's address."""
        return (self.api_address or f"http://{HOST}:{self.api_port}").rstrip("/")

    @property
    def jupyter_url(self) -> str:
        """JupyterLab's address, without a slash at its end; a proxy in front of it may ask for a base URL."""
        return f"http://{HOST}:{self.jupyter_port}{self.jupyter_base_url}".rstrip("/")

    @property
    def spark_ui_url(self) -> str:
        return f"http://{HOST}:{self.spark_ui_port}"


class OwnSettings(Settings):
    """Settings of a stack of the kit's own, as a walk's: nothing of what a learner has set is in them."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: object, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _of_the_learner() -> Settings:
    """What is set; an invalid setting ends the command with its name and mistake."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [(str(each["loc"][0]), each["input"], each["msg"]) for each in error.errors() if each["loc"]]
        lines = [
            f"EVENTLAB_{name.upper()} (or {name} in eventlab.toml) is {value!r}: {why}"
            for name, value, why in wrong
        ]
        raise SystemExit("\n".join(["Settings that eventlab cannot use:", *lines])) from None


settings = _of_the_learner()
