"""Every setting of the service, read once at start and passed inward.

Environment variables carry the prefix `TACIT_` (`TACIT_DATA_DIR`, `TACIT_PORT`, ...); only the address of an
external Redis goes by its usual name, `REDIS_URL`.
"""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Device = Literal["cpu", "gpu"]

_PREFIX = "TACIT_"
# Read by clients and by the benchmarks: in the environment of a service they change nothing and are no mistake.
_NOT_SETTINGS = frozenset(
    {
        *("TACIT_URL", "TACIT_API_KEY", "TACIT_POSTERIORDB", "TACIT_SBIBM", "TACIT_CALIBRATION"),
        "TACIT_SIMULATORS",
        *("TACIT_SBIBM_TASKS", "TACIT_SBIBM_OBSERVATIONS", "TACIT_SBIBM_BUDGETS", "TACIT_SBIBM_SEEDS"),
    }
)
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class Settings(BaseSettings):
    """The frozen settings of one process; times are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(default=Path("data"), description="Folder that holds everything that must last.")
    s3_bucket: str | None = Field(
        default=None, description="Bucket that holds the store, instead of the data folder. Credentials as for boto3."
    )
    s3_prefix: str = Field(default="", description="What all keys in the bucket begin with.")
    s3_endpoint_url: str | None = Field(default=None, description="Address of S3-compatible storage; AWS when unset.")
    redis_url: str | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis or Valkey server; when unset, `tacit up` starts one of its own.",
    )
    model_path: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Folders with further model files, separated as in PATH."
    )
    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    insecure: bool = Field(
        default=False, description="Listen on an address of the network although nobody needs an API key."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names that the API answers for, separated by commas, beside localhost and addresses in "
        "numbers; * is any name.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    device: Device = Field(default="cpu", description="Device class that fits are queued for and run on.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people, or JSON objects with the ids of request and fit."
    )

    jax_cache_dir: Path | None = Field(
        default=None, description="Folder of compiled programs; `jax-cache` in the data folder when unset."
    )

    fit_timeout_s: int = Field(default=3600, ge=1, description="Longest a fit may run unless it asks for less.")
    kill_grace_s: float = Field(default=15.0, ge=0, description="After the timeout, until a hung fit is killed.")
    cancel_grace_s: float = Field(
        default=1.0, ge=0, description="A cancelled fit gets this long to stop by itself; compiling it cannot."
    )
    stop_grace_s: float = Field(default=5.0, ge=0, description="A running fit gets this long when the worker stops.")
    checkpoint_s: float = Field(default=10.0, ge=0, description="Between two checkpoints of a running fit.")
    max_attempts: int = Field(default=3, ge=1, description="Times a fit is started when workers die under it.")
    reconcile_s: float = Field(default=10.0, gt=0, description="Between two looks for fits that the queue lost.")
    heartbeat_s: float = Field(default=15.0, gt=0, description="A stream of events says at least this often it lives.")
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Largest request body, also when inflated."
    )
    max_json_values: int = Field(
        default=4_000_000, ge=1000, description="Most values in a body; arrays in base64 are not counted by element."
    )
    webhook_private: bool = Field(
        default=False, description="Webhooks may reach addresses that are not public: loopback, local networks."
    )
    max_requests_per_minute: int = Field(
        default=60_000, ge=0, description="Requests of one API key, or of all who need none; 0 sets no limit."
    )
    max_wrong_keys_per_minute: int = Field(
        default=60, ge=0, description="API keys that are not good, from one client address; 0 sets no limit."
    )
    max_queued_fits: int = Field(
        default=1000, ge=1, description="Fits of one API key, or of all who need none, that wait; more are refused."
    )
    max_running_fits: int = Field(
        default=100, ge=1, description="Fits of one API key, or of all who need none, that run at once; others wait."
    )
    default_draws: int = Field(default=2000, ge=1, description="Posterior draws stored when a fit does not say.")
    max_draws: int = Field(default=100_000, ge=1, description="Most posterior draws that a fit may store.")

    max_result_bytes: int = Field(
        default=4 * 1024**3, ge=1024, description="Most draws in one answer, counted as binary numbers."
    )

    @field_validator("model_path", mode="before")
    @classmethod
    def _split_path(cls, value: Any) -> Any:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def compiled_programs(self) -> Path:
        """Folder of compiled programs, shared by all processes."""
        return self.jax_cache_dir or self.data_dir / "jax-cache"

    @field_validator("redis_url", "s3_bucket", "s3_endpoint_url", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return value or None

    @field_validator("redis_url")
    @classmethod
    def _redis_url_has_a_scheme(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(_REDIS_SCHEMES):
            raise ValueError(f"begins with one of {', '.join(_REDIS_SCHEMES)}: write redis://localhost:6379")
        return value

    def environment(self) -> dict[str, str]:
        """The environment variables from which a child process builds these same settings."""
        values = self.model_dump(mode="json", exclude={"redis_url", "model_path", "allowed_hosts"}, exclude_none=True)
        variables = {variable(name): str(value) for name, value in values.items()}
        variables["TACIT_DATA_DIR"] = str(self.data_dir.absolute())
        variables["TACIT_JAX_CACHE_DIR"] = str(self.compiled_programs.absolute())
        variables["TACIT_MODEL_PATH"] = os.pathsep.join(str(path.absolute()) for path in self.model_path)
        variables["TACIT_ALLOWED_HOSTS"] = ",".join(self.allowed_hosts)
        variables["REDIS_URL"] = self.redis_url or ""
        return variables


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


def mistaken(variables: Iterable[str]) -> dict[str, str | None]:
    """Those variables that look like settings and are none, each with the nearest name that is one, if any is near.

    Names are compared without the prefix that all have, and as settings are read: capitals or not.
    """
    settings = {name.upper(): variable(name) for name in Settings.model_fields}
    good = {*settings.values(), *_NOT_SETTINGS}
    wrong = sorted(each for each in variables if each.upper().startswith(_PREFIX) and each.upper() not in good)
    near = {each: difflib.get_close_matches(each.upper().removeprefix(_PREFIX), settings, n=1) for each in wrong}
    return {each: settings[found[0]] if found else None for each, found in near.items()}
