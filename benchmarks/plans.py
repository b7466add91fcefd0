"""Reads plans: are rows found by an index that begins with the tenant?"""

SCHEMA = "tenantry_rows"
COLUMN = "tenantry_key"


def tenant_first(connection, plan):
    """Return the indexes by which the plan finds rows, where each is the tenant's.

    Each must begin with the tenant's column, and be searched by it; empty otherwise.
    """
    names = []
    for scan in scans_of(plan):
        name = scan.get("Index Name")
        if name is None or f"{COLUMN} =" not in scan.get("Index Cond", ""):
            return ""
        [[first]] = connection.execute(
            "SELECT pg_get_indexdef(%s::regclass, 1, true)", [f"{SCHEMA}.{name}"]
        ).fetchall()
        if first != COLUMN:
            return ""
        names.append(name)
    return ", ".join(names)


def scans_of(plan):
    """Yield the nodes of a plan that look for rows; a bitmap's, where it is made."""
    sort = plan["Node Type"]
    if (
        "Relation Name" in plan and sort != "Bitmap Heap Scan"
    ) or sort == "Bitmap Index Scan":
        yield plan
    for part in plan.get("Plans", ()):
        yield from scans_of(part)
