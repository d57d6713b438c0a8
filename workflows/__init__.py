"""Workflows: agents and tools over MCP (a later release)."""
