import pytest
from django.contrib.auth.models import User
from tenantry import override_tenant
from tests.users.desk import *
from tests.users.desk import desk as opened

@pytest.fixture
def desk(database, django_db_blocker):
    def make(tenant):
        with override_tenant(tenant):
            return User.objects.create_user("ann", "ann@example.com", "pw", pk=7).pk
    with django_db_blocker.unblock(), opened(make) as made:
        yield made

def test_it(desk):
    client = desk.begin()
    answer = desk.get(client)
    print(answer.status_code, answer.headers, answer.content)
    for way in ("save","change","update","bulk","sql","thread","read","delete"):
        a = desk.get(client, f"/pages/write/?way={way}")
        print(way, a.status_code)
    for e in acts(): print(e.actor, e.impersonator, e.target, e.facts)
    for e in acts("request"): print(e.actor, e.impersonator, e.target, e.facts)
    for e in acts("started"): print(e.actor, e.impersonator, e.target, e.facts)
    print(desk.get(client, "/pages/secret/").content)
    print(desk.get(client, "/pages/closed/").status_code)
    print(desk.get(client, "/pages/email/").status_code)
    print(desk.get(client, "/pages/apage/").status_code)
    r=desk.get(client, "/pages/stream/"); print(r.getvalue())
    for e in acts()[-3:]: print(e.actor, e.impersonator, e.target, e.facts)
    assert 0
