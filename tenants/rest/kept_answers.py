"""The table of answers that are given again to a repeated POST."""

from __future__ import annotations

from django.db import models


class KeptAnswer(models.Model):
    """The answer to one principal's idempotency key; see :mod:`tenants.rest.idempotency` for what is in it."""

    key_digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of principal and key: the key itself decrypts the answer and is not kept."""
    principal = models.CharField(max_length=100)
    request_digest = models.CharField(max_length=64)
    answer = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        """Found by digest, and by age for deletion."""

        app_label = "tenants"
        indexes = (models.Index(fields=["expires_at"], name="kept_answer_by_expiry"),)

    def __str__(self) -> str:
        return f"{self.principal} {self.key_digest[:12]}"
