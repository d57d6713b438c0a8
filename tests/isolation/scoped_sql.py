"""Whether a statement names the tenant of every tenant-owned row that it reads or changes. Pure.

A table in a SELECT, UPDATE or DELETE is *scoped* when a condition that always applies (not one side of an OR)
compares its tenant column with something that is not a column of the statement, or joins it by equality to a table
that is scoped, or correlates it with a row of an outer query. Every tenant-owned table of the statement must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s")
_CHECKED = ("SELECT", "UPDATE", "DELETE", "WITH")

Owned = Mapping[str, frozenset[str]]
"""Columns that say whose a row is, by table."""


def unscoped_tables(sql: str, owned: Owned) -> frozenset[str]:
    """Tenant-owned tables that the statement uses without saying whose rows; none for statements of other kinds."""
    if not sql.lstrip(" (").upper().startswith(_CHECKED) or not any(table in sql for table in owned):
        return frozenset()
    return _unscoped(sql, tuple(owned.items()))


@lru_cache(maxsize=10_000)
def _unscoped(sql: str, owned_items: tuple[tuple[str, frozenset[str]], ...]) -> frozenset[str]:
    owned = dict(owned_items)
    try:
        statements = sqlglot.parse(_PLACEHOLDER.sub("NULL", sql).replace("%%", "%"), dialect="postgres")
    except SqlglotError:
        # What cannot be understood has at least to mention a tenant.
        mentioned = re.search(r"tenant_(id|ref)", sql) is not None
        return frozenset() if mentioned else frozenset(table for table in owned if table in sql)
    return frozenset(table for statement in statements if statement for table in _of_statement(statement, owned))


def _of_statement(statement: exp.Expr, owned: Owned) -> Iterator[str]:
    for scope in traverse_scope(statement):
        yield from _of_select(scope, owned)
    for changing in statement.find_all(exp.Update, exp.Delete):
        tables = _tables_of_change(changing)
        yield from _not_scoped(tables, _conditions(changing.args.get("where")), owned)


def _of_select(scope: Scope, owned: Owned) -> Iterator[str]:
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    tables = {name: source.name if isinstance(source, exp.Table) else "" for name, source in scope.sources.items()}
    conditions = list(_conditions(select.args.get("where")))
    for join in select.args.get("joins") or ():
        conditions += _conditions(join.args.get("on"))
    yield from _not_scoped(tables, conditions, owned)


def _tables_of_change(changing: exp.Expr) -> dict[str, str]:
    """The table that is changed, and those of its FROM or USING."""
    beside = changing.args.get("from_") or changing.args.get("from") or changing.args.get("using") or ()
    found = {}
    for item in (changing.this, *(beside if isinstance(beside, list | tuple) else [beside])):
        table = item.this if isinstance(item, exp.From) else item
        if isinstance(table, exp.Table):
            found[table.alias_or_name] = table.name
    return found


def _conditions(clause: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts that are joined by AND, without their parentheses."""
    if clause is None:
        return
    inner = clause.this if isinstance(clause, exp.Where | exp.Paren) else clause
    if isinstance(inner, exp.And):
        yield from _conditions(inner.left)
        yield from _conditions(inner.right)
    elif isinstance(inner, exp.Paren):
        yield from _conditions(inner)
    else:
        yield inner


def _not_scoped(tables: Mapping[str, str], conditions: Iterable[exp.Expr], owned: Owned) -> Iterator[str]:
    wanted = {alias: owned[table] for alias, table in tables.items() if table in owned}
    if not wanted:
        return
    parts = list(conditions)
    scoped = {
        alias for alias, columns in wanted.items() if any(_names_owner(part, alias, columns, tables) for part in parts)
    }
    scoped |= {alias for alias, table in tables.items() if not table}  # a subquery, which is looked at by itself
    links = [link for part in parts if (link := _link(part)) is not None]
    outer = {side for link in links for side in link if side and side not in tables}
    scoped |= outer
    grown = True
    while grown:
        grown = False
        for left, right in links:
            for one, other in ((left, right), (right, left)):
                if one in scoped and other in tables and other not in scoped:
                    scoped.add(other)
                    grown = True
    yield from (tables[alias] for alias in wanted if alias not in scoped)


def _names_owner(part: exp.Expr, alias: str, columns: frozenset[str], tables: Mapping[str, str]) -> bool:
    if isinstance(part, exp.Paren):
        return _names_owner(part.this, alias, columns, tables)
    if isinstance(part, exp.Or):
        return all(
            any(_names_owner(piece, alias, columns, tables) for piece in _conditions(side))
            for side in (part.left, part.right)
        )
    if isinstance(part, exp.In) and part.args.get("query") is not None:
        return _in_rows_of(part, alias, tables)
    if isinstance(part, exp.EQ | exp.In | exp.Is):
        left, right = part.this, part.args.get("expression")
        return (_is_owner(left, alias, columns, tables) and not _is_local(right, tables)) or (
            _is_owner(right, alias, columns, tables) and not _is_local(left, tables)
        )
    return False


def _in_rows_of(part: exp.In, alias: str, tables: Mapping[str, str]) -> bool:
    """Chosen by a subquery, which has to be scoped itself."""
    column = _bare(part.this)
    return isinstance(column, exp.Column) and (column.table == alias or (not column.table and len(tables) == 1))


def _is_owner(node: exp.Expr | None, alias: str, columns: frozenset[str], tables: Mapping[str, str]) -> bool:
    node = _bare(node)
    if not isinstance(node, exp.Column) or node.name not in columns:
        return False
    return node.table == alias or (not node.table and len(tables) == 1)


def _is_local(node: exp.Expr | None, tables: Mapping[str, str]) -> bool:
    return isinstance(node, exp.Column) and (not node.table or node.table in tables)


def _link(part: exp.Expr) -> tuple[str, str] | None:
    """The two tables that an equality between columns joins."""
    while isinstance(part, exp.Paren):
        part = part.this
    if not isinstance(part, exp.EQ):
        return None
    left, right = _bare(part.left), _bare(part.right)
    if isinstance(left, exp.Column) and isinstance(right, exp.Column):
        return left.table, right.table
    return None


def _bare(node: exp.Expr | None) -> exp.Expr | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node
