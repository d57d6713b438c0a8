"""Real PostgreSQL and Redis servers from wheels, for one machine without either.

What lives here knows how to start, find and stop them; who restarts what is the supervisor's business.
"""
