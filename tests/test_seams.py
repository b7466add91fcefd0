"""Each seam with Django is in place, and what it stands on is as it was.

A test here fails where Django changes what we substitute; the behaviour is tested in
`tests/conformance`, seam by seam, with and without it.
"""

import inspect
from importlib.util import find_spec

import pytest
from django.conf import LazySettings, settings
from django.contrib import auth
from django.contrib.admin.models import LogEntryManager
from django.contrib.admin.options import BaseModelAdmin, ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.templatetags.log import AdminLogNode
from django.contrib.admin.utils import NestedObjects
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.contenttypes import fields as generic
from django.contrib.contenttypes.management.commands import remove_stale_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import CacheHandler
from django.core.management.base import BaseCommand
from django.core.management.commands import runserver
from django.core.signing import Signer
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model, QuerySet, deletion, expressions, query
from django.db.models import fields as model_fields
from django.db.models.fields import related, related_descriptors, related_lookups
from django.db.models.fields.files import FieldFile
from django.db.models.lookups import StartsWith
from django.db.models.manager import BaseManager
from django.db.models.signals import post_migrate, pre_migrate
from django.db.models.sql import compiler
from django.db.models.sql.query import Query
from django.db.models.sql.subqueries import DeleteQuery, UpdateQuery
from django.db.utils import ConnectionHandler
from django.http import request as http_request
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLResolver
from django.urls import base as urls
from django.utils import http, translation
from django.utils.functional import cached_property
from django.views.debug import SafeExceptionReporterFilter

from tenantry import guards, seams
from tenantry.connections import TenantConnections
from tenantry.options import SCOPES
from tests.shop.models import Author, Book, Note, Tag
from tests.world import replaced

BULK_CREATE = (
    "self, objs, batch_size, ignore_conflicts, update_conflicts, update_fields, "
    "unique_fields"
)
if find_spec("django.tasks"):
    from django.tasks import base as django_tasks
    from django.tasks import signals, task_backends

    TASKS = [
        (type(task_backends), "create_connection", "self, alias"),
        (django_tasks.Task, "call", "self, *args, **kwargs"),
        (django_tasks.Task, "acall", "self, *args, **kwargs"),
        *(
            (signal, name, "sender, **named")
            for signal in (signals.task_started, signals.task_finished)
            for name in ("send", "asend", "send_robust", "asend_robust")
        ),
    ]
else:  # Django 5.2: tests/contrib/test_django_tasks.py
    TASKS = []
