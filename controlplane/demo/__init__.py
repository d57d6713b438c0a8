"""``manage.py demo``: tenants, people and a week of traffic as an installation in use would have them.

``cast`` and ``upstreams`` say who and where (pure data), ``configuration`` makes their rows through the services with
the clock set back (``past``), ``traffic`` plans calls, ``incidents`` and ``money`` bend them, ``calls`` turns each into
the events that the gateway would have emitted, and ``writing`` hands those to the collector's own store. ``story`` is
all of it in order, ``removal`` takes it away again, ``live`` goes on with real calls.
"""
