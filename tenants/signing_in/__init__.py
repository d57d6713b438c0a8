"""How people sign in: what django-allauth is told and asked, what is recorded, sessions, second factors, invitations.

Pages are in ``templates/account``, ``templates/mfa`` and ``templates/socialaccount``.
"""
