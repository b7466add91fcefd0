"""Each mistake in the settings is told by its own check, the right setting by none."""

import copy
import re
from pathlib import Path

import pytest
from django.core.checks import ERROR, WARNING
from django.test import override_settings

import tenantry
from tenantry import checks, service_checks
from tenantry.isolation import DatabaseIsolation
from tenantry.scopes.cache import make_key
from tests.projects import SQLITE, Project
from tests.settings import base

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
DATABASE = "tenantry.isolation.DatabaseIsolation"
SCHEMA = "tenantry.isolation.SchemaIsolation"
ROWS = "tenantry.isolation.RowIsolation"
HOME = {"BACKEND": DATABASE}
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
USERS = "tenantry.users.middleware.UsersMiddleware"
TENANT = "tenantry.middleware.TenantMiddleware"
SQLITE_FILE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": "/nowhere/x",
    "OPTIONS": {},
}
CARRYING = {"ENGINE": "tenantry.backends.postgresql", "NAME": "x", "OPTIONS": {}}
PLAIN = {**CARRYING, "ENGINE": "django.db.backends.postgresql"}
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
TENANT_CACHE = {"BACKEND": "tenantry.scopes.cache.TenantCache"}
SHARED = {"shared": LOCMEM}
BY_PATH = {
    "BACKEND": "tenantry.routing.PathResolver",
    "OPTIONS": {"PREFIX": "/t/"},
}
ONE_APP = ["customers", "geo", "contenttypes", "auth", "sessions"]


class OwnCache:
    """Stands for a backend of the project's own that tells tenants apart."""

    knows_tenant = True


class OtherRouter:
    """Stands for a router of the project's own."""


class Near(DatabaseIsolation):
    """Stands for an isolation that needs the shared tables beside the tenants'."""

    supports_remote_shared = False


def ours(**changes):
    """Return the TENANTRY setting, changed; None removes an option."""
    setting = copy.deepcopy(base.tenantry(DATABASE, DIRECTORY="/nowhere/tenants"))
    setting.update(changes)
    return {name: value for name, value in setting.items() if value is not None}


def placed(isolation=DATABASE, *, database="default", **options):
    """Return the TENANTRY setting with that placement."""
    return ours(
        PLACEMENTS={
            "default": {
                "BACKEND": isolation,
                "DATABASE": database,
                "OPTIONS": options,
            }
        }
    )


def lists(shared, tenants):
    """Return the TENANTRY setting with these lists of apps."""
    return ours(SHARED_APPS=shared.split(), TENANT_APPS=tenants.split())


def found():
    """Return the messages of all our checks, by id."""
    messages = {}
    for message in [*checks.check_settings(), *checks.check_models()]:
        messages.setdefault(message.id.removeprefix("tenantry."), []).append(message)
    return messages


def stored(backend="tenantry.scopes.storage.TenantStorage", **options):
    """Return the STORAGES setting with that default."""
    return {"STORAGES": {"default": {"BACKEND": backend, "OPTIONS": options}}}


