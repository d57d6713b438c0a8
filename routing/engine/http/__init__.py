"""The HTTP/1.1 client of the data plane: asyncio protocols, with httptools (llhttp in C) as the parser."""
