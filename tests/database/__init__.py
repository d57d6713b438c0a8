"""How tests that commit leave the database as it was: ``manage.py flush`` for test runs.

Django's own truncates every table and makes content types and permissions anew, half a second with our tables; it
leaves out tables that it does not manage. After each of some hundred tests this is most of their time.
"""
