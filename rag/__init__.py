"""RAG: collections, ingestion, retrieval and citations (a later release)."""
