"""What the catalogue and the tables of a schema hold, to be compared with another's."""

import json
import re

TABLES = """
SELECT c.relname, c.relkind::text, obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
ORDER BY 1
"""
COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS "default",
    a.attidentity::text, a.attgenerated::text, collname,
    col_description(c.oid, a.attnum) AS comment
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'v')
ORDER BY c.relname, a.attnum
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text, convalidated,
    pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE connamespace = %s::regnamespace ORDER BY 1, 2
"""
INDEXES = """
SELECT i.indrelid::regclass::text, c.relname, am.amname, i.indisvalid,
    pg_get_indexdef(c.oid) AS definition
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am am ON am.oid = c.relam
WHERE c.relnamespace = %s::regnamespace ORDER BY 1, 2
"""
VIEWS = """
SELECT c.relname, pg_get_viewdef(c.oid) AS definition FROM pg_class c
WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'v' ORDER BY 1
"""
POLICIES = """
SELECT c.relname, tenantry.is_protected(c.oid) AND 1 = (
    SELECT count(*) FROM pg_policy WHERE polrelid = c.oid)
FROM pg_class c
WHERE c.relnamespace = '{0}'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname <> 'django_migrations'
"""
RIGHTS = """
SELECT c.relname, CASE WHEN c.relkind = 'S'
    THEN has_sequence_privilege('{1}', c.oid, 'USAGE')
        AND has_sequence_privilege('{1}', c.oid, 'UPDATE')
    ELSE (SELECT string_agg(p, ' ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE',
        'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
        WHERE has_table_privilege('{1}', c.oid, p)) = 'SELECT INSERT UPDATE DELETE' END
FROM pg_class c
WHERE c.relnamespace = '{0}'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
    AND c.relname NOT LIKE 'django_migrations%'
"""
KEY = "tenantry_key"
FIRST = re.compile(rf"\({KEY}(?: WITH =)?, ")
SET = re.compile(r"(ON DELETE SET (?:NULL|DEFAULT)) \([^)]*\)")


def ask(connection, schema, query):
    """Return the rows of a query on the schema's catalogue, names unqualified."""
    with connection.cursor() as cursor:
        cursor.execute(query, [schema])
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [
        {
            name: value.replace(f"{schema}.", "").replace("tenantry_shared.", "")
            if isinstance(value, str)
            else value
            for name, value in row.items()
        }
        for row in found
    ]


def catalogue(connection, schema):
    """Return all that the catalogue says of the schema's tables and what is on them.

    Names of shared schemas stay in it: these are the same everywhere.
    """
    return {
        name: [row for row in ask(connection, schema, query) if ours(row)]
        for name, query in (
            ("tables", TABLES),
            ("columns", COLUMNS),
            ("constraints", CONSTRAINTS),
            ("indexes", INDEXES),
            ("views", VIEWS),
        )
    }


def ours(row):
    """Whether what the row is about is of the cases, and not of the fleet's app."""
    name = row.get("relname") if "conrelid" not in row else row["conrelid"]
    about = row.get("indrelid", name).strip('"')
    return about.startswith(("gadgets_", "renamed")) and "gadgets_gadget" not in about


def without_tenant(found):
    """Return the catalogue of row tenants' tables as plain Django's should be.

    Fails where a key or a btree index does not begin with the tenant.
    """
    kept = {**found, "columns": [], "constraints": [], "indexes": []}
    marked = set()
    for row in found["columns"]:
        if row["attname"] == KEY:
            marked.add(row["relname"])
            assert row["type"] == "text", row
            assert row["collname"] == "C", row
        else:
            kept["columns"].append(row)
    tables = {row["relname"] for row in found["tables"] if row["relkind"] in "rp"}
    assert marked >= tables, tables - marked
    for row in found["constraints"]:
        sql = row["definition"]
        if row["contype"] in "pux":
            assert FIRST.search(sql), row
        if row["contype"] == "f" and "auth_" not in sql and "geo_" not in sql:
            assert len(FIRST.findall(sql)) == 2, row
        sql = SET.sub(r"\1", FIRST.sub("(", sql))
        kept["constraints"].append({**row, "definition": sql})
    for row in found["indexes"]:
        if row["amname"] == "btree":
            assert FIRST.search(row["definition"]), row
        kept["indexes"].append({**row, "definition": FIRST.sub("(", row["definition"])})
    return kept


def tables(connection, schema):
    """Return the names of the app's tables and views."""
    found = ask(connection, schema, TABLES)
    return [row["relname"] for row in found if ours(row) and row["relkind"] != "S"]


def rows(connection, schema):
    """Return the rows of every table of the app, without the tenant's mark."""
    names = tables(connection, schema)
    found = {name: [] for name in names}
    query = " UNION ALL ".join(
        f"SELECT '{name}', to_jsonb(t) - '{KEY}' FROM \"{schema}\".\"{name}\" t"
        for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        for name, row in cursor:
            found[name].append(json.loads(row))
    return {name: sorted(those, key=str) for name, those in found.items()}
