"""The management API of this app: policies with their versions, and texts tried on them."""

from guardrails.api.policies import PolicyResource

RESOURCES = (("guardrails/policies", PolicyResource),)
"""Path below ``/api/v1/`` and viewset of each resource."""
