"""Django's schema operations, each on tables that hold rows; what they are tried on."""

from dataclasses import dataclass

from django.contrib.postgres import constraints as pg_constraints
from django.contrib.postgres import fields as pg_fields
from django.contrib.postgres import indexes as pg
from django.contrib.postgres import operations as pg_operations
from django.db import migrations as m
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now, Upper

AUTHOR, BOOK, TAG = "gadgets.author", "gadgets.book", "gadgets.tag"


def pk():
    return models.BigAutoField(primary_key=True)


def char(length=40, **options):
    return models.CharField(max_length=length, **options)


def fk(to=AUTHOR, **options):
    return models.ForeignKey(to, options.pop("on_delete", models.CASCADE), **options)


def create(name, *fields, **more):
    """Return the operation that makes a model; fields are pairs."""
    listed = list(fields)
    if not any(getattr(field, "primary_key", False) for _, field in fields):
        listed.insert(0, ("id", pk()))
    return m.CreateModel(name, listed, **more)


def base():
    """Return the operations that make the tables on which others are tried."""
    return [
        create(
            "Author",
            ("name", char(40)),
            ("code", char(10, unique=True)),
            ("rank", models.IntegerField(null=True)),
            ("born", models.DateField(null=True)),
            ("words", pg_fields.ArrayField(models.TextField(), default=list)),
            ("span", pg_fields.IntegerRangeField(null=True)),
        ),
        create("Tag", ("label", models.SlugField(unique=True))),
        create(
            "Book",
            ("title", char(60, db_index=True)),
            ("author", fk(related_name="books")),
            ("pages", models.PositiveIntegerField(default=0, null=True)),
            ("tags", models.ManyToManyField(TAG, related_name="books")),
        ),
        create("Leaf", ("parent", fk("self", null=True))),
        create("Desk", ("author", models.OneToOneField(AUTHOR, models.CASCADE))),
        create("Fan", ("idol", fk(to_field="code", null=True))),
    ]


# Rows of both tenants, `{0}` being which; and those that only the second has.
FILL = """
INSERT INTO gadgets_author (id, name, code, rank, words, span) VALUES
    (1, 'Ann of {0}', 'ann', 3, '{{}}', '[1,5)'),
    (2, 'Bob of {0}', 'bob', NULL, '{{x}}', '[7,9)');
INSERT INTO gadgets_tag (id, label) VALUES (1, 'red'), (2, 'blue');
INSERT INTO gadgets_book (id, title, author_id, pages) VALUES
    (1, 'one of {0}', 1, NULL), (2, 'two', 2, 7);
INSERT INTO gadgets_book_tags (id, book_id, tag_id) VALUES (1, 1, 1), (2, 1, 2);
INSERT INTO gadgets_leaf (id, parent_id) VALUES (1, NULL), (2, 1), (3, 2);
INSERT INTO gadgets_desk (id, author_id) VALUES (1, 1);
INSERT INTO gadgets_fan (id, idol_id) VALUES (1, 'ann'), (2, NULL);
"""
EXTRA = """
INSERT INTO gadgets_author (id, name, code, words) VALUES (99, 'Eve', 'eve', '{{}}');
INSERT INTO gadgets_tag (id, label) VALUES (99, 'grey');
INSERT INTO gadgets_book (id, title, author_id) VALUES (99, 'three', 99);
INSERT INTO gadgets_leaf (id) VALUES (99);
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Operations, and rows to add after them to each tenant.

    *backwards*: they can be undone with those rows. *committed*: they are, as they want
    no transaction around them, or lock what both sorts of tables refer to.
    """

    make: object
    then: str = ""
    atomic: bool = True
    backwards: bool = True
    committed: bool = False


CASES = {}


def case(*names, **more):
    """Register what a function returns, called with each of the names, as cases."""

    def register(function):
        if not names:
            CASES[function.__name__] = Case(make=function, **more)
        for name in names:
            CASES[f"{function.__name__} {name}"] = Case(
                make=lambda name=name: function(name),
                **{"committed": name == "fk shared", **more},
            )
        return function

    return register


# --- Models.

