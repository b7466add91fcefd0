"""A shared user joins a tenant by an address that allauth has verified."""


def test_an_address_that_allauth_verified_opens_the_door_of_its_domain(members):
    assert members.call(joins) == [[], [], ["globex"], ["member"], []]


def joins():
    """Return what Ann of acme may join, before and after; and her roles there then."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User
    from django.utils import timezone

    from tenantry import override_tenant
    from tenantry.models import EmailDomain
    from tenantry.users.joining import join, joinable

    with override_tenant(None):
        for number, key in enumerate(("acme", "globex")):
            EmailDomain.objects.create(
                tenant_key=key,
                domain="acme.com",
                roles=["member"],
                digest=str(number),
                verified_at=timezone.now(),
            )
        ann = User.objects.get(username="ann")
        ann.email = "ann@acme.com"
        ann.save()
        found = [joinable(ann)]
        address = EmailAddress.objects.create(user=ann, email=ann.email)
        found.append(joinable(ann))
        address.verified = True
        address.save()
        found.append(joinable(ann))
        try:
            found.append(list(join("globex", ann).roles))
            found.append(joinable(ann))
        finally:
            EmailDomain.objects.all().delete()
            address.delete()
            ann.tenant_memberships.filter(tenant__key="globex").delete()
    return found
