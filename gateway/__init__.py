"""Gateway: the data plane's door and pipeline - authenticate, admit, plan, call, settle, answer.

``lane``, ``pipeline``, ``engine/`` and ``formats/`` never import Django; ``api.py`` is the same API as DRF views.
"""
