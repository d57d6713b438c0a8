#!/usr/bin/env python
"""Django's command line, and Breakwater's: ``up``, ``config``, ``collect`` ..."""

import os
import sys


def main() -> None:
    """Run the command named on the command line; a wrong setting is told without a stack trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Breakwater cannot start: {error}")


if __name__ == "__main__":
    main()