FIELDS = {
    "char": lambda: char(9, db_index=True),
    "text": lambda: models.TextField(unique=True),
    "collated": lambda: char(9, db_collation="C", unique=True),
    "checked": lambda: models.PositiveSmallIntegerField(unique=True),
    "json": lambda: models.JSONField(default=dict),
    "commented": lambda: models.IntegerField(db_comment="it's", unique=True),
    "db_default": lambda: models.IntegerField(db_default=5),
    "db_now": lambda: models.DateTimeField(db_default=Now()),
    "generated": lambda: models.GeneratedField(
        expression=Lower("label"),
        output_field=char(9),
        db_persist=True,
        unique=True,
    ),
    "uuid": lambda: models.UUIDField(unique=True, null=True),
    "column": lambda: models.IntegerField(db_column="Odd Name", unique=True),
    "fk": fk,
    "fk code": lambda: fk(to_field="code"),
    "fk self": lambda: fk("self", null=True),
    "fk soft": lambda: fk(db_constraint=False),
    "fk unindexed": lambda: fk(db_index=False),
    "fk user": lambda: fk("auth.user", null=True),
    "fk shared": lambda: fk("geo.country", null=True),
    "one to one": lambda: models.OneToOneField(AUTHOR, models.CASCADE),
    "m2m": lambda: models.ManyToManyField(TAG, db_table="renamed_m2m"),
    "m2m self": lambda: models.ManyToManyField("self"),
    "binary": lambda: models.BinaryField(default=b""),
    "array": lambda: pg_fields.ArrayField(char(3), null=True),
    "range": lambda: pg_fields.DateTimeRangeField(null=True),
}


@case(*FIELDS)
def create_model(name):
    label = ("label", char(9))
    return [create("Thing", label, ("extra", FIELDS[name]()))]


@case(then="INSERT INTO gadgets_thing (id) VALUES ('{0}')")
def create_model_with_text_key():
    return [create("Thing", ("id", char(9, primary_key=True)))]


@case(then="INSERT INTO gadgets_thing (author_id, tag_id) VALUES (1, 1), (1, 2)")
def create_model_with_composite_key():
    key = models.CompositePrimaryKey("author_id", "tag_id")
    return [create("Thing", ("pk", key), ("author", fk()), ("tag", fk(TAG)))]


@case(then="INSERT INTO gadgets_poet (author_ptr_id, verse) VALUES (1, 'x')")
def create_model_that_inherits():
    pointer = models.OneToOneField(
        AUTHOR, models.CASCADE, parent_link=True, primary_key=True
    )
    fields = [("author_ptr", pointer), ("verse", char(9))]
    return [m.CreateModel("Poet", fields, bases=(AUTHOR,))]


@case(
    then="INSERT INTO gadgets_role (id, author_id, tag_id, since) VALUES (7, 1, 2, 3)"
)
def create_model_with_through():
    return [
        create(
            "Role", ("author", fk()), ("tag", fk(TAG)), ("since", models.IntegerField())
        ),
        m.AddField(
            "tag",
            "authors",
            models.ManyToManyField(AUTHOR, through="gadgets.role", related_name="+"),
        ),
    ]


@case(then="INSERT INTO gadgets_thing (id, a, b) VALUES (7, 1, 1), (8, 1, 2)")
def create_model_with_options():
    return [
        create(
            "Thing",
            ("a", models.IntegerField(default=1)),
            ("b", models.IntegerField(null=True, default=2)),
            options={
                "unique_together": {("a", "b")},
                "db_table_comment": "it's things",
                "indexes": [models.Index(fields=["a", "-b"], name="thing_ab")],
                "constraints": [
                    models.CheckConstraint(condition=Q(a__gt=0), name="thing_a"),
                    models.UniqueConstraint("b", name="thing_b", include=["a"]),
                ],
            },
        )
    ]


@case()
def create_model_ordered():
    ordered = {"order_with_respect_to": "author"}
    return [create("Thing", ("author", fk()), options=ordered)]


@case()
def create_model_unmanaged():
    return [create("Thing", ("n", models.IntegerField()), options={"managed": False})]


@case()
def create_model_swappable():
    return [create("Thing", options={"swappable": "GADGETS_THING_MODEL"})]


@case("Tag", "Leaf", "Desk", "Book")
def delete_model(name):
    before = [m.RemoveField("book", "tags")] if name == "Tag" else []
    return [*before, m.DeleteModel(name)]


@case("Author", "Book", "Tag", "Leaf")
def rename_model(name):
    return [m.RenameModel(name, "Renamed")]


