"""The settings: ports, addresses and the state folder.

Each setting has an environment variable `EVENTLAB_<NAME>` and can be set in `eventlab.toml` in the kit's folder
(EVENTLAB_SETTINGS_FILE names another file, or none). With other settings, a second stack can run on the same
machine, and the notebooks can use external services, which this kit does not start or stop.
"""

import os
import shlex
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from eventlab import ROOT
from eventlab.errors import EventlabError

HOST = "127.0.0.1"
HDFS_USER = "student"
"""The learner's name on HDFS, whose simple authentication accepts any name."""
PLAYER_HOSTS = ("user1.comcast.com", "user2.att.com")
"""The Host headers of the two players in the lessons."""
DEFAULT_STATE_DIR = ROOT / ".eventlab"
PREFIX = "EVENTLAB_"
SETTINGS_FILE = "EVENTLAB_SETTINGS_FILE"
OTHER_VARIABLES = (
    SETTINGS_FILE,
    "EVENTLAB_EXPLAIN",  # off: no explanation boxes
    "EVENTLAB_FAILED_COMMANDS",  # the file of a notebook, see commands/failures.py
    "EVENTLAB_WAITS",  # long: clients wait longer for a busy broker, as in grading
    "EVENTLAB_JUPYTER_TOKEN",  # used by stack/compose.yaml
    "EVENTLAB_SPARK_TOKEN",  # used by stack/compose.yaml
)
"""Variables with the prefix that are not settings."""
FORMER_NAMES = {
    "kafka_bootstrap_servers": "external_bootstrap_servers",
    "spark_remote_url": "external_spark_remote",
    "default_fs_url": "external_default_fs",
    "webhdfs": "external_webhdfs_url",
    "api_address": "external_api_url",
}
"""Names that settings had, and their names now; an error message suggests the new name."""
NAMENODE_WEB_PORT = 9870  # Hadoop's default

Port = Annotated[int, Field(ge=1, le=65535)]
AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Address = Annotated[str | None, BeforeValidator(lambda text: text or None)]
JavaMemory = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*[mg]$")]
JavaOptions = Annotated[str, AfterValidator(lambda text: shlex.join(shlex.split(text)))]
BaseUrl = Annotated[str, AfterValidator(lambda path: f"/{path.strip('/')}/".replace("//", "/"))]


def _port(number: int) -> Any:
    """Return a field for a port whose default is the number plus `port_offset`."""
    return Field(default_factory=lambda values: number + values["port_offset"])


def _work_dir(state_dir: Path | None) -> Path:
    """Return the default folder of a learner's notebooks: `work/` in the kit, or in another state folder."""
    return (ROOT if state_dir in (None, DEFAULT_STATE_DIR) else state_dir) / "work"


class Settings(BaseSettings):
    """The kit's settings.

    `port_offset` is added to the default of each port; a port that is set explicitly does not change.

    A field `external_NAME` is the address of a service that somebody else runs: the kit probes the service, and
    never starts or stops it. The property `NAME` is the address in use, of that service or of the kit's own.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    record_archives: ClassVar[bool] = False
    """Whether the services write their class-data-sharing archives; only `eventlab setup` uses this."""

    state_dir: AbsolutePath = DEFAULT_STATE_DIR
    work_dir: AbsolutePath = Field(default_factory=lambda values: _work_dir(values.get("state_dir")))
    port_offset: int = Field(default=0, ge=-1000, le=30000)

    kafka_port: Port = _port(29092)
    kafka_controller_port: Port = _port(29093)
    namenode_port: Port = _port(8020)
    namenode_web_port: Port = _port(NAMENODE_WEB_PORT)
    datanode_port: Port = _port(9866)
    datanode_web_port: Port = _port(9864)
    datanode_ipc_port: Port = _port(9867)
    spark_port: Port = _port(15002)
    spark_ui_port: Port = _port(4040)
    api_port: Port = _port(5000)
    jupyter_port: Port = _port(8888)

    jupyter_base_url: BaseUrl = "/"
    topic: str = "events"
    api_app: AbsolutePath = ROOT / "game_api.py"
    start_timeout_s: float = Field(default=180, gt=0)
    spark_memory: JavaMemory = "1g"
    spark_java_options: JavaOptions = ""

    external_bootstrap_servers: Address = None
    external_spark_remote: Address = None
    external_default_fs: Address = None
    external_webhdfs_url: Address = None
    external_api_url: Address = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *_: object,
        **__: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments before environment before file (called by pydantic-settings)."""
        file = settings_file()
        return init_settings, env_settings, *((TomlConfigSettingsSource(settings_cls, file),) if file else ())

    @property
    def bootstrap_servers(self) -> str:
        """Return Kafka's `bootstrap.servers`."""
        return self.external_bootstrap_servers or f"{HOST}:{self.kafka_port}"

    @property
    def spark_remote(self) -> str:
        """Return the Spark Connect address, `sc://host:port`, or the master URL of an external cluster."""
        # Spark's client sends a token without TLS to `localhost` only.
        return self.external_spark_remote or f"sc://localhost:{self.spark_port}"

    @property
    def is_spark_connect(self) -> bool:
        """Return whether Spark is used through Spark Connect, not through a master URL."""
        return self.spark_remote.startswith("sc://")

    @property
    def spark_master(self) -> str:
        """Return Spark's master for `spark-submit`, `pyspark` and sessions without Spark Connect."""
        return "local[*]" if self.is_spark_connect else self.spark_remote

    @property
    def default_fs(self) -> str:
        """Return Hadoop's `fs.defaultFS`: the address of the file system with paths such as `/tmp/purchases`."""
        return self.external_default_fs or f"hdfs://{HOST}:{self.namenode_port}"

    @property
    def webhdfs_url(self) -> str:
        """Return the address of HDFS's REST interface and web page; for an external HDFS it can be guessed."""
        external = urlsplit(self.external_default_fs or "").hostname
        default = f"{external}:{NAMENODE_WEB_PORT}" if external else f"{HOST}:{self.namenode_web_port}"
        return self.external_webhdfs_url or f"http://{default}"

    @property
    def api_url(self) -> str:
        """Return the address of the game API, without a slash at its end."""
        return (self.external_api_url or f"http://{HOST}:{self.api_port}").rstrip("/")

    @property
    def jupyter_url(self) -> str:
        """Return the address of JupyterLab with its base URL, without a slash at its end."""
        return f"http://{HOST}:{self.jupyter_port}{self.jupyter_base_url}".rstrip("/")

    @property
    def spark_ui_url(self) -> str:
        """Return the address of Spark's web page."""
        return f"http://{HOST}:{self.spark_ui_port}"


