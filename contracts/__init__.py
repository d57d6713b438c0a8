"""What every app may import: structs that cross a boundary, error types and ports.

Imports nothing of ours and nothing of Django; whoever needs an implementation gets it handed in.
"""
