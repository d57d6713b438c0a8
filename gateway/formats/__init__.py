"""Ingress formats: each turns its wire format into the internal chat types and back. No Django."""
