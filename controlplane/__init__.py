"""The Django project: settings, URLs, composition root, embedded servers and the supervisor."""
