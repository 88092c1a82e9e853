"""The audit: who did what in the admin. Django's own history is the truth; this is a view of it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.admin.models import LogEntry


class AuditEntry(LogEntry):
    """A row of the admin's history, with rights of its own, so that an auditor needs no other."""

    class Meta:
        proxy = True
        verbose_name = "audit entry"
        verbose_name_plural = "audit"
        ordering: ClassVar[list[str]] = []