COLLECT = (
    "self, objs, source, nullable, collect_related, source_attr, reverse_dependency, "
    "keep_parents, fail_on_restricted"
)
# What each seam substitutes: the owner, the name, and Django's own parameters.
SUBSTITUTED = {
    "querysets_are_bound": [
        (QuerySet, "__init__", "self, model, query, using, hints"),
        (
            query.RawQuerySet,
            "__init__",
            "self, raw_query, model, query, params, translations, using, hints",
        ),
        (query.RawQuerySet, "using", "self, alias"),
    ],
    "results_stay_with_their_tenant": [
        (QuerySet, "_fetch_all", "self"),
        (query.RawQuerySet, "_fetch_all", "self"),
        (QuerySet, "__getitem__", "self, k"),
        (QuerySet, "count", "self"),
        (QuerySet, "exists", "self"),
    ],
    "aliases_given_by_hand_are_resolved": [
        (QuerySet, "db", "self"),
        (query.RawQuerySet, "db", "self"),
        (BaseManager, "db", "self"),
    ],
    "statements_are_compiled_for_their_tenant": [
        (Query, "get_compiler", "self, using, connection, elide_empty"),
    ],
    "joins_stay_with_what_the_kind_has": [
        (compiler.SQLCompiler, "get_from_clause", "self"),
    ],
    "other_databases_are_not_joined": [
        (
            compiler,
            "select_related_descend",
            "field, restricted, requested, select_mask",
        ),
    ],
    "migrations_are_those_of_the_place": [
        (MigrationRecorder, "applied_migrations", "self"),
        (MigrationRecorder, "record_applied", "self, app, name"),
        (MigrationRecorder, "record_unapplied", "self, app, name"),
        (
            MigrationExecutor,
            "apply_migration",
            "self, state, migration, fake, fake_initial",
        ),
        (MigrationExecutor, "unapply_migration", "self, state, migration, fake"),
    ],
    "urls_are_reversed_by_the_kind": [
        (urls, "get_urlconf", "default"),
    ],
    "urlconfs_are_imported_with_no_tenant_active": [
        (URLResolver, "urlconf_module", "self"),
    ],
    "urls_outside_of_requests_have_the_prefix": [
        (urls, "get_script_prefix", ""),
    ],
    "objects_are_saved_where_they_belong": [
        (
            Model,
            "save_base",
            "self, raw, force_insert, force_update, using, update_fields",
        ),
    ],
    "objects_are_refreshed_where_they_belong": [
        (Model, "refresh_from_db", "self, using, fields, from_queryset"),
    ],
    "objects_are_validated_where_they_belong": [
        (Model, "validate_unique", "self, exclude"),
    ],
    "objects_are_deleted_where_they_belong": [
        (deletion.Collector, "__init__", "self, using, origin, force_collection"),
    ],
    "deletions_stay_on_their_side": [
        (deletion, "get_candidate_relations_to_delete", "opts"),
        (generic.GenericRelation, "bulk_related_objects", "self, objs, using"),
    ],
    "shared_objects_are_deleted_with_all_tenants": [
        (deletion.Collector, "can_fast_delete", "self, objs, from_field"),
        (
            deletion.Collector,
            "collect",
            COLLECT,
        ),
        (deletion.Collector, "delete", "self"),
    ],
    "objects_used_as_values_are_checked": [
        (related_lookups, "get_normalized_value", "value, lhs"),
        (Model, "prepare_database_save", "self, field"),
    ],
    "objects_made_into_filters_are_checked": [
        (model_fields.Field, "get_filter_kwargs_for_object", "self, obj"),
        (related.RelatedField, "get_forward_related_filter", "self, obj"),
        (generic.GenericForeignKey, "get_filter_kwargs_for_object", "self, obj"),
        (generic.GenericForeignKey, "get_forward_related_filter", "self, obj"),
    ],
    "objects_given_to_querysets_are_checked": [
        (QuerySet, "contains", "self, obj"),
        (QuerySet, "bulk_update", "self, objs, fields, batch_size"),
        (QuerySet, "bulk_create", BULK_CREATE),
    ],
    "shared_rows_are_not_turned_to_tenants_objects": [
        (QuerySet, "update", "self, **kwargs"),
    ],
    "objects_given_to_related_managers_are_checked": [
        (related_descriptors, "create_reverse_many_to_one_manager", "superclass, rel"),
        (
            related_descriptors,
            "create_forward_many_to_many_manager",
            "superclass, rel, reverse",
        ),
        (generic, "create_generic_related_manager", "superclass, rel"),
    ],
    "querysets_used_as_values_are_checked": [
        (QuerySet, "resolve_expression", "self, *args, **kwargs"),
        (expressions.Subquery, "__init__", "self, queryset, output_field, **extra"),
        (QuerySet, "_combinator_query", "self, combinator, *other_qs, all"),
        (QuerySet, "_merge_sanity_check", "self, other"),
    ],
    "prefetched_objects_are_checked": [
        (query, "prefetch_one_level", "instances, prefetcher, lookup, level"),
    ],
    "atomic_stays_with_its_connection": [
        (transaction.Atomic, "__enter__", "self"),
        (transaction.Atomic, "__exit__", "self, exc_type, exc_value, traceback"),
    ],
    "callbacks_keep_their_tenant": [
        (BaseDatabaseWrapper, "on_commit", "self, func, robust"),
    ],
    "allowed_hosts_follow_the_catalog": [
        (http_request, "validate_host", "host, allowed_hosts"),
    ],
    "signers_ask_for_their_key_when_used": [
        (Signer, "__init__", "self, key, sep, salt, algorithm, fallback_keys"),
    ],
    "sessions_end_with_their_users_sign_outs": [
        (AbstractBaseUser, "_get_session_auth_hash", "self, secret"),
        (auth, "aget_user", "request"),
    ],
    "urls_that_are_safe_are_the_tenants": [
        (
            http,
            "_url_has_allowed_host_and_scheme",
            "url, allowed_hosts, require_https",
        ),
    ],
    "shared_users_stay_logged_in": [
        (AbstractBaseUser, "get_session_auth_hash", "self"),
        (AbstractBaseUser, "get_session_auth_fallback_hash", "self"),
    ],
    "shared_sessions_are_read_everywhere": [
        (SessionBase, "encode", "self, session_dict"),
        (SessionBase, "decode", "self, session_data"),
    ],
    "forms_cross_the_tenants_own_domains": [
        (CsrfViewMiddleware, "_origin_verified", "self, request"),
        (CsrfViewMiddleware, "_check_referer", "self, request"),
    ],
    "secrets_are_hidden_on_debug_pages": [
        (SafeExceptionReporterFilter, "cleanse_setting", "self, key, value"),
    ],
    "language_is_the_tenants_where_the_user_chose_none": [
        (translation, "get_language_from_request", "request, check_path"),
    ],
    "session_keys_name_their_tenant": [
        (SessionBase, "_validate_session_key", "self, key"),
        (SessionBase, "_get_new_session_key", "self"),
        (SessionBase, "_aget_new_session_key", "self"),
    ],
    "sessions_in_cookies_name_their_tenant": [
        (signed_cookies.SessionStore, "_get_session_key", "self"),
        (signed_cookies.SessionStore, "load", "self"),
    ],
    "a_cache_that_nobody_chose_knows_the_tenant": [
        (CacheHandler, "create_connection", "self, alias"),
    ],
    "files_of_objects_stay_with_them": [
        (FieldFile, "_require_file", "self"),
        (FieldFile, "save", "self, name, content, save"),
        (FieldFile, "delete", "self, save"),
    ],
    "files_of_shared_objects_are_shared": [
        (FieldFile, "__init__", "self, instance, field, name"),
        (FieldFile, "__setstate__", "self, state"),
    ],
    "open_files_are_read_to_their_end": [
        (FieldFile, "file", "self"),
    ],
    "tenants_go_with_their_test_database": [
        (
            BaseDatabaseCreation,
            "destroy_test_db",
            "self, old_database_name, verbosity, keepdb, suffix",
        ),
    ],
    "tenants_are_not_shared_by_clones": [
        (
            BaseDatabaseCreation,
            "clone_test_db",
            "self, suffix, verbosity, autoclobber, keepdb",
        ),
    ],
    "the_admin_shows_what_is_there": [
        (AdminSite, "_build_app_dict", "self, request, label"),
        (AdminSite, "admin_view", "self, view, cacheable"),
    ],
    "the_log_of_all_tenants_is_shown_to_none": [
        (ModelAdmin, "history_view", "self, request, object_id, extra_context"),
    ],
    "sessions_of_the_shared_site_name_its_users": [
        (auth, "_get_user_session_key", "request"),
        (auth, "_aget_user_session_key", "request"),
    ],
    "the_log_of_the_shared_site_is_the_audit": [
        (
            LogEntryManager,
            "log_actions",
            "self, user_id, queryset, action_flag, change_message, single_object",
        ),
        (AdminLogNode, "render", "self, context"),
    ],
    "the_admin_says_before_that_owners_stay": [
        (NestedObjects, "collect", "self, objs, source, source_attr, **kwargs"),
    ],
    "the_admin_offers_what_is_there": [
        (AutocompleteJsonView, "process_request", "self, request"),
        (BaseModelAdmin, "formfield_for_dbfield", "self, db_field, request, **kwargs"),
    ],
    "commands_say_how_they_are_run_for_a_tenant": [
        (BaseCommand, "run_from_argv", "self, argv"),
    ],
    "stale_content_types_are_not_passed_over": [
        (remove_stale_contenttypes.Command, "handle", "self, **options"),
    ],
    "the_development_server_lists_tenants": [
        (runserver.Command, "on_bind", "self, server_port"),
    ],
    "migration_signals_name_their_tenant": [
        (pre_migrate, "send", "sender, **named"),
        (post_migrate, "send", "sender, **named"),
    ],
    "tasks_run_in_their_tenant": TASKS,
    "updates_keep_the_credentials": [
        (UpdateQuery, "add_update_values", "self, values")
    ],
    "objects_saved_by_an_impersonator_are_named": [
        (
            QuerySet,
            "_insert",
            (
                "self, objs, fields, returning_fields, raw, using, on_conflict, "
                "update_fields, unique_fields"
            ),
        ),
        (
            Model,
            "_do_update",
            (
                "self, base_qs, using, pk_val, values, update_fields, forced_update, "
                "returning_fields"
            ),
        ),
    ],
    "objects_deleted_by_an_impersonator_are_named": [
        (QuerySet, "_raw_delete", "self, using"),
        (DeleteQuery, "delete_batch", "self, pk_list, using"),
    ],
}
# These put an object of ours in place of Django's, or in apps that are not installed
# here; each has a test of its own, below or with its scope.
OF_THEIR_OWN = {
    "beginnings_are_found_by_index",
    "connections_follow_the_context",
    "content_types_are_not_kept_for_ever",
    "declared_settings_are_read_from_the_tenant",
    "keys_are_the_tenants",
    "password_policies_are_the_tenants",
    "keys_to_other_databases_are_not_enforced",
    "sitemaps_remember_by_tenant",
    "sites_are_the_tenants",
    "the_record_of_migrations_is_no_app",
}
# Parameters that Django 5.2 has not, and that only Django itself passes.
NEWER = {"force_collection", "fetch_mode", "returning_fields"}
EACH = [
    pytest.param(*place, id=f"{getattr(place[0], '__name__', '')}.{place[1]}")
    for places in SUBSTITUTED.values()
    for place in places
]


