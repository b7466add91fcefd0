-- What row isolation keeps in the database. Each statement is made by the role that owns
-- the tables, and can be run again at any time.

-- name: support
-- The schema of our own objects: whose rows a statement is for, what hardens a table.
CREATE SCHEMA IF NOT EXISTS tenantry;

CREATE OR REPLACE FUNCTION tenantry.current_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(pg_catalog.current_setting('tenantry.tenant', true), '') $$;

-- What is done, once or for a tenant, of migrations that are not recorded yet: which
-- operation, what it was, and of one on rows the statements by which it defined tables.
CREATE TABLE IF NOT EXISTS tenantry.migration_steps (
    tables text NOT NULL,
    app text NOT NULL,
    name text NOT NULL,
    operation integer NOT NULL,
    tenant text NOT NULL,
    defined text[] NOT NULL DEFAULT '{}',
    about text NOT NULL DEFAULT '',
    PRIMARY KEY (tables, app, name, operation, tenant)
);

-- Lets nobody see or write another tenant's rows of the table, its owner included. The
-- policies are in every plan that is made: they ask for the setting themselves, as the
-- planner takes longer to expand a function than to find a row. A statement of no tenant
-- carries '', which no row is marked with: WITH CHECK refuses to write one.
CREATE OR REPLACE PROCEDURE tenantry.protect(target regclass)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('DROP POLICY IF EXISTS tenantry ON %s', target);
    EXECUTE format(
        'CREATE POLICY tenantry ON %s'
        ' USING (tenantry_key = pg_catalog.current_setting(''tenantry.tenant'', true))'
        ' WITH CHECK (tenantry_key ='
        ' nullif(pg_catalog.current_setting(''tenantry.tenant'', true), ''''))', target);
END $$;

-- Whether the table is protected as `protect` does it.
CREATE OR REPLACE FUNCTION tenantry.is_protected(target oid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
        SELECT FROM pg_catalog.pg_policy p
        WHERE p.polrelid = c.oid AND p.polname = 'tenantry' AND p.polpermissive
            AND p.polcmd = '*' AND p.polroles = '{0}'
            AND pg_get_expr(p.polqual, c.oid)
                = '(tenantry_key = current_setting(''tenantry.tenant''::text, true))'
            AND pg_get_expr(p.polwithcheck, c.oid)
                = '(tenantry_key = NULLIF(current_setting(''tenantry.tenant''::text, '
                'true), ''''::text))')
    FROM pg_catalog.pg_class c WHERE c.oid = target
$$;

-- Whether each row of the table is marked with its tenant.
CREATE OR REPLACE FUNCTION tenantry.is_marked(target oid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = target AND a.attname = 'tenantry_key' AND a.attnotnull
            AND NOT a.attisdropped
            AND pg_get_expr(d.adbin, target) = 'tenantry.current_tenant()')
$$;

-- Lets a role use what the owner has in a schema: rows, not definitions. What it may use
-- already is not touched: another process may be altering the table, and PostgreSQL
-- refuses to change a table's rights meanwhile ("tuple concurrently updated").
CREATE OR REPLACE PROCEDURE tenantry.let_serve(home text, role text, rights text)
LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', home, role);
    FOR found IN
        SELECT * FROM (
            SELECT c.oid::regclass AS here,
                CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS sort,
                CASE WHEN c.relkind = 'S' THEN 'SELECT, UPDATE, USAGE'
                    WHEN c.relname = 'django_migrations' THEN 'SELECT'
                    ELSE rights END AS wanted,
                ARRAY(SELECT a.privilege_type FROM pg_catalog.aclexplode(c.relacl) a
                    WHERE a.grantee = to_regrole(quote_ident(role))) AS present
            FROM pg_catalog.pg_class c
            WHERE c.relnamespace = to_regnamespace(quote_ident(home))
                AND c.relkind IN ('r', 'p', 'v', 'S')
                AND pg_get_userbyid(c.relowner) = current_user
        ) t
        WHERE NOT (present @> string_to_array(wanted, ', ')
            AND present <@ string_to_array(wanted, ', '))
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %I', found.sort, found.here, role);
        EXECUTE format(
            'GRANT %s ON %s %s TO %I', found.wanted, found.sort, found.here, role);
    END LOOP;
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT %s ON TABLES TO %I',
        home, rights, role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT ALL ON SEQUENCES TO %I',
        home, role);
END $$;

-- Refuses an exclusion constraint that cannot tell tenants apart.
CREATE OR REPLACE PROCEDURE tenantry.require_gist(method text)
LANGUAGE plpgsql AS $$
BEGIN
    IF method <> 'gist' OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_extension WHERE extname = 'btree_gist'
    ) THEN
        RAISE EXCEPTION 'An exclusion constraint by % cannot tell tenants apart.', method
            USING ERRCODE = 'feature_not_supported',
                HINT = 'It can by gist, with the extension btree_gist: add'
                    ' django.contrib.postgres.operations.BtreeGistExtension() before it.';
    END IF;