@case(then="INSERT INTO gadgets_desk (id, author_id) VALUES (1, 1)")
def rename_model_and_make_another_of_its_name():
    """The first keeps its constraints, so those of the second get other names."""
    author = models.OneToOneField(AUTHOR, models.CASCADE)
    return [m.RenameModel("Desk", "Bench"), create("Desk", ("author", author))]


@case("Author", "Book")
def alter_model_table(name):
    return [m.AlterModelTable(name, "renamed")]


@case()
def alter_model_table_comment():
    return [m.AlterModelTableComment("author", "it's")]


@case(
    then="INSERT INTO gadgets_author (id, code, name, words) "
    "VALUES (5, 'ida', 'Ann of {0}', '{{}}')"
)
def alter_unique_together():
    return [
        m.AlterUniqueTogether("author", {("name", "rank")}),
        m.AlterUniqueTogether("author", {("name", "code")}),
    ]


@case()
def alter_order_with_respect_to():
    return [m.AlterOrderWithRespectTo("book", "author")]


# --- Fields.


@case(*[name for name in FIELDS if name != "db_now"])
def add_field(name):
    """To tables that have rows: one at most can be without a value that is unique."""
    field = FIELDS[name]()
    if field.generated:
        field.expression = Lower("code")
    elif field.unique or field.is_relation:
        field.null = not field.many_to_many
    elif not field.null and not field.has_default() and not field.has_db_default():
        field.default = "x"
    return [m.AddField("author", "extra", field)]


@case()
def add_field_not_null_foreign_key():
    return [m.AddField("tag", "author", fk(default=1), preserve_default=False)]


@case()
def add_field_and_fill_and_alter_it():
    return [
        m.AddField("tag", "n", models.IntegerField(null=True)),
        m.AlterField("tag", "n", models.IntegerField(default=4, db_index=True)),
        m.AlterField("tag", "n", models.BigIntegerField(default=4)),
    ]


@case(
    "author name", "author code", "book author", "book tags", "book title", "fan idol"
)
def remove_field(name):
    model, field = name.split()
    first = [m.DeleteModel("Fan")] if field == "code" else []
    return [*first, m.RemoveField(model, field)]


remove_not_null = {"author name", "author code", "book author", "book title"}
for name in remove_not_null:  # backwards, rows would have no value
    CASES[f"remove_field {name}"] = Case(
        make=CASES[f"remove_field {name}"].make, backwards=False
    )


ALTERED = {
    "not null": ("author", "rank", lambda: models.IntegerField(default=8)),
    "not null by db": ("author", "rank", lambda: models.IntegerField(db_default=8)),
    "not null relation": ("fan", "idol", lambda: fk(to_field="code", default="bob")),
    "null": ("author", "name", lambda: char(40, null=True)),
    "text": ("author", "name", models.TextField),
    "longer": ("author", "code", lambda: char(99, unique=True)),
    "unique": ("author", "name", lambda: char(40, unique=True)),
    "unique instead of index": ("book", "title", lambda: char(60, unique=True)),
    "index": ("author", "name", lambda: char(40, db_index=True)),
    "no index": ("book", "title", lambda: char(60)),
    "not unique": ("tag", "label", models.SlugField),
    "no slug": ("tag", "label", lambda: models.TextField(unique=True)),
    "small key": ("leaf", "id", lambda: models.AutoField(primary_key=True)),
    "referred key": ("author", "id", lambda: models.AutoField(primary_key=True)),
    "plain key": ("author", "id", lambda: models.BigIntegerField(primary_key=True)),
    "bigger": ("author", "rank", lambda: models.BigIntegerField(null=True)),
    "checked": ("author", "rank", lambda: models.PositiveIntegerField(null=True)),
    "unchecked": ("book", "pages", lambda: models.IntegerField(null=True, default=0)),
    "number to text": ("author", "rank", lambda: char(9, null=True)),
    "column": ("author", "name", lambda: char(40, db_column="N")),
    "comment": ("author", "name", lambda: char(40, db_comment="c")),
    "collation": ("author", "name", lambda: char(40, db_collation="C")),
    "referred collation": (
        "author",
        "code",
        lambda: char(10, unique=True, db_collation="C"),
    ),
    "db default": (
        "author",
        "rank",
        lambda: models.IntegerField(null=True, db_default=6),
    ),
    "one to one": (
        "book",
        "author",
        lambda: models.OneToOneField(AUTHOR, models.CASCADE),
    ),
    "foreign key": ("desk", "author", fk),
    "soft": ("book", "author", lambda: fk(db_constraint=False)),
    "nullable key": ("book", "author", lambda: fk(null=True)),
    "unindexed": ("book", "author", lambda: fk(db_index=False)),
    "other model": (
        "desk",
        "author",
        lambda: models.OneToOneField(TAG, models.CASCADE),
    ),
    "number": ("book", "author", models.BigIntegerField),
    "m2m": (
        "book",
        "tags",
        lambda: models.ManyToManyField(TAG, related_name="+", db_table="renamed"),
    ),
    "m2m model": (
        "book",
        "tags",
        lambda: models.ManyToManyField(AUTHOR, related_name="+"),
    ),
}


