"""How Ray is set up: it prints and writes little, listens on loopback where it is this machine's own, asks a token."""

import ipaddress
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trainables.common import Finding, first_line

log = logging.getLogger(__name__)

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # records and MLflow hold what its CSV, JSON and TensorBoard files would
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the command, not just Tune's loop
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0: Tune prints nothing, this project's progress does
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_SETTINGS_ALONE = {  # of a Ray that is this machine's own; without them it listens on every interface
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its node is 127.0.0.1, on Linux too; Ray reads it when it is imported
    "RAY_enable_metrics_collection": "0",  # its metrics answer without a token
}
_TOKEN, _TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"  # environment variables of Ray's
_FIREWALL = "nft add rule inet filter input iifname != lo tcp dport 1024-65535 drop"
_LOGGER_OF_FAILURES = "ray.tune.execution.tune_controller"
_SHOWN = 5  # open ports that a line names


def set_up() -> None:
    """Tells Ray by environment variables what to leave out; call it before Ray is imported."""
    settings = _SETTINGS if os.environ.get("RAY_ADDRESS") else _SETTINGS | _SETTINGS_ALONE
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def keep_token_private() -> None:
    """Makes Ray's token before Ray does, and takes a token and its folder away from others who could read them."""
    if os.environ.get(_TOKEN):
        return
    given = os.environ.get(_TOKEN_PATH)
    path = Path(given) if given else Path.home() / ".ray" / "auth_token"
    with suppress(OSError):  # where it cannot be made, Ray says so
        if not given:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _tighten(path.parent, 0o700)
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(secrets.token_hex(32))
        if path.is_file():
            _tighten(path, 0o600)


def _tighten(path: Path, mode: int) -> None:
    """Takes a file or folder away from group and others, and says so."""
    before = path.stat().st_mode & 0o777
    if before & 0o077:
        try:
            path.chmod(mode)
        except PermissionError:
            log.warning("%s, which lets others run code through Ray, has mode %04o: make it %04o", path, before, mode)
        else:
            log.warning("%s had mode %04o, with which others could run code through Ray: now %04o", path, before, mode)


def open_ports() -> list[str]:
    """Returns the ports of this user's Ray processes here that other machines can reach, as "ADDRESS:PORT (NAME)"."""
    return sorted(f"{host}:{port} ({name})" for name, host, port in _listening() if not _is_loopback(host))


def check_ports() -> Finding:
    """Returns a finding on the ports of the Ray processes that run here now."""
    ports = open_ports()
    shown = ", ".join(ports[:_SHOWN]) + (f" and {len(ports) - _SHOWN} more" if len(ports) > _SHOWN else "")
    if os.environ.get("RAY_ADDRESS"):
        detail = (
            f"{shown}: let in the cluster's nodes only" if ports else "nothing of a cluster listens on this machine"
        )
        return Finding("open ports", "ok" if ports else "not applicable", detail)
    if ports:
        return Finding("open ports", "failed", f"{shown}: other machines reach them; {_FIREWALL}")
    if os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") != "0":
        problem = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER is set: Ray will listen on every interface; unset it"
        return Finding("open ports", "failed", problem)
    return Finding("open ports", "ok", "none: Ray, where it runs on this machine alone, listens on loopback")


def _listening() -> Iterator[tuple[str, str, int]]:
    """Yields (name, host, port) of every socket on which a Ray process of this user, or its driver, listens."""
    import psutil  # only the doctor looks

    user = psutil.Process().username()
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended meanwhile, or is not ours to look at
            name = process.name()
            if not name.startswith(("ray::", "raylet", "gcs_server")) or process.username() != user:
                continue
            driver = process.parent() if name == "gcs_server" else None  # None where `ray start` made it
            for listener, called in ((process, name), (driver, "driver")):
                for connection in listener.net_connections("inet") if listener else ():
                    if connection.status == psutil.CONN_LISTEN:
                        yield called, connection.laddr.ip, connection.laddr.port


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def hush() -> None:
    """Lets only errors of Tune through, each on one line; call it after Ray has started, which sets up its loggers."""
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logger = logging.getLogger(_LOGGER_OF_FAILURES)
    if not any(isinstance(log_filter, OneLine) for log_filter in logger.filters):
        logger.addFilter(OneLine())


class OneLine(logging.Filter):
    """Puts the cause of a failure, one line, in the place of its traceback; the trial is tried again or reported."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record and lets it through."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            cause = getattr(error, "cause", None) or error  # of Ray's wrapper around what a trial raised
            record.msg, record.args = f"{record.getMessage()}: {first_line(cause)}", ()
            record.exc_info = record.exc_text = None
        return True
