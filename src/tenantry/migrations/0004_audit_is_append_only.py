"""The database refuses what the model does: an entry of the audit to be changed.

PostgreSQL refuses deletion too, but in a transaction that begins with
`SET LOCAL tenantry.remove_entries = 'on'`. SQLite does not, as `flush` deletes there; MariaDB and
MySQL have no trigger, as making one takes a right that few servers give.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

TABLE = "tenantry_auditentry"
REASON = "an entry of the audit is written once"
MAKE = {
    "postgresql": [
        f"""
        CREATE FUNCTION tenantry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
        IF TG_OP = 'DELETE' AND current_setting('tenantry.remove_entries', true) = 'on'
        THEN RETURN OLD; END IF;
        RAISE EXCEPTION '{REASON}' USING ERRCODE = 'restrict_violation'; END $$
        """,
        f"""
        CREATE TRIGGER tenantry_append_only BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION tenantry_append_only()
        """,
    ],
    "sqlite": [
        f"""
        CREATE TRIGGER tenantry_append_only BEFORE UPDATE ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{REASON}'); END
        """
    ],
}
REMOVE = {
    "postgresql": [
        f"DROP TRIGGER tenantry_append_only ON {TABLE}",
        "DROP FUNCTION tenantry_append_only()",
    ],
    "sqlite": ["DROP TRIGGER tenantry_append_only"],
}


def make(_apps: Any, schema_editor: Any) -> None:
    for statement in MAKE.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


def remove(_apps: Any, schema_editor: Any) -> None:
    for statement in REMOVE.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("tenantry", "0003_people")]
    operations = [migrations.RunPython(make, remove, elidable=False)]