@case(*ALTERED)
def alter_field(name):
    model, field, make = ALTERED[name]
    options = {"db_column": "author_id"} if name == "number" else {}
    return [m.AlterField(model, field, make(**options))]


@case(backwards=False)
def alter_field_to_be_the_key():
    """The key is another field than before, and what refers to it follows."""
    return [
        m.DeleteModel("Book"),
        m.DeleteModel("Desk"),
        m.DeleteModel("Fan"),
        m.RemoveField("author", "id"),
        m.AlterField("author", "code", char(10, primary_key=True)),
        create("Thing", ("author", fk(null=True))),
    ]


@case()
def alter_field_to_count_by_itself():
    return [
        create("Thing", ("id", models.BigIntegerField(primary_key=True))),
        m.AlterField("thing", "id", pk()),
    ]


@case(
    "author name", "author code", "author id", "book author", "book tags", "leaf parent"
)
def rename_field(name):
    model, field = name.split()
    return [m.RenameField(model, field, "renamed")]


if hasattr(models, "DB_CASCADE"):  # Django 6.1
    ON_DELETE = {
        "cascade": lambda: fk(on_delete=models.DB_CASCADE),
        "set null": lambda: fk(on_delete=models.DB_SET_NULL, null=True),
        "set default": lambda: fk(
            on_delete=models.DB_SET_DEFAULT, db_default=2, null=True
        ),
    }
    DELETE_ONE = """
        INSERT INTO gadgets_thing (id, author_id) VALUES (1, 1), (2, 2);
        DELETE FROM gadgets_book_tags; DELETE FROM gadgets_book;
        DELETE FROM gadgets_desk; DELETE FROM gadgets_fan;
        DELETE FROM gadgets_author WHERE id = 1
    """

    @case(*ON_DELETE, then=DELETE_ONE)
    def on_delete_in_a_new_table(name):
        return [create("Thing", ("author", ON_DELETE[name]()))]

    @case(*ON_DELETE, then=DELETE_ONE)
    def on_delete_in_a_new_column(name):
        return [
            create("Thing", ("n", models.IntegerField(null=True))),
            m.AddField("thing", "author", ON_DELETE[name]()),
        ]

    @case(*ON_DELETE, then="DELETE FROM gadgets_leaf WHERE id = 1")
    def on_delete_in_an_altered_column(name):
        options = {} if name != "set default" else {"db_default": 2}
        action = getattr(models, f"DB_{name.upper().replace(' ', '_')}")
        leaf = fk("self", null=True, on_delete=action, **options)
        return [m.AlterField("leaf", "parent", leaf)]


# --- Indexes and constraints.

INDEXES = {
    "plain": lambda: models.Index("name", F("rank").desc(), name="made"),
    "fields": lambda: models.Index(fields=["-name", "rank"], name="made"),
    "partial": lambda: models.Index("name", condition=Q(rank__gt=1), name="made"),
    "expression": lambda: models.Index(Upper("name"), F("rank").desc(), name="made"),
    "covering": lambda: models.Index("name", include=["rank"], name="made"),
    "opclasses": lambda: models.Index(
        fields=["name"], opclasses=["text_pattern_ops"], name="made"
    ),
    "btree": lambda: pg.BTreeIndex(fields=["name"], fillfactor=70, name="made"),
    "gin": lambda: pg.GinIndex(fields=["words"], fastupdate=False, name="made"),
    "gist": lambda: pg.GistIndex(fields=["span"], name="made"),
    "spgist": lambda: pg.SpGistIndex(fields=["span"], name="made"),
    "brin": lambda: pg.BrinIndex(fields=["rank", "born"], name="made"),
    "hash": lambda: pg.HashIndex(fields=["name"], name="made"),
}


