"""``python -m controlplane.web``: serve HOST:PORT with so many workers."""

from __future__ import annotations

import argparse
import asyncio
import sys

from controlplane.web.listener import listen
from controlplane.web.pool import WorkerPool


def main() -> int:
    """Run until stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m controlplane.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--stop-s", type=float, default=10.0, help="seconds that calls in flight get at a stop")
    options = parser.parse_args()
    try:
        listener = listen(options.host, options.port)
    except OSError as error:
        print(f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    with listener:
        command = (sys.executable, "-m", "controlplane.web.worker", str(options.stop_s))
        return asyncio.run(WorkerPool(listener, command, workers=options.workers, stop_s=options.stop_s).run())


if __name__ == "__main__":
    sys.exit(main())