class OwnSettings(Settings):
    """Settings that ignore the user's environment variables and file, for a stack that only the kit uses."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: object, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the arguments as the only source (called by pydantic-settings)."""
        return (init_settings,)


def settings_file() -> Path | None:
    """Return the path of the settings file, which need not exist, or None when no file is to be read."""
    name = os.environ.get(SETTINGS_FILE, str(ROOT / "eventlab.toml"))
    return Path(name).expanduser() if name else None


class SettingsError(EventlabError):
    """Settings cannot be used; the message names each of them."""


class InvalidSettings:
    """Takes the place of the user's settings when they cannot be used: reading any setting raises SettingsError.

    The import does not raise it, so that `--help`, `eventlab doctor` and stacks with other settings work.
    """

    def __init__(self, *error: str) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python and IPython look for special methods
            raise AttributeError(name)
        raise SettingsError(*self._error)


def unknown_variables() -> list[str]:
    """Return the variables with the kit's prefix that the kit does not know."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}.union(OTHER_VARIABLES)
    return [name for name in sorted(os.environ) if name.upper().startswith(PREFIX) and name.upper() not in known]


def _unknown(name: str, field: str, prefix: str = "") -> str:
    """Return a message that a name is not a setting; it suggests a variable if there is a prefix, else a field."""
    similar = get_close_matches(field, Settings.model_fields)
    nearest = FORMER_NAMES.get(field, similar[0] if similar else "")
    suggestion = f"{prefix}{nearest.upper()}" if prefix else nearest
    return f"{name} is not a setting." + (f" Did you mean {suggestion}?" if nearest else "")


def _message(error: Any) -> str:
    """Return one of pydantic's errors as a sentence."""
    name = str(error["loc"][0]) if error["loc"] else "settings"
    if error["type"] == "extra_forbidden":
        return f"{settings_file()}: " + _unknown(name, name)
    return f"{PREFIX}{name.upper()} (or {name} in eventlab.toml) is {error['input']!r}: {error['msg']}"


def _load() -> Settings:
    """Return the user's settings, or InvalidSettings with one message for each problem."""
    variables = unknown_variables()
    messages = [_unknown(name, name[len(PREFIX) :].lower(), PREFIX) for name in variables]
    try:
        loaded = Settings()
    except ValidationError as error:
        errors = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
        messages += [_message(details) for details in errors]
        wrong = {f"{PREFIX}{details['loc'][0]}".upper() for details in errors if details["loc"]}
        variables += [name for name in sorted(os.environ) if name.upper() in wrong]
    except (OSError, tomllib.TOMLDecodeError) as error:
        messages.append(f"{settings_file()}: {error}")
    if not messages:
        return loaded
    remedy = (
        f"unset {' '.join(variables)}" if variables else f"${{EDITOR:-vi}} {shlex.quote(str(settings_file()))}"
    )
    return cast(Settings, InvalidSettings("\n".join(["Settings that eventlab cannot use:", *messages]), remedy))


settings = _load()
"""The user's settings. If they are invalid, importing this works and using them raises SettingsError."""
