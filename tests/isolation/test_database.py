"""PostgreSQL itself refuses rows that mix tenants."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from evaluation.models import Variant
from guardrails.services import create_policy
from routing.models import AnswerJudgement, RouteConfidence
from routing.services import create_route
from tests.evaluation.golden_rows import finished_run, make_set
from tests.isolation.guard import owned_tables
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

_FOREIGN_KEYS = """
SELECT array_agg(attribute.attname::text ORDER BY attribute.attname)
FROM pg_constraint
JOIN pg_attribute AS attribute ON attribute.attrelid = conrelid AND attribute.attnum = ANY(conkey)
WHERE contype = 'f' AND conrelid = %s::regclass AND confrelid = %s::regclass
GROUP BY pg_constraint.oid
"""


OWN_OR_SHARED = {
    "routing_routeconfidence.route_id",
    "routing_answerjudgement.route_id",
    "evaluation_variant.policy_id",
}
"""May refer to the platform's rows, too: a trigger looks."""


def relations_within_a_tenant():
    """Foreign keys of a tenant's row to another row that has a tenant of its own."""
    for model in apps.get_models():
        columns = {field.column for field in model._meta.concrete_fields}
        if "tenant_id" not in columns or not model._meta.managed:
            continue
        for field in model._meta.concrete_fields:
            parent = field.related_model
            if parent is None or field.column == "tenant_id":
                continue
            if "tenant_id" in {other.column for other in parent._meta.concrete_fields}:
                yield model._meta.db_table, field.column, parent._meta.db_table


def foreign_keys(child: str, parent: str) -> list[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(_FOREIGN_KEYS, [child, parent])
        return [columns for (columns,) in cursor.fetchall()]


def test_rows_of_one_tenant_refer_to_rows_of_the_same_tenant_only():
    loose = [
        f"{child}.{column}"
        for child, column, parent in relations_within_a_tenant()
        if f"{child}.{column}" not in OWN_OR_SHARED and sorted(["tenant_id", column]) not in foreign_keys(child, parent)
    ]

    assert loose == [], "Add FOREIGN KEY (tenant_id, …) REFERENCES … (tenant_id, id) in a migration."


def test_a_tenant_says_nothing_about_another_tenants_route():
    tenant, other = make_tenant(), make_tenant()
    said = {"correlation_id": "req_1", "right": True, "confidence": 0.9, "similarity": 0.9, "actor": "ann"}
    for route in (create_route(name="own", tenant=tenant), create_route(name="shared")):
        RouteConfidence.objects.create(tenant=tenant, route=route, confidence=0.9)
    foreign = create_route(name="theirs", tenant=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        RouteConfidence.objects.create(tenant=tenant, route=foreign, confidence=0.9)
    with pytest.raises(IntegrityError), transaction.atomic():
        AnswerJudgement.objects.create(tenant=tenant, route=foreign, **said)


def test_a_variant_has_no_policy_of_another_tenant():
    tenant, other = make_tenant(), make_tenant()
    run = finished_run(make_set(tenant), {})
    for at, policy in enumerate((create_policy(name="own", tenant=tenant), create_policy(name="shared"))):
        Variant.objects.create(tenant=tenant, run=run, name=policy.name, policy=policy, position=at)
    foreign = create_policy(name="theirs", tenant=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        Variant.objects.create(tenant=tenant, run=run, name="foreign", policy=foreign, position=5)


def test_there_are_such_relations():
    assert len(list(relations_within_a_tenant())) >= 3
    assert len(owned_tables()) >= 10