END $$;

-- Makes the tables of a schema tenant tables, those that ordinary SQL has made as well:
-- the column, the policy, and every key and btree index beginning with the tenant. Does
-- nothing to those that are. Rows that are there become those of the tenant in force.
CREATE OR REPLACE PROCEDURE tenantry.harden(home text)
LANGUAGE plpgsql AS $$
DECLARE
    tables oid[] := tenantry.tables(home);
    found record;
    rebuilt text[] := '{}';
    statement text;
BEGIN
    FOR found IN
        SELECT t.oid::regclass AS here FROM unnest(tables) t (oid) WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_attribute
            WHERE attrelid = t.oid AND attname = 'tenantry_key' AND NOT attisdropped)
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ADD COLUMN tenantry_key text COLLATE "C" NOT NULL'
            ' DEFAULT tenantry.current_tenant()', found.here);
    END LOOP;
    FOR found IN
        SELECT t.oid::regclass AS here FROM unnest(tables) t (oid)
        WHERE NOT tenantry.is_marked(t.oid)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN tenantry_key SET NOT NULL,'
            ' ALTER COLUMN tenantry_key SET DEFAULT tenantry.current_tenant()', found.here);
    END LOOP;
    FOR found IN
        SELECT c.conname, c.conrelid::regclass AS here, tenantry.foreign_key(c.oid) AS sql
        FROM pg_catalog.pg_constraint c
        WHERE c.contype = 'f' AND c.conrelid = ANY (tables) AND c.confrelid = ANY (tables)
            AND NOT tenantry.is_first(c.conrelid, c.conkey[1])
    LOOP
        rebuilt := rebuilt || found.sql;
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.here, found.conname);
    END LOOP;
    FOR found IN
        SELECT c.conname, c.conrelid::regclass AS here,
            pg_catalog.pg_get_constraintdef(c.oid) AS sql
        FROM pg_catalog.pg_constraint c
        WHERE c.conrelid = ANY (tables) AND c.contype IN ('p', 'u')
            AND NOT tenantry.is_first(c.conrelid, c.conkey[1])
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.here, found.conname);
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', found.here, found.conname,
            regexp_replace(found.sql, '\(', '(tenantry_key, '));
    END LOOP;
    FOR found IN
        SELECT c.conname, c.conrelid::regclass AS here, am.amname,
            pg_catalog.pg_get_constraintdef(c.oid) AS sql
        FROM pg_catalog.pg_constraint c
        JOIN pg_catalog.pg_class i ON i.oid = c.conindid
        JOIN pg_catalog.pg_am am ON am.oid = i.relam
        WHERE c.conrelid = ANY (tables) AND c.contype = 'x'
            AND NOT tenantry.is_first(c.conrelid, c.conkey[1])
    LOOP
        CALL tenantry.require_gist(found.amname);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.here, found.conname);
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', found.here, found.conname,
            regexp_replace(found.sql, '\(', '(tenantry_key WITH =, '));
    END LOOP;
    FOR found IN
        SELECT i.indexrelid::regclass AS here,
            pg_catalog.pg_get_indexdef(i.indexrelid) AS sql
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_am a ON a.oid = c.relam
        WHERE i.indrelid = ANY (tables) AND a.amname = 'btree'
            AND NOT tenantry.is_first(i.indrelid, i.indkey[0])
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid)
    LOOP
        EXECUTE format('DROP INDEX %s', found.here);
        EXECUTE regexp_replace(found.sql, ' USING btree \(', ' USING btree (tenantry_key, ');
    END LOOP;
    FOREACH statement IN ARRAY rebuilt LOOP
        EXECUTE statement;
    END LOOP;
    -- Partitions too: the policy of the whole is not asked where a part is named.
    FOR found IN
        SELECT c.oid::regclass AS here FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace(quote_ident(home))
            AND (c.oid = ANY (tables) OR c.relispartition AND c.relkind IN ('r', 'p'))
            AND NOT tenantry.is_protected(c.oid)
    LOOP
        CALL tenantry.protect(found.here);
    END LOOP;
    CALL tenantry.protect_views(home);
END $$;

-- Lets each view of a schema see what whom it is asked by may see, and not its owner (that
-- is so before PostgreSQL 15). Refuses materialized views: they keep one tenant's rows.
CREATE OR REPLACE PROCEDURE tenantry.protect_views(home text)
LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS here, c.relkind FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace(quote_ident(home))
            AND pg_get_userbyid(c.relowner) = current_user
            AND (c.relkind = 'm' OR c.relkind = 'v'
                AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false))
    LOOP
        IF found.relkind = 'm' THEN
            RAISE EXCEPTION 'The materialized view % would show one tenant''s rows to all.', found.here
                USING HINT = 'Create it by a statement of its own, which makes it an ordinary view.';
        ELSIF current_setting('server_version_num')::integer >= 150000 THEN
            EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', found.here);
        END IF;
    END LOOP;
