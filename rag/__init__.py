"""RAG: collections of documents, how they come in, how passages are found in them, and what answers rest on."""
