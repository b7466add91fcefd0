"""A SAML provider of a customer's: it answers what it is asked, signed with its key."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
RESPONSE = """<samlp:Response xmlns:samlp="{protocol}" xmlns:saml="{assertion}"
 ID="_r{id}" Version="2.0" IssueInstant="{now}" Destination="{acs}" InResponseTo="{id}">
<saml:Issuer>{entity}</saml:Issuer>
<samlp:Status>
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>
</samlp:Status>
<saml:Assertion ID="_a{id}" Version="2.0" IssueInstant="{now}">
<saml:Issuer>{entity}</saml:Issuer>
<saml:Subject><saml:NameID>1</saml:NameID>
<saml:SubjectConfirmation Method="{bearer}">
<saml:SubjectConfirmationData NotOnOrAfter="{later}" Recipient="{acs}"
 InResponseTo="{id}"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{before}" NotOnOrAfter="{later}">
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>
</saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>
<saml:Attribute Name="uid"><saml:AttributeValue>1</saml:AttributeValue></saml:Attribute>
<saml:Attribute Name="nick"><saml:AttributeValue>{name}</saml:AttributeValue>
</saml:Attribute>
<saml:Attribute Name="mail">
<saml:AttributeValue>sam@{name}.example</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>"""


def certificate(key):
    """Return a certificate of the key, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID
    from django.utils import timezone

    signer = serialization.load_pem_private_key(key.encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = timezone.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(signer, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def setting(name, cert):
    """Return what the tenant's SOCIALACCOUNT_PROVIDERS say of the provider."""
    idp = {
        "entity_id": f"https://{name}.example/idp",
        "sso_url": f"https://{name}.example/sso",
        "x509cert": cert,
    }
    app = {
        "provider_id": "corp-saml",
        "name": name,
        "client_id": "corp",
        "settings": {
            "idp": idp,
            "attribute_mapping": {"uid": "uid", "username": "nick", "email": "mail"},
        },
    }
    return {"saml": {"APPS": [app]}}


def answer(name, url, *, key, cert):
    """Return the form that the provider lets a browser send back."""
    from django.utils import timezone
    from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils

    asked = parse_qs(urlsplit(url).query)
    request = ET.fromstring(  # noqa: S314  (our own)
        Utils.decode_base64_and_inflate(asked["SAMLRequest"][0])
    )
    now = timezone.now()
    at = {
        "now": now,
        "before": now - timedelta(minutes=5),
        "later": now + timedelta(minutes=5),
    }
    said = RESPONSE.format(
        protocol=PROTOCOL,
        assertion=ASSERTION,
        bearer=BEARER,
        id=request.get("ID"),
        acs=request.get("AssertionConsumerServiceURL"),
        audience=request.find(f"{{{ASSERTION}}}Issuer").text,
        entity=f"https://{name}.example/idp",
        name=f"saml-of-{name}",
        **{what: f"{when:%Y-%m-%dT%H:%M:%SZ}" for what, when in at.items()},
    )
    signed = Utils.add_sign(said, key, cert)
    return {
        "SAMLResponse": base64.b64encode(signed).decode(),
        "RelayState": asked.get("RelayState", [""])[0],
    }