GEO_BY_TENANT = lists(
    "customers contenttypes auth sessions",
    "geo contenttypes auth sessions admin shop",
)
IN_MEMORY = "django.core.files.storage.InMemoryStorage"
FINDERS = ["tenantry.scopes.static.TenantFinder"]
WWW = {"www": {"DOMAINS": ["www.example.com"]}}
BLOG = {"blog": {"TENANT_APPS": ["contenttypes", "auth", "sessions"]}}
LOG = ["admin", "contenttypes"]
APART = lists("customers geo", "contenttypes auth sessions admin shop")
SERVER = ["EMAIL_HOST", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"]
OURS = "tenantry.scopes.mail.TenantEmailBackend"
FREE = {
    "TENANTRY": ours(
        SETTINGS={"SEATS": {"DEFAULT": 5}, "DEFAULT_FROM_EMAIL": {}, "SITE_ID": {}}
    )
}
RIGHT = {
    "owner": {"MANAGES": True},
    "editor": {
        "STAFF": True,
        "PERMISSIONS": ["shop.*", "shop.view_*", "auth.add_user"],
        "GROUPS": ["editors"],
    },
}
IN_ROWS = {"BACKEND": ROWS, "OPTIONS": {"OWNER_DATABASE": "owner"}}
TWO_ROLES = {
    "TENANTRY": ours(PLACEMENTS={"default": IN_ROWS}),
    "DATABASES": {"default": CARRYING, "owner": {**CARRYING, "USER": "owner"}},
}
SHARED_PEOPLE = lists("customers geo contenttypes auth sessions", "admin shop")
# Told with `--database`: tests/kinds/test_commands.py, tests/rows/test_doctor.py.
IN_DATABASE = {"E044", "W045", "W053", "E054"}
# Told where `tenantry.users` is installed: tests/users/test_staff_checks.py.
OF_STAFF = {"W097", "W098"}
# Told where apps of others are installed: tests/users/apps/test_members.py.
OF_NEIGHBOURS = {"W102", "E103"}
# id, wrong settings, what is said, right settings
FILES = ("tenantry.scopes.templates.FileLoader", ["/nowhere/{key}"])


def cached(loader, *loaders):
    """Return the TEMPLATES setting with that cache around the loaders."""
    backend = "django.template.backends.django.DjangoTemplates"
    return [{"BACKEND": backend, "OPTIONS": {"loaders": [(loader, [*loaders])]}}]


TASKS = "tenantry.contrib.django_tasks.TenantTasksConfig"
LAYER = "channels.layers.InMemoryChannelLayer"
MISTAKES = [
    ("E001", {"TENANTRY": None}, "not a dict", {"TENANTRY": ours()}),
    ("E001", {"TENANTRY": "acme"}, "not a dict", {}),
    (
        "E002",
        {"TENANTRY": ours(RESOLVER=[])},
        "unknown option 'RESOLVER'",
        {"TENANTRY": ours(RESOLVERS=["tenantry.routing.DomainResolver"])},
    ),
    (
        "E003",
        {"TENANTRY": ours(SHARED_APPS="customers")},
        "SHARED_APPS",
        {"TENANTRY": ours(SHARED_APPS=tuple(ONE_APP))},
    ),
    (
        "E003",
        {"TENANTRY": ours(CATALOG_REFRESH_SECONDS="4")},
        "TENANTRY['CATALOG_REFRESH_SECONDS'] is '4', of the wrong type: it takes int",
        {"TENANTRY": ours(CATALOG_REFRESH_SECONDS=0.5)},
    ),
    ("E004", {"DATABASE_ROUTERS": []}, "DATABASE_ROUTERS", {}),
    (
        "W005",
        {"DATABASE_ROUTERS": ["tests.test_checks.OtherRouter", checks.ROUTER]},
        "not the first",
        {"DATABASE_ROUTERS": [checks.ROUTER, "tests.test_checks.OtherRouter"]},
    ),
    ("W006", {"MIDDLEWARE": [SESSIONS]}, "no tenant", {"MIDDLEWARE": [TENANT]}),
    (
        "E007",
        {"MIDDLEWARE": [SESSIONS, TENANT]},
        "SessionMiddleware",
        {"MIDDLEWARE": [TENANT, SESSIONS]},
    ),
    (
        "W099",
        {"ROOT_URLCONF": "tests.users.urls"},
        "nobody can act as a user",
        {"ROOT_URLCONF": "tests.users.urls", "MIDDLEWARE": [TENANT, AUTH, USERS]},
    ),
    (
        "E100",
        {"MIDDLEWARE": [TENANT, USERS, AUTH]},
        "who the user is",
        {"MIDDLEWARE": [TENANT, AUTH, USERS]},
    ),
    (
        "E008",
        {"TENANTRY": lists(" ".join(ONE_APP), "contenttypes auth sessions admin")},
        "'shop'",
        {},
    ),
    (
        "E009",
        {"TENANTRY": ours(SHARED_APPS=["customers", "tests.geo", *ONE_APP[2:]])},
        "'tests.geo'",
        {},
    ),
    (
        "E010",
        {"TENANTRY": placed(SCHEMA), "DATABASES": {"default": PLAIN}},
        "needs 'tenantry.backends.postgresql'",
        {"TENANTRY": placed(SCHEMA), "DATABASES": {"default": CARRYING}},
    ),
    (
        "E012",
        {"TENANTRY": placed(ON_LIMIT="wait")},
        "'wait'",
        {"TENANTRY": placed(ON_LIMIT="raise")},
    ),
    (
        "E013",
        {"TENANTRY": placed(MAX_OPEN=0)},
        "is 0",
        {"TENANTRY": placed(MAX_OPEN=1)},
    ),
    ("E013", {"TENANTRY": placed(MAX_OPEN="many")}, "many", {}),
    (
        "E015",
        {"TENANTRY": ours(TENANT_APPS=[*ours()["TENANT_APPS"], "tenantry"])},
        "catalog",
        {},
    ),
    (
        "E016",
        {"DATABASES": {"default": SQLITE_FILE, "tenant:x": SQLITE_FILE}},
        "'tenant:x'",
        {"DATABASES": {"default": SQLITE_FILE, "tenants": SQLITE_FILE}},
    ),
    (
        "E016",
        {"DATABASES": {"default": SQLITE_FILE, "tenantry:shared": SQLITE_FILE}},
        "'tenantry:shared'",
        {},
    ),
    ("E017", {"TENANTRY": placed("tenantry.isolation.Nothing")}, "Nothing", {}),
    ("E017", {"TENANTRY": placed(MAX_OPNE=3)}, "Did you mean 'MAX_OPEN'?", {}),
    (
        "E017",
        {"TENANTRY": ours(PLACEMENTS=None, ISOLATION="schemas")},
        "'schemas'",
        {"TENANTRY": ours(PLACEMENTS=None, ISOLATION="database")},
    ),
    ("E017", {"TENANTRY": ours(PLACEMENTS={"default": DATABASE})}, "'default'", {}),
    ("E017", {"TENANTRY": ours(PLACEMENTS={"default": {}})}, "BACKEND", {}),
    (
        "E017",
        {"TENANTRY": placed(NAME="fixed")},
        "must hold '{key}'",
        {"TENANTRY": placed(NAME="x_{key}")},
    ),
    (
        "E018",
        {"TENANTRY": placed(database="other")},
        "'other'",
        {
            "TENANTRY": placed(database="other"),
            "DATABASES": {"default": SQLITE_FILE, "other": SQLITE_FILE},
        },
    ),
    ("E019", {"TENANTRY": ours(RESOLVERS=["tests.nothing"])}, "tests.nothing", {}),
    (
        "E019",
        {
            "TENANTRY": ours(
                RESOLVERS=[{"BACKEND": "tenantry.routing.SubdomainResolver"}]
            )
        },
        "OPTIONS['BASE']",
        {
            "TENANTRY": ours(
                RESOLVERS=[
                    {
                        "BACKEND": "tenantry.routing.SubdomainResolver",
                        "OPTIONS": {"BASE": "example.com"},
                    }
                ]
            )
        },
    ),
    ("E019", {"TENANTRY": ours(RESOLVERS=[{"OPTIONS": {}}])}, "BACKEND", {}),
    (
        "E020",
        {"TENANTRY": ours(DOMAIN_MODEL=None)},
        "DOMAIN_MODEL",
        {
            "TENANTRY": ours(
                DOMAIN_MODEL=None, RESOLVERS=["tenantry.routing.HeaderResolver"]
            )
        },
    ),
    (
        "E021",
        {
            "TENANTRY": {
                **lists("customers geo", "contenttypes auth sessions admin shop"),
                "RESOLVERS": ["tenantry.routing.SessionResolver"],
            }
        },
        "'sessions'",
        {"TENANTRY": ours(RESOLVERS=["tenantry.routing.SessionResolver"])},
    ),
    ("E023", {"TENANTRY": ours(TENANT_MODEL=None)}, "TENANT_MODEL", {}),
    ("E023", {"TENANTRY": ours(TENANT_MODEL="customers.Nobody")}, "Nobody", {}),
    ("E023", {"TENANTRY": ours(TENANT_MODEL="geo.Country")}, "AbstractTenant", {}),
    ("E024", {"TENANTRY": ours(DOMAIN_MODEL="geo.Country")}, "AbstractDomain", {}),
    ("E024", {"TENANTRY": ours(DOMAIN_MODEL="Domain")}, "no installed model", {}),
    (
        "E025",
        {
            "TENANTRY": lists(
                "customers geo", "customers contenttypes auth sessions admin shop"
            )
        },
        "'customers'",
        {},
    ),
    (
        "E026",
        {"TENANTRY": lists("customers geo sessions", "contenttypes auth admin shop")},
        "'auth'",
        {"TENANTRY": lists("customers geo", "contenttypes auth sessions admin shop")},
    ),
    (
        "E027",
        {"TENANTRY": ours(ISOLATION="database")},
        "both ISOLATION and PLACEMENTS",
        {"TENANTRY": ours(ISOLATION="database", PLACEMENTS=None)},
    ),
    (
        "E028",
        {"TENANTRY": ours(NOT_FOUND_VIEW="tests.views.nothing")},
        "NOT_FOUND_VIEW",
        {"TENANTRY": ours(NOT_FOUND_VIEW="tests.views.shared")},
    ),
    (
        "E028",
        {"TENANTRY": ours(UNAVAILABLE_VIEW="tests.nothing.view")},
        "UNAVAILABLE_VIEW",
        {},
    ),
    (
        "E028",
        {"TENANTRY": ours(SHARED_URLCONF="tests.nothing")},
        "SHARED_URLCONF",
        {"TENANTRY": ours(SHARED_URLCONF="tests.urls_shared")},
    ),
    (
        "E031",
        {"TENANTRY": lists("customers geo admin", "contenttypes auth sessions shop")},
        "admin.LogEntry.user",
        {},
    ),
    (
        "E032",
        {
            "TENANTRY": placed("tests.test_checks.Near", database="other"),
            "DATABASES": {"default": SQLITE_FILE, "other": SQLITE_FILE},
        },
        "'other'",
        {"TENANTRY": placed("tests.test_checks.Near")},
    ),
    (
        "E041",
        {
            "TENANTRY": placed(ROWS, OWNER_DATABASE="owner"),
            "DATABASES": {"default": CARRYING},
        },
        "'owner'",
        TWO_ROLES,
    ),
    (
        "E041",
        {
            "TENANTRY": placed(ROWS, OWNER_DATABASE="owner"),
            "DATABASES": {"default": CARRYING, "owner": {**CARRYING, "NAME": "y"}},
        },
        "another database",
        TWO_ROLES,
    ),
    (
        "W042",
        {"TENANTRY": placed(ROWS), "DATABASES": {"default": CARRYING}},
        "OWNER_DATABASE",
        TWO_ROLES,
    ),
    (
        "E043",
        {**TWO_ROLES, "TENANTRY": ours(PLACEMENTS={"default": IN_ROWS, "b": IN_ROWS})},
        "tenantry_rows",
        TWO_ROLES,
    ),
    *(
        ("E050", {"TENANTRY": ours(KINDS=kinds)}, said, {"TENANTRY": ours(KINDS=BLOG)})
        for kinds, said in [
            ({"default": {"TENANT_APPS": []}}, "ROOT_URLCONF"),
            ({"Blog": {"TENANT_APPS": []}}, "a kind's name is"),
            ({"x" * 21: {"TENANT_APPS": []}}, "at most 20"),
            ({"blog": {}}, "has no TENANT_APPS"),
            ({"blog": []}, "not a dict"),
            ({"blog": {"TENANT_APP": []}}, "Did you mean 'TENANT_APPS'?"),
            ({"blog": {"TENANT_APPS": "auth"}}, "of the wrong type"),
        ]
    ),
    *(
        (
            "E051",
            {"TENANTRY": ours(DECLARED_TENANTS=declared)},
            said,
            {"TENANTRY": ours(DECLARED_TENANTS={"www": {"DOMAINS": ["a.example"]}})},
        )
        for declared, said in [
            ({"www": "x"}, "not a dict"),
            ({"www": {"DOMAIN": []}}, "Did you mean 'DOMAINS'?"),
            ({"www": {"NAME": 7}}, "of the wrong type: it takes str."),
            ({"WWW": {"SLUG": "www"}}, "'WWW' cannot be used"),
            ({"www": {"KIND": "blog"}}, "no kind 'blog'"),
            ({"www": {"PLACEMENT": "silo"}}, "no placement 'silo'"),
            ({"www": {"SLUG": "-"}}, "its slug is '-'"),
            ({"www": {"DOMAINS": ["no host"]}}, "not a host name"),
            ({"www": {"DOMAINS": ["example.com"]}}, "a host of the shared site"),
            ({"a": {"DOMAINS": ["x.y"]}, "b": {"DOMAINS": ["X.y"]}}, "'x.y' twice"),
            ({"a": {"SLUG": "b"}, "b": {}}, "the slug 'b' twice"),
        ]
    ),
    (
        "E051",
        {"TENANTRY": ours(DOMAIN_MODEL=None, DECLARED_TENANTS=WWW)},
        "domains need a model",
        {"TENANTRY": ours(DECLARED_TENANTS=WWW)},
    ),
    (
        "E052",
        {"TENANTRY": {**APART, "KINDS": {"log": {"TENANT_APPS": LOG}}}},
        "admin.LogEntry.user",
        {"TENANTRY": {**APART, "KINDS": {"log": {"TENANT_APPS": [*LOG, "auth"]}}}},
    ),
    (
        "E055",
        {"TENANTRY": ours(SCOPES=["signin"])},
        "Did you mean 'signing'?",
        {"TENANTRY": ours(SCOPES=["signing"])},
    ),
    *(
        ("E064", {"TENANTRY": ours(SETTINGS=declared)}, said, FREE)
        for declared, said in [
            (["seats"], "no name of a setting"),
            ([7], "no name of a setting"),
            ({"SEATS": 5}, "not a dict"),
            ({"SEATS": {"DEFUALT": 5}}, "Did you mean 'DEFAULT'?"),
            ({"SEATS": {}}, "its type is not known"),
            ({"SEATS": {"TYPE": "int"}}, "TYPE 'int' cannot be stored"),
            ({"SEATS": {"TYPE": int, "DEFAULT": "5"}}, "is not of type int"),
        ]
    ),
    *(
        ("E065", {"TENANTRY": ours(SETTINGS=[name])}, said, FREE)
        for name, said in [
            ("INSTALLED_APPS", "reads it when it starts"),
            ("USE_TZ", "keeps what it read first"),
            ("SECRET_KEY", "the scope 'signing'"),
            ("DATABASES", "placement"),
            ("EMAIL_BACKEND", "does not choose code"),
            ("CSRF_TRUSTED_ORIGINS", "CSRF_TRUST_OWN_DOMAINS"),
            ("TENANTRY", "what a tenant is"),
            ("SIMPLE_JWT", "SimpleJWT keeps what it read first"),
            ("OAUTH2_PROVIDER", "keeps what it read first"),
            ("REST_FRAMEWORK", "keeps what it read first"),
            ("EMAIL_HOST", "would be sent to a tenant's server"),
            ("EMAIL_USE_TLS", "without EMAIL_HOST"),
        ]
    ),
    (
        "E066",
        {"TENANTRY": ours(SECRETS_KEYS=[""])},
        "no text, or empty",
        {"TENANTRY": ours(SECRETS_KEYS=["long and random"])},
    ),
    (
        "W067",
        {"TENANTRY": ours(SCOPES=["signing"], SETTINGS=["DEFAULT_FROM_EMAIL"])},
        "stored and not read",
        FREE,
    ),
    (
        "W068",
        {"TENANTRY": ours(SETTINGS=SERVER), "MAILERS": {"default": {"BACKEND": "x"}}},
        "MAILERS['default']",
        {"TENANTRY": ours(SETTINGS=SERVER), "MAILERS": {"default": {"BACKEND": OURS}}},
    ),
    *(
        ("W056", {"CACHES": {"default": plain, **SHARED}}, said, {"CACHES": right})
        for plain, said in [
            (LOCMEM, "CACHES['default'] does not know the tenant"),
            ({**LOCMEM, "KEY_FUNCTION": "builtins.print"}, "another reads"),
        ]
        for right in [
            {"default": {**TENANT_CACHE, "OPTIONS": {"BACKEND": "x"}}, **SHARED},
            {"default": {**LOCMEM, "KEY_FUNCTION": make_key}},
            {"default": {**LOCMEM, "KEY_FUNCTION": f"{make_key.__module__}.make_key"}},
            {"default": {"BACKEND": "tests.test_checks.OwnCache"}},
            {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        ]
    ),
    (
        "E057",
        {"CACHES": {"default": TENANT_CACHE}},
        "around nothing",
        {"CACHES": {"default": {**TENANT_CACHE, "OPTIONS": {"BACKEND": "x"}}}},
    ),
    (
        "W058",
        {"SESSION_COOKIE_DOMAIN": ".example.com", "TENANTRY": ours()},
        "'.example.com'",
        {"SESSION_COOKIE_DOMAIN": ".example.com", "TENANTRY": ours(SCOPES=[])},
    ),
    (
        "E015",
        {"TENANTRY": ours(TENANT_APPS=["django_cache", *ours()["TENANT_APPS"]])},
        "'django_cache'",
        {"TENANTRY": ours(SHARED_APPS=["django_cache", *ours()["SHARED_APPS"]])},
    ),
    *(
        (
            "E070",
            {"TENANTRY": placed(SCHEMA, APPLICATION_NAME=name)},
            "APPLICATION_NAME",
            {"TENANTRY": placed(SCHEMA, APPLICATION_NAME="shop:{key}")},
        )
        for name in ("shop", 5, "a" * 24 + "{key}", "ü{key}", "\\{key}", "{key}{x}")
    ),
    (
        "W071",
        {"TENANTRY": ours(TENANT_APPS=[*ours()["TENANT_APPS"], "sites"], SCOPES=[])},
        "shows one tenant's to another",
        {"TENANTRY": ours(TENANT_APPS=[*ours()["TENANT_APPS"], "sites"])},
    ),
    (
        "E069",
        {"TEMPLATES": cached("django.template.loaders.cached.Loader", FILES)},
        "shows the templates of one tenant to another",
        {"TEMPLATES": cached("tenantry.scopes.templates.CachedLoader", FILES)},
    ),
    (
        "W073",
        {"TASKS": {"default": {"BACKEND": "tests.shop.queue.Queue"}}},
        "tables of app 'shop'",
        {"TASKS": {"default": {"BACKEND": "tests.scopes.queue.Queue"}}},
    ),
    (
        "W074",
        {"INSTALLED_APPS": [*base.INSTALLED_APPS[:9], "django_tasks"]},
        "run with no tenant",
        {"INSTALLED_APPS": [*base.INSTALLED_APPS[:9], "django_tasks", TASKS]},
    ),
    (
        "W075",
        {"CHANNEL_LAYERS": {"default": {"BACKEND": LAYER}}},
        "No entry of CHANNEL_LAYERS",
        {
            "CHANNEL_LAYERS": {
                "default": {"BACKEND": "tenantry.contrib.channels.TenantChannelLayer"},
                "shared": {"BACKEND": LAYER},
            }
        },
    ),
    (
        "W079",
        {"TENANTRY": ours(SHARED_URLCONF="tests.urls")},
        "serves an admin, and admin is not in",
        {
            "TENANTRY": ours(
                SHARED_URLCONF="tests.urls", SHARED_APPS=[*ONE_APP, "admin"]
            )
        },
    ),
    (
        "W080",
        {
            "TENANTRY": ours(
                SHARED_APPS=[*ONE_APP, "admin"],
                TENANT_APPS=["contenttypes", "auth", "sessions", "shop"],
            )
        },
        "its log is one for all",
        {"TENANTRY": ours(SHARED_APPS=[*ONE_APP, "admin"])},
    ),
    *(
        (
            "W090",
            {"ROOT_URLCONF": "tests.users.urls"},
            "which tests.users.urls does not serve",
            {"ROOT_URLCONF": "tests.users.urls", "LOGIN_URL": right},
        )
        for right in ["tenantry_login", "/people/login/", "https://id.example.com/"]
    ),
    (
        "W091",
        {
            "TENANTRY": {
                **lists("customers geo", "contenttypes auth sessions admin shop"),
                "SHARED_URLCONF": "tests.users.urls_shared",
            }
        },
        "has no auth and no sessions",
        {"TENANTRY": ours(SHARED_URLCONF="tests.users.urls_shared")},
    ),
    (
        "W081",
        {"TENANTRY": ours(RESOLVERS=[BY_PATH, "tenantry.routing.DomainResolver"])},
        "PathResolver is before DomainResolver",
        {"TENANTRY": ours(RESOLVERS=["tenantry.routing.DomainResolver", BY_PATH])},
    ),
    *[
        ("E082", {"TENANTRY": ours(ROLES=wrong)}, said, {"TENANTRY": ours(ROLES=RIGHT)})
        for wrong, said in (
            ({"editor": ["shop.*"]}, "a role is a name with a dict"),
            ({7: {}}, "a role is a name with a dict"),
            ({"editor": {"PERMISSION": []}}, "Did you mean 'PERMISSIONS'?"),
            ({"editor": {"xyzzy": 1}}, "STAFF, SUPERUSER"),
            ({"editor": {"STAFF": 1}}, "takes True or False"),
            ({"editor": {"PERMISSIONS": "shop.*"}}, "takes a list"),
            ({"editor": {"PERMISSIONS": ["shop"]}}, "'shop', which is no permission"),
            ({"editor": {"PERMISSIONS": ["*.view"]}}, "which is no permission"),
            ({"editor": {"PERMISSIONS": ["shop.*_book"]}}, "which is no permission"),
            ({"editor": {"GROUPS": [None]}}, "None, no name"),
        )
    ],
    (
        "W086",
        {"TENANTRY": ours(ROLES={"editor": {"PERMISSIONS": ["shopp.*"]}})},
        "Did you mean 'shop'?",
        {"TENANTRY": ours(ROLES=RIGHT)},
    ),
    (
        "E084",
        {"TENANTRY": ours(SHARED_USER_MODEL="customers.Nobody")},
        "'customers.Nobody'",
        {"TENANTRY": ours(SHARED_USER_MODEL="auth.User")},
    ),
    (
        "W085",
        {"TENANTRY": lists(" ".join(ONE_APP), "admin shop")},
        "every user may sign in to every tenant",
        {"TENANTRY": lists(" ".join(ONE_APP), "contenttypes auth sessions admin shop")},
    ),
    (
        "W093",
        {"TENANTRY": ours(INVITATION_DAYS=0)},
        "too old when it is sent",
        {"TENANTRY": ours(INVITATION_DAYS=0.5)},
    ),
    ("E095", {"TENANTRY": ours(SIGNUP="both")}, "'both'", {"TENANTRY": ours()}),
    (
        "E095",
        {"TENANTRY": {**SHARED_PEOPLE, "SIGNUP": "tenant"}},
        "can own none",
        {"TENANTRY": {**SHARED_PEOPLE, "SIGNUP": "account"}},
    ),
    (
        "W096",
        {"TENANTRY": ours(SIGNUP="tenant")},
        "a tenant without an address",
        {"TENANTRY": ours(SIGNUP="tenant", RESOLVERS=[BY_PATH])},
    ),
    (
        "E026",
        {"TENANTRY": ours(KINDS={"odd": {"TENANT_APPS": ["sessions"]}})},
        "of kind 'odd'",
        {"TENANTRY": ours(KINDS=BLOG)},
    ),
    (
        "E028",
        {"TENANTRY": ours(KINDS={"blog": {"TENANT_APPS": [], "URLCONF": "no.urls"}})},
        "['blog']['URLCONF']",
        {
            "TENANTRY": ours(
                KINDS={"blog": {"TENANT_APPS": [], "URLCONF": "tests.urls"}}
            )
        },
    ),
    (
        "W034",
        {"TENANTRY": ours(PLACEMENTS={"silo": HOME})},
        "'default'",
        {"TENANTRY": ours(PLACEMENTS={"silo": HOME, "default": HOME})},
    ),
    (
        "W033",
        {
            "TENANTRY": lists(
                "customers geo admin contenttypes auth sessions",
                "contenttypes auth sessions shop",
            )
        },
        "admin.LogEntry.user",
        {},
    ),
    ("W060", {"MEDIA_ROOT": "/nowhere/media"}, "lie together", {"MEDIA_ROOT": ""}),
    (
        "W060",
        stored(IN_MEMORY),
        "InMemoryStorage",
        {"TENANTRY": GEO_BY_TENANT, **stored(BACKEND=IN_MEMORY)},
    ),
    ("W060", {"TENANTRY": GEO_BY_TENANT}, "FileSystemStorage", {"TENANTRY": ours()}),
    (
        "E061",
        stored(FOLDER="tenants"),
        "STORAGES['default']: FOLDER",
        stored(FOLDER="{key}", SHARED="_shared"),
    ),
    ("E061", stored(BACKEND="nowhere.Storage"), "'nowhere'", stored()),
    ("E061", stored(FOLDERS="x"), "'FOLDERS'", stored()),
    (
        "W062",
        stored(),
        "geo.Country.flag",
        {"TENANTRY": GEO_BY_TENANT, **stored()},
    ),
    (
        "W088",
        {"AUTH_USER_MODEL": "shop.Author"},
        "can have no roles",
        {"AUTH_USER_MODEL": "auth.User"},
    ),
    (
        "W088",
        {"AUTH_USER_MODEL": "shop.Author"},
        "access can be taken away",
        {"AUTH_USER_MODEL": "auth.User"},
    ),
    (
        "E063",
        {"STATICFILES_FINDERS": FINDERS},
        "STATIC_DIR'] is not set",
        {"STATICFILES_FINDERS": FINDERS, "TENANTRY": ours(STATIC_DIR="/nowhere")},
    ),
]


BY_PROCESS = [
    ({"TENANTRY": None}, "E001"),
    ({"TENANTRY": {}}, "E023"),
    ({"TENANTRY": ours(TENANT_MODEL=7)}, "E003"),
    ({"TENANTRY": ours(TENANT_MODEL="nowhere.Tenant")}, "E023"),
    ({"TENANTRY": placed("tenantry.isolation.Nothing")}, "E017"),
    ({"TENANTRY": ours(PLACEMENTS=None, ISOLATION="schemas")}, "E017"),
    ({"TENANTRY": ours(RESOLVERS=["tests.nothing"])}, "E019"),
    ({"TENANTRY": ours(DOMAIN_MODEL=None)}, "E020"),
    (
        {
            "TENANTRY": APART,
            "INSTALLED_APPS": [*base.INSTALLED_APPS, "tenantry.users"],
        },
        "E083",
    ),
    (
        {
            "TENANTRY": ours(SHARED_USER_MODEL="customers.Nobody"),
            "INSTALLED_APPS": [*base.INSTALLED_APPS, "tenantry.users"],
        },
        "E084",
    ),
    (
        {
            "TENANTRY": placed(),
            "DATABASES": {"default": {**SQLITE_FILE, "NAME": ":memory:"}},
        },
        "E014",
    ),
]


@pytest.mark.parametrize(
    ("code", "wrong", "said", "right"),
    MISTAKES,
    ids=[f"{code}-{said}" for code, _, said, _ in MISTAKES],
)
def test_a_mistake_is_told_and_the_right_setting_is_not(  # noqa: PLR0917
    code, wrong, said, right
):
    with override_settings(**wrong):
        messages = found()
    assert code in messages, sorted(messages)
    (message, *_) = [
        each for each in messages[code] if said in f"{each.msg} {each.hint}"
    ]
    assert message.level == {"E": ERROR, "W": WARNING}[code[0]]
    link = f" See {checks.DOCS}#{code.lower()}"
    assert message.hint.endswith(link)
    assert len(message.hint) > len(link)
    with override_settings(**right):
        assert code not in found()


def test_the_settings_of_the_tests_are_right():
    with override_settings(TENANTRY=ours()):
        assert found() == {}


def test_every_id_has_its_mistake():
    source = Path(tenantry.__file__).parent
    ids = {
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'"([EW]\d{3})"', path.read_text())
    }
    told = {code for code, *_ in MISTAKES} | {code for _, code in BY_PROCESS}
    assert ids == told | IN_DATABASE | OF_STAFF | OF_NEIGHBOURS


def test_secrets_without_the_library_for_them_are_an_error(monkeypatch):
    monkeypatch.setattr(service_checks, "find_spec", lambda _name: None)
    with override_settings(TENANTRY=ours(SETTINGS=SERVER)):
        assert "EMAIL_HOST_PASSWORD" in found()["E066"][0].msg
    with override_settings(**FREE):
        assert "E066" not in found()


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("TENANT_APP", "TENANT_APPS"),
        ("SHARED_APP", "SHARED_APPS"),
        ("PLACEMENT", "PLACEMENTS"),
        ("DOMAINMODEL", "DOMAIN_MODEL"),
        ("RESERVED_KEY", "RESERVED_KEYS"),
    ],
)
def test_an_unknown_option_suggests_the_nearest(given, near):
    with override_settings(TENANTRY=ours(**{given: []})):
        assert f"Did you mean {near!r}?" in found()["E002"][0].hint


def test_an_unknown_option_that_is_like_none_lists_them():
    with override_settings(TENANTRY=ours(xyzzy=1)):
        assert "TENANT_MODEL" in found()["E002"][0].hint


def test_an_apps_path_suggests_its_label():
    wrong = ours(SHARED_APPS=["customer", "geo", *ONE_APP[2:]])
    with override_settings(TENANTRY=wrong):
        assert "Did you mean 'customers'?" in found()["E009"][0].hint


@pytest.mark.parametrize(
    ("settings", "code"),
    BY_PROCESS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_check_tells_it_without_a_traceback(settings, code, tmp_path):
    project = Project(SQLITE, tmp_path / "p", **settings)
    try:
        ended = project.manage("check")
        assert ended.status == 1
        assert f"tenantry.{code}" in ended.err
        assert "Traceback" not in ended.err
    finally:
        project.close()
