"""The reading of SQL behind the tenant guard."""

# ruff: noqa: E501

import pytest

from tests.isolation.scoped_sql import unscoped_tables

OWNED = {"team": frozenset({"tenant_id"}), "key": frozenset({"tenant_id"}), "tenant": frozenset({"id", "slug"})}


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "team"."id" FROM "team" WHERE "team"."tenant_id" = %s',
        "SELECT id FROM team WHERE tenant_id = %s AND name = %s",
        'SELECT "team"."id" FROM "team" WHERE ("team"."name" = %s AND "team"."tenant_id" IN (%s, %s)) LIMIT 3',
        'SELECT "team"."id" FROM "team" WHERE ("team"."tenant_id" IS NULL OR "team"."tenant_id" = %s)',
        'SELECT COUNT(*) FROM (SELECT "team"."id" FROM "team" WHERE "team"."tenant_id" = %s) subquery',
        'SELECT "key"."id" FROM "key" INNER JOIN "team" ON ("key"."team_id" = "team"."id") WHERE "key"."tenant_id" = %s',
        'SELECT "key"."id" FROM "key" INNER JOIN "tenant" ON ("key"."tenant_id" = "tenant"."id") WHERE "tenant"."slug" = %s',
        'SELECT 1 FROM "key" WHERE "key"."tenant_id" = %s AND EXISTS(SELECT 1 FROM "team" U0 WHERE U0."id" = ("key"."team_id"))',
        'SELECT 1 FROM "key" WHERE "key"."tenant_id" = ANY(%s)',
        'SELECT 1 FROM "team" WHERE "team"."tenant_id" = (%s)::uuid',
        'UPDATE "team" SET "name" = %s WHERE "team"."tenant_id" = %s',
        'DELETE FROM "team" WHERE "team"."tenant_id" = %s AND "team"."id" IN (%s)',
        'DELETE FROM "team" WHERE "team"."id" IN (SELECT U0."id" FROM "team" U0 WHERE U0."tenant_id" = %s)',
        'INSERT INTO "team" ("id") VALUES (%s)',
        'SELECT "other"."id" FROM "other"',
        'SAVEPOINT "x"',
    ],
)
def test_a_statement_that_names_the_tenant_is_scoped(sql):
    assert unscoped_tables(sql, OWNED) == frozenset()


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('SELECT "team"."id" FROM "team"', {"team"}),
        ('SELECT "team"."tenant_id" FROM "team" ORDER BY "team"."tenant_id"', {"team"}),
        ('SELECT "team"."id" FROM "team" WHERE "team"."id" = %s', {"team"}),
        ('SELECT "team"."id" FROM "team" WHERE NOT ("team"."tenant_id" = %s)', {"team"}),
        ('SELECT "team"."id" FROM "team" WHERE "team"."tenant_id" <> %s', {"team"}),
        ('SELECT "team"."id" FROM "team" WHERE ("team"."tenant_id" = %s OR "team"."name" = %s)', {"team"}),
        ('SELECT "team"."id" FROM "team" WHERE "team"."tenant_id" = "team"."tenant_id"', {"team"}),
        ('SELECT COUNT(*) FROM (SELECT "team"."id" FROM "team") subquery', {"team"}),
        ('SELECT "key"."id" FROM "key" INNER JOIN "team" ON ("key"."team_id" = "team"."id")', {"key", "team"}),
        (
            'SELECT 1 FROM "key" WHERE "key"."tenant_id" = %s AND "key"."team_id" IN (SELECT U0."id" FROM "team" U0)',
            {"team"},
        ),
        ('UPDATE "team" SET "tenant_id" = %s WHERE "team"."id" = %s', {"team"}),
        ('DELETE FROM "team" WHERE "team"."id" IN (%s)', {"team"}),
        ("WITH t AS (SELECT * FROM team) SELECT * FROM t", {"team"}),
        ("SELECT (SELECT count(*) FROM team) AS n", {"team"}),
    ],
)
def test_a_statement_that_leaves_the_tenant_open_is_not(sql, tables):
    assert unscoped_tables(sql, OWNED) == tables
