"""Configuration as YAML files: read with line numbers, applied in one transaction, exported, compared.

Each file is a :class:`~routing.configuration.files.ConfigurationFile`; a part of the product that owns one registers
it under its name when it starts.
"""