@case(*INDEXES)
def add_index(name):
    return [m.AddIndex("author", INDEXES[name]())]


@case(*INDEXES)
def rename_and_remove_index(name):
    return [
        m.AddIndex("author", INDEXES[name]()),
        m.RenameIndex("author", new_name="made_too", old_name="made"),
        m.RemoveIndex("author", "made_too"),
    ]


@case("plain", "partial", "expression", "gin", atomic=False, committed=True)
def add_index_concurrently(name):
    return [pg_operations.AddIndexConcurrently("author", INDEXES[name]())]


@case(atomic=False, committed=True)
def remove_index_concurrently():
    return [
        m.AddIndex("author", INDEXES["plain"]()),
        pg_operations.RemoveIndexConcurrently("author", "made"),
    ]


CONSTRAINTS = {
    "check": lambda: models.CheckConstraint(condition=~Q(name="%"), name="made"),
    "unique": lambda: models.UniqueConstraint(fields=["name", "born"], name="made"),
    "deferrable": lambda: models.UniqueConstraint(
        fields=["name"], name="made", deferrable=models.Deferrable.DEFERRED
    ),
    "partial": lambda: models.UniqueConstraint(
        fields=["name"], condition=Q(rank__gt=0), name="made"
    ),
    "covering": lambda: models.UniqueConstraint(
        fields=["name"], include=["rank"], name="made"
    ),
    "expression": lambda: models.UniqueConstraint(
        Lower("name"), F("rank").desc(), name="made"
    ),
    "opclasses": lambda: models.UniqueConstraint(
        fields=["name"], opclasses=["varchar_pattern_ops"], name="made"
    ),
    "nulls": lambda: models.UniqueConstraint(
        fields=["name", "rank"], nulls_distinct=False, name="made"
    ),
    "exclusion": lambda: pg_constraints.ExclusionConstraint(
        name="made", expressions=[("span", "&&")]
    ),
    "exclusion of two": lambda: pg_constraints.ExclusionConstraint(
        name="made",
        expressions=[("span", "&&"), (F("rank"), "=")],
        condition=Q(rank__gt=0),
        deferrable=models.Deferrable.IMMEDIATE,
    ),
}


@case(*CONSTRAINTS)
def add_constraint(name):
    return [m.AddConstraint("author", CONSTRAINTS[name]())]


@case(*CONSTRAINTS)
def remove_constraint(name):
    return [
        m.AddConstraint("author", CONSTRAINTS[name]()),
        m.RemoveConstraint("author", "made"),
    ]


@case(
    "exclusion",
    then="""
    INSERT INTO gadgets_thing (id, span) VALUES (7, '[1,2)'), (8, '[2,3)')""",
)
def create_model_with(name):
    options = {"constraints": [CONSTRAINTS[name]()]}
    span = pg_fields.IntegerRangeField(null=True)
    return [create("Thing", ("span", span), options=options)]


@case()
def validate_constraint():
    return [
        pg_operations.AddConstraintNotValid("author", CONSTRAINTS["check"]()),
        pg_operations.ValidateConstraint("author", "made"),
    ]


@case()
def alter_constraint():
    if not hasattr(m, "AlterConstraint"):
        return [m.AddConstraint("author", CONSTRAINTS["check"]())]
    return [
        m.AddConstraint("author", CONSTRAINTS["unique"]()),
        m.AlterConstraint(
            "author",
            "made",
            models.UniqueConstraint(
                fields=["name", "born"], name="made", violation_error_message="no"
            ),
        ),
    ]


# --- SQL of the project's own.

