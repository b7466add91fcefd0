"""A form is taken by the tenant that gave it, and by no other."""

import re

from django.test import Client

LOGIN = "/people/login/"


def host_of(tenant):
    return f"{tenant.key}.example.org"


def form_of(tenant):
    """Return a visitor of the tenant's login, and the token of its form."""
    client = Client(enforce_csrf_checks=True)
    page = client.get(LOGIN, headers={"host": host_of(tenant)}).content.decode()
    return client, re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1]


def send(client, tenant, token):
    """Return the status of the login with that token: 302 where it is let in."""
    facts = {
        "username": "ann",
        "password": f"pw of {tenant.key}",
        "csrfmiddlewaretoken": token,
    }
    return client.post(LOGIN, facts, headers={"host": host_of(tenant)}).status_code


def test_a_forms_token_of_one_tenant_is_refused_by_another(tenants):
    a, b = tenants
    (at_a, token), (at_b, _) = form_of(a), form_of(b)
    assert send(at_b, b, token) == 403
    assert send(at_a, a, token) == 302


def test_control_with_the_cookie_it_fits_it_is_taken(tenants):
    """What parts the two are the cookies of their hosts."""
    a, b = tenants
    client, token = form_of(a)
    assert send(client, b, token) == 302
