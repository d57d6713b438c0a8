"""Provider credentials by reference: parsed, fetched from where they are kept, cached, and renewed when refused.

Configuration names where a credential is, never the credential itself. Nothing here imports Django's models at import
time, and the clients of the big stores are imported when the first reference to such a store is resolved.
"""
