"""The roles of row isolation: one serves, one owns the tables; neither is superuser."""

SERVING, OWNER = "bench_serving", "bench_owner"
TWO_ROLES = {"BENCH_USER": SERVING, "BENCH_OWNER": OWNER}
ONE_ROLE = {"BENCH_USER": OWNER}


def make_roles(server):
    with server.connect() as connection:
        for role in (SERVING, OWNER):
            connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER")


def create(server, contender):
    """Make the contender's database, the owner's."""
    server.create(contender.database)
    with server.connect() as connection:
        connection.execute(f"ALTER DATABASE {contender.database} OWNER TO {OWNER}")
