"""Finding passages: words by BM25, meanings by vectors, both fused; everything within one tenant and its caller's tags.

What decides is pure and lies in :mod:`rag.engine`; here is what asks PostgreSQL, in the thread of whoever calls.
"""