def parameters(function):
    """Return the names of a function's parameters, as they are written."""
    stars = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    return [
        stars.get(each.kind, "") + name
        for name, each in inspect.signature(
            function, follow_wrapped=False
        ).parameters.items()
    ]


def function_of(attribute):
    """Return the function that a property stands for, or the attribute itself."""
    if isinstance(attribute, cached_property):
        return attribute.func
    return attribute.fget if isinstance(attribute, property) else attribute


def test_every_scope_that_seams_are_part_of_can_be_chosen():
    assert set(seams.SCOPE_OF.values()) <= set(SCOPES)


def test_every_seam_is_named_here():
    assert {seam.__name__ for seam in seams.SEAMS} == {*SUBSTITUTED, *OF_THEIR_OWN}


@pytest.mark.parametrize("seam", seams.SEAMS, ids=lambda seam: seam.__name__)
def test_every_seam_says_why_it_is_there(seam):
    assert len(seam.__doc__) > 20


@pytest.mark.parametrize(("owner", "name", "expected"), EACH)
def test_the_seam_is_in_place_once_and_djangos_own_is_as_it_was(owner, name, expected):
    function = function_of(vars(owner).get(name))
    original = getattr(function, seams.INSTALLED, None)
    assert original is not None, f"{name} is Django's own"
    assert not hasattr(original, seams.INSTALLED), f"{name} was wrapped twice"
    assert original.__module__.startswith("django."), original
    names = parameters(original)
    wanted = [name for name in expected.split(", ") if name]
    assert [n for n in names if n not in NEWER] == [n for n in wanted if n not in NEWER]


