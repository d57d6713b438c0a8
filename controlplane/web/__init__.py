"""The web server: one listening socket, several worker processes, and what uvicorn leaves out.

``python -m controlplane.web`` is the parent. It imports no Django: it binds, starts workers, starts them again when
they die, and stops them in peace. Workers serve :data:`controlplane.asgi.application`.
"""
