"""Which statements change something, and what."""

import pytest

from tenantry.users.recording import writes


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('INSERT INTO "shop_tag" ("name") VALUES (%s)', [("insert", "shop_tag")]),
        ("INSERT OR IGNORE INTO `shop_tag` VALUES (1)", [("insert", "shop_tag")]),
        ("INSERT IGNORE INTO `shop_tag` VALUES (1)", [("insert", "shop_tag")]),
        ("replace into shop_tag values (1)", [("replace", "shop_tag")]),
        ('UPDATE "shop_tag" SET "name" = %s', [("update", "shop_tag")]),
        ("update only acme.shop_tag set x = 1", [("update", "shop_tag")]),
        ('DELETE FROM "acme"."shop_tag" WHERE id IN (1)', [("delete", "shop_tag")]),
        ("MERGE INTO a USING b ON true", [("merge", "a")]),
        ("  /* x */ -- y\n TRUNCATE shop_tag", [("truncate", "")]),
        ("SELECT 1; DROP TABLE x", [("drop", "")]),
        ("TRUNCATE shop_tag", [("truncate", "")]),
        ("ALTER TABLE x ADD y int", [("alter", "")]),
        ("CALL act()", [("call", "")]),
        (
            "SELECT 1; DELETE FROM a; UPDATE b SET x = 1",
            [("delete", "a"), ("update", "b")],
        ),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", [("delete", "a")]),
        (
            "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = 1",
            [("insert", "a")],
        ),
        ("INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE y = 1", [("insert", "a")]),
        ('SELECT "x"."update", "delete" FROM "x"', []),
        ("SELECT * FROM x FOR UPDATE NOWAIT", []),
        ("SELECT * FROM x FOR NO KEY UPDATE SKIP LOCKED", []),
        ("SAVEPOINT x", []),
        ("SELECT replace(a, 'b', 'c') FROM x", []),
    ],
)
def test_what_a_statement_changes(sql, expected):
    assert writes(sql) == expected