def test_nothing_else_of_djangos_is_wrapped():
    places = {
        (owner, name) for entries in SUBSTITUTED.values() for owner, name, _ in entries
    }
    owners = {owner for owner, _ in places} | {connections.__class__.__mro__[1]}
    found = set()
    for owner in owners:
        for name, value in vars(owner).items():
            if hasattr(function_of(value), seams.INSTALLED):
                found.add((owner, name))
    assert found == places


def test_beginnings_have_sql_of_their_own_beside_djangos():
    assert vars(StartsWith)["as_postgresql"].__module__ == seams.querysets.__name__
    assert "as_sql" not in vars(StartsWith)
    assert StartsWith.param_pattern == "%s%%"
    assert [each.lookup_name for each in StartsWith.__subclasses__()][:1] == [
        "istartswith"
    ]


def test_connections_are_ours_and_one_object():
    from django import db

    assert type(connections) is TenantConnections
    assert db.connections is transaction.connections is connections
    assert issubclass(TenantConnections, ConnectionHandler)
    for name in ("__getitem__", "all", "close_all"):
        assert name in vars(TenantConnections)
        assert callable(getattr(ConnectionHandler, name))
    assert parameters(ConnectionHandler.all) == ["self", "initialized_only"]


def test_settings_are_ours_and_one_object():
    from django import conf
    from django.core import signing

    assert conf.settings is signing.settings is settings
    assert type(settings).__mro__[1] is LazySettings
    assert {"SECRET_KEY", "SECRET_KEY_FALLBACKS"} <= vars(type(settings)).keys()
    assert "key" in vars(Signer)
    assert settings.__module__ == "django.conf"  # translations are beside it
    # What our descriptors stand on: what is read is kept in the instance.
    _ = settings.USE_TZ
    assert settings.__dict__["USE_TZ"] is settings._wrapped.USE_TZ
    assert parameters(LazySettings.__getattr__) == ["self", "name"]