SQL = {
    "table": (
        (
            "CREATE TABLE gadgets_raw (id serial PRIMARY KEY, name text UNIQUE, "
            "author_id bigint, parent int REFERENCES gadgets_raw ON DELETE SET NULL, "
            "span int4range, "
            "UNIQUE NULLS NOT DISTINCT (name, parent), CHECK (name <> 'x'), "
            "EXCLUDE USING gist (span WITH &&))"
        ),
        "DROP TABLE gadgets_raw",
    ),
    "column": (
        "ALTER TABLE gadgets_author ADD COLUMN nick text UNIQUE, ADD friend bigint",
        "ALTER TABLE gadgets_author DROP COLUMN nick, DROP friend",
    ),
    "index": (
        "CREATE UNIQUE INDEX made ON gadgets_author (lower(name) DESC) WHERE rank > 1",
        "DROP INDEX made",
    ),
    "gin": (
        "CREATE INDEX made ON gadgets_author USING gin (words)",
        "DROP INDEX made",
    ),
    "view": (
        (
            "CREATE VIEW gadgets_view AS SELECT name, title FROM gadgets_author a "
            "JOIN gadgets_book b ON b.author_id = a.id"
        ),
        "DROP VIEW gadgets_view",
    ),
    "partitions": (
        (
            "CREATE TABLE gadgets_log (id int, day date, PRIMARY KEY (id, day)) "
            "PARTITION BY RANGE (day); CREATE TABLE gadgets_log_old PARTITION OF "
            "gadgets_log FOR VALUES FROM (MINVALUE) TO ('2020-01-01')"
        ),
        "DROP TABLE gadgets_log",
    ),
    "function": (
        (
            "CREATE FUNCTION gadgets_up() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$; "
            "CREATE TRIGGER up BEFORE INSERT ON gadgets_author FOR EACH ROW "
            "EXECUTE FUNCTION gadgets_up()"
        ),
        "DROP FUNCTION gadgets_up CASCADE",
    ),
    "code": (
        "DO $$ BEGIN EXECUTE 'CREATE TABLE gadgets_raw (id int PRIMARY KEY)'; END $$",
        "DO $$ BEGIN DROP TABLE gadgets_raw; END $$",
    ),
    "comment": (
        "COMMENT ON TABLE gadgets_author IS 'x'",
        "COMMENT ON TABLE gadgets_author IS NULL",
    ),
    "rows": (
        "UPDATE gadgets_author SET name = name || '!' WHERE id = 1",
        "UPDATE gadgets_author SET name = replace(name, '!', '')",
    ),
}
ROWS_OF_SQL = {
    "table": "INSERT INTO gadgets_raw (id, name, author_id, parent, span) VALUES "
    "(1, 'a', 1, NULL, '[1,3)'), (2, 'b', 1, 1, '[5,7)')",
    "partitions": "INSERT INTO gadgets_log VALUES (1, '2019-01-01')",
    "column": "UPDATE gadgets_author SET nick = '{0}', friend = 1 WHERE id = 2",
    "function": "INSERT INTO gadgets_author (id, name, code, words) VALUES "
    "(7, 'guy of', 'guy', '{{}}')",
    "code": "INSERT INTO gadgets_raw (id) VALUES (1)",
}


def run_sql(name):
    return [m.RunSQL(*SQL[name])]


for name in SQL:
    CASES[f"run_sql {name}"] = Case(
        make=lambda name=name: run_sql(name), then=ROWS_OF_SQL.get(name, "")
    )


@case(then=ROWS_OF_SQL["code"])
def run_sql_beside_a_state():
    return [
        m.SeparateDatabaseAndState(
            [
                m.RunSQL(
                    "CREATE TABLE gadgets_raw (id int PRIMARY KEY)",
                    "DROP TABLE gadgets_raw",
                )
            ],
            [create("Raw", ("id", models.IntegerField(primary_key=True)))],
        )
    ]


@case()
def many_to_many_gets_a_model():
    """As Django's documentation has it for a table that was made by itself."""
    return [
        m.SeparateDatabaseAndState(
            [m.RunSQL(
                "ALTER TABLE gadgets_book_tags RENAME TO gadgets_booktag",
                "ALTER TABLE gadgets_booktag RENAME TO gadgets_book_tags",
            )],
            [
                create("BookTag", ("book", fk(BOOK)), ("tag", fk(TAG))),
                m.AlterField("book", "tags", models.ManyToManyField(
                    TAG, related_name="books", through="gadgets.booktag"
                )),
            ],
        ),
        m.AddField("booktag", "since", models.IntegerField(default=1)),
    ]  # fmt: skip


@case()
def run_python_that_defines():
    def forwards(apps, editor):
        editor.execute("CREATE TABLE gadgets_raw (id int PRIMARY KEY)")
        editor.execute("UPDATE gadgets_author SET name = 'seen' WHERE id = 1")
        editor.execute("INSERT INTO gadgets_raw VALUES (1)")

    def backwards(apps, editor):
        editor.execute("DROP TABLE gadgets_raw")

    return [m.RunPython(forwards, backwards)]


@case(committed=True)
def collation():
    return [pg_operations.CreateCollation("gadgets_c", provider="libc", locale="C")]
