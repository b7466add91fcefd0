-- What `tenants doctor` asks of the tables in a schema of row tenants. Each statement
-- returns the names of what is not as it must be; %(schema)s is the schema, %(serving)s
-- the role that serves requests, %(owner)s the one that owns the tables.

-- name: serving_role
SELECT 'it is a superuser' FROM pg_roles WHERE rolname = %(serving)s AND rolsuper
UNION ALL
SELECT 'it has BYPASSRLS' FROM pg_roles
WHERE rolname = %(serving)s AND rolbypassrls AND NOT rolsuper
UNION ALL
SELECT 'it is a member of ' || o.rolname FROM pg_roles o
WHERE %(serving)s <> %(owner)s AND NOT (
        SELECT rolsuper FROM pg_roles WHERE rolname = %(serving)s)
    AND pg_has_role(%(serving)s, o.oid, 'MEMBER') AND (
        o.rolname = %(owner)s OR o.rolsuper OR o.rolbypassrls)
UNION ALL
SELECT 'it may create objects in schema ' || nspname FROM pg_namespace
WHERE %(serving)s <> %(owner)s AND nspname IN (%(schema)s, 'tenantry')
    AND has_schema_privilege(%(serving)s, oid, 'CREATE')

-- name: owner_role
SELECT CASE WHEN rolsuper THEN 'it is a superuser' ELSE 'it has BYPASSRLS' END
FROM pg_roles WHERE rolname = %(owner)s AND (rolsuper OR rolbypassrls)

-- name: one_role
SELECT rolname FROM pg_roles WHERE rolname = %(owner)s AND rolname = %(serving)s

-- name: other_roles
SELECT r.rolname FROM pg_roles r
WHERE r.rolbypassrls AND NOT r.rolsuper AND r.rolname NOT IN (%(serving)s, %(owner)s)
    AND EXISTS (
        SELECT FROM unnest(tenantry.tables(%(schema)s)) t (oid)
        WHERE has_table_privilege(r.oid, t.oid, 'SELECT'))
ORDER BY 1

-- name: policies
SELECT c.relname || CASE
    WHEN NOT c.relrowsecurity THEN ' (row-level security is off)'
    WHEN NOT c.relforcerowsecurity THEN ' (not forced: its owner sees all)'
    WHEN NOT tenantry.is_protected(c.oid) THEN ' (not by the policy of tenantry)'
    ELSE ' (another policy lets more through)' END
FROM unnest(tenantry.tables(%(schema)s)) t (oid)
JOIN pg_class c ON c.oid = t.oid
WHERE NOT tenantry.is_protected(c.oid) OR EXISTS (
    SELECT FROM pg_policy o
    WHERE o.polrelid = c.oid AND o.polname <> 'tenantry' AND o.polpermissive)
ORDER BY 1

-- name: columns
SELECT c.relname
FROM unnest(tenantry.tables(%(schema)s)) t (oid)
JOIN pg_class c ON c.oid = t.oid
WHERE NOT tenantry.is_marked(c.oid)
ORDER BY 1

-- name: keys
SELECT k.conrelid::regclass || '.' || k.conname
FROM pg_constraint k
WHERE k.conrelid = ANY (tenantry.tables(%(schema)s)) AND (
    k.contype IN ('p', 'u', 'x') AND NOT tenantry.is_first(k.conrelid, k.conkey[1])
    OR k.contype = 'f' AND k.confrelid = ANY (tenantry.tables(%(schema)s))
        AND NOT tenantry.is_first(k.conrelid, k.conkey[1]))
ORDER BY 1

-- name: indexes
SELECT c.relname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY (tenantry.tables(%(schema)s)) AND m.amname = 'btree'
    AND NOT tenantry.is_first(i.indrelid, i.indkey[0])
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
ORDER BY 1

-- name: relations
SELECT c.relname || CASE c.relkind WHEN 'm' THEN ' (materialized view)'
    WHEN 'f' THEN ' (foreign table)' WHEN 'v' THEN ' (view of another role)'
    ELSE ' (partition without the policy)' END
FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND (
    c.relkind IN ('m', 'f') OR c.relispartition AND NOT tenantry.is_protected(c.oid) OR c.relkind = 'v' AND c.relowner <> (
        SELECT oid FROM pg_roles WHERE rolname = %(owner)s)
    AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'],
        false))
ORDER BY 1

-- name: rights
SELECT c.relname
FROM unnest(tenantry.tables(%(schema)s)) t (oid)
JOIN pg_class c ON c.oid = t.oid
WHERE NOT has_table_privilege(%(serving)s, c.oid, 'SELECT')
    OR NOT has_table_privilege(%(serving)s, c.oid, 'INSERT')
    OR NOT has_table_privilege(%(serving)s, c.oid, 'UPDATE')
    OR NOT has_table_privilege(%(serving)s, c.oid, 'DELETE')
    OR %(serving)s <> %(owner)s AND has_table_privilege(%(serving)s, c.oid, 'TRUNCATE')
ORDER BY 1

-- name: owners
SELECT c.relname || ' (' || pg_get_userbyid(c.relowner) || ')'
FROM unnest(tenantry.tables(%(schema)s)) t (oid)
JOIN pg_class c ON c.oid = t.oid
WHERE pg_get_userbyid(c.relowner) <> %(owner)s
ORDER BY 1

-- name: steps
SELECT DISTINCT app || '.' || name FROM tenantry.migration_steps
WHERE tables = %(schema)s ORDER BY 1
