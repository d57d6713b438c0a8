"""The HTTP/1.1 client of the data plane: asyncio protocols, with httptools (llhttp in C) as the parser.

Written because a call through pyqwest (reqwest and hyper in Rust) is handed between threads. Pinned to one core, on
uvloop, against a zero-latency upstream pinned to another: a whole answer takes 43 µs and 34 µs of CPU (pyqwest: 138
and 134), a stream of 13 events 61 and 54 µs (683 and 682), 32 callers at once make 47,000 calls a second (8,300).

HTTP/1.1 only: over HTTP/2 all calls to a provider would share one TCP connection, and with it one lost packet or one
GOAWAY. Proxies from the environment are not used, redirects are not followed (the credential would follow them).
"""
