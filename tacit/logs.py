"""One way of logging for every process of the service."""

import logging
import sys


def configure(level: str, *, process: str) -> None:
    """Send every log record of this process to stderr, one line each (tracebacks excepted).

    Args:
        level: Name of the lowest level that is shown, such as "info".
        process: What this process is ("api", "worker", ...); begins each line.
    """
    handler = logging.StreamHandler(sys.stderr)
    form = f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("jax", "httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
