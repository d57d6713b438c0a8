"""Rules of a business in CEL, the Common Expression Language: checked when they are saved, evaluated within bounds.

:mod:`facts` is what they are about; nothing here knows where a call came from. Read next: :mod:`invariant`.
"""