END $$;

-- The tables of a schema that hold tenants' rows: all but Django's record of migrations.
CREATE OR REPLACE FUNCTION tenantry.tables(home text) RETURNS oid[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(c.oid ORDER BY c.oid), '{}')
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(home))
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> 'django_migrations'
$$;

-- Whether the tenant in force has rows in a tenant table of the schema.
CREATE OR REPLACE FUNCTION tenantry.is_occupied(home text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    target regclass;
    found boolean;
BEGIN
    FOR target IN
        SELECT attrelid FROM pg_catalog.pg_attribute
        WHERE attrelid = ANY (tenantry.tables(home)) AND attname = 'tenantry_key'
            AND NOT attisdropped
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE tenantry_key = $1)', target)
            INTO found USING tenantry.current_tenant();
        IF found THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- Whether the column of that number is the tenant's.
CREATE OR REPLACE FUNCTION tenantry.is_first(target oid, number smallint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = target AND attnum = number AND attname = 'tenantry_key')
$$;

-- The SQL of a foreign key between two tenant tables, with the tenant in front.
CREATE OR REPLACE FUNCTION tenantry.foreign_key(made oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format(
        'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (tenantry_key, %s)'
        ' REFERENCES %s (tenantry_key, %s)%s%s%s',
        c.conrelid::regclass, c.conname, here.names, c.confrelid::regclass, there.names,
        CASE c.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE' ELSE '' END,
        CASE c.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE'
            WHEN 'r' THEN ' ON DELETE RESTRICT'
            WHEN 'n' THEN format(' ON DELETE SET NULL (%s)', here.names)
            WHEN 'd' THEN format(' ON DELETE SET DEFAULT (%s)', here.names)
            ELSE '' END,
        CASE WHEN c.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED'
            WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END)
    FROM pg_catalog.pg_constraint c
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place) AS names
        FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
    ) here
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place) AS names
        FROM unnest(c.confkey) WITH ORDINALITY k (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number
    ) there
    WHERE c.oid = made
$$;

-- Raises a sequence to at least the value; never lowers it, as all tenants draw from it.
CREATE OR REPLACE FUNCTION tenantry.raise_sequence(target regclass, value bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    reached bigint;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(target::oid::bigint);
    EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END'
        ' FROM %s', target) INTO reached;
    IF value > reached THEN
        RETURN pg_catalog.setval(target, value);
    END IF;
    RETURN reached;
END $$;

-- As `setval` with three parameters.
CREATE OR REPLACE FUNCTION tenantry.raise_sequence(
    target regclass, value bigint, called boolean) RETURNS bigint
LANGUAGE sql AS $$
    SELECT tenantry.raise_sequence(target, CASE WHEN called THEN value ELSE value - 1 END)
$$;

-- Refuses to make a tenant while its tables are being migrated, or have been since its
-- template was made: it would miss what is done for each tenant.
CREATE OR REPLACE FUNCTION tenantry.require_at_rest(target text, migrations bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(
        pg_catalog.hashtextextended('tenantry ' || target, 0));
    EXECUTE format('SELECT count(*) FROM %I.django_migrations', target) INTO found;
    IF found <> migrations OR EXISTS (
        SELECT FROM tenantry.migration_steps WHERE tables = target
    ) THEN
        RAISE EXCEPTION 'The tables in schema % are being migrated, or were since the template was made.', target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Run `manage.py tenants migrate`, restart processes of older code, then create the tenant again.';
    END IF;
END $$;

-- name: tables
-- The tenant tables of a schema: name, columns that can be written, and which columns
-- refer to which columns of which other tenant table.
SELECT c.relname,
    ARRAY(
        SELECT a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = '' AND a.attname <> 'tenantry_key'
        ORDER BY a.attnum),
    ARRAY(
        SELECT json_build_array(there.relname,
            ARRAY(SELECT a.attname FROM unnest(f.conkey) WITH ORDINALITY k (number, place)
                JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = f.conrelid AND a.attnum = k.number ORDER BY k.place),
            ARRAY(SELECT a.attname FROM unnest(f.confkey) WITH ORDINALITY k (number, place)
                JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = f.confrelid AND a.attnum = k.number ORDER BY k.place))
        FROM pg_catalog.pg_constraint f
        JOIN pg_catalog.pg_class there ON there.oid = f.confrelid
        WHERE f.conrelid = c.oid AND f.contype = 'f'
            AND there.relnamespace = c.relnamespace)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'tenantry_key' AND NOT a.attisdropped)
ORDER BY c.relname
