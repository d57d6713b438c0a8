"""The tables of this app; each module has those of one subject."""

from rag.collection_rows import Collection, EmbeddingIndex
from rag.document_rows import Chunk, ChunkVector, Document, Ingest, IngestProblem, Lexeme

__all__ = [
    "Chunk",
    "ChunkVector",
    "Collection",
    "Document",
    "EmbeddingIndex",
    "Ingest",
    "IngestProblem",
    "Lexeme",
]