def test_password_policies_are_asked_for_as_django_asks():
    now = password_validation.get_default_password_validators
    original = getattr(now, seams.INSTALLED)
    assert original.__module__ == password_validation.__name__
    assert hasattr(original, "cache_clear")  # why there is a seam
    assert hasattr(now, "cache_clear")  # Django's own tests and ours call it
    assert now() == original() == []


def test_installing_twice_changes_nothing():
    before = QuerySet.__init__
    seams.install()
    assert QuerySet.__init__ is before


@pytest.mark.parametrize(
    "manager",
    [
        lambda: Author.books.related_manager_cls,
        lambda: Book.tags.related_manager_cls,
        lambda: Tag.books.related_manager_cls,
        lambda: Author.notes.related_manager_cls,
    ],
)
def test_related_managers_check_what_they_are_given_and_what_they_are_of(manager):
    manager = manager()
    wrapped = {
        name for name, value in vars(manager).items() if hasattr(value, seams.INSTALLED)
    }
    newer = {"set_base"} & vars(manager).keys()
    assert wrapped == {"_apply_rel_filters", "add", "remove", "set"} | newer


def test_querysets_hold_what_the_seams_read():
    queryset = Author.objects.all()
    assert queryset._hints == {}
    assert queryset._db is None
    assert queryset._result_cache is None
    assert queryset._query is queryset.query
    assert {"model"} <= vars(queryset.query).keys()


def test_an_execute_wrapper_is_called_as_we_expect():
    assert "execute_wrappers" in inspect.getsource(BaseDatabaseWrapper.__init__)
    from django.db.backends.utils import CursorWrapper

    assert parameters(CursorWrapper._execute_with_wrappers) == [
        "self",
        "sql",
        "params",
        "many",
        "executor",
    ]


def test_content_types_are_kept_for_a_bounded_number_of_tenants():
    cache = ContentType.objects._cache
    assert type(cache) is seams.places._RecentLabels
    small = seams.places._RecentLabels()
    small.most = 3
    small["default"] = {}
    for number in range(10):
        small.setdefault(f"tenant:t{number}", {})["x"] = number
    assert len(small) == 3
    assert "default" in small
    assert small["tenant:t9"] == {"x": 9}
    assert Note.objects is not None


def test_an_app_named_migrations_is_not_djangos_record_of_them():
    assert MigrationRecorder.Migration._meta.app_label == "django_migrations"
    with replaced(guards, "sides", guards.Sides()):
        sides = guards.sides[None]
        sides["migrations"] = guards.Side(
            tenants=True, shared=False, elsewhere=False, apart=False
        )
        assert guards.alias_now(MigrationRecorder.Migration) is None
        assert list(MigrationRecorder(connections["default"]).migration_qs[:0]) == []
