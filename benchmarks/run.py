"""`make bench`: plain Django, tenantry and its peers, side by side in one run.

A PostgreSQL of its own is started for it and removed afterwards. The exit status tells
whether the run worked; with --strict, also whether every target was met.
"""

import argparse
import os
import signal
import sys

import measure_memory
import measure_migrate
import measure_requests
import measure_rows
import measure_services
import measure_tenants
import measure_tests
from cluster import private_server
from report import Report
from roles import make_roles


def requests(report, server, given):
    measure_requests.measure(report, server, tenants=given.tenants, quick=given.quick)


def memory(report, server, given):
    measure_memory.measure(report, server, quick=given.quick)


def migrate(report, server, given):
    measure_migrate.measure(report, server, quick=given.quick)


def rows(report, server, given):
    make_roles(server)
    measure_tenants.measure(report, server, quick=given.quick)
    measure_rows.measure(report, server, quick=given.quick)


def services(report, server, given):
    measure_services.measure(report, server, quick=given.quick)


def tests(report, server, given):
    measure_tests.measure(report, server, quick=given.quick)


SECTIONS = {
    each.__name__: each for each in (requests, memory, migrate, rows, services, tests)
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        default=",".join(SECTIONS),
        help=f"parts to run, of: {','.join(SECTIONS)}",
    )
    parser.add_argument("--tenants", type=int, default=100, help="for requests (100)")
    parser.add_argument("--quick", action="store_true", help="smaller and rougher")
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 if a target was missed"
    )
    parser.add_argument("--json", metavar="PATH", help="write all figures to a file")
    given = parser.parse_args()
    given.only = [name for name in given.only.split(",") if name]
    if unknown := set(given.only) - set(SECTIONS):
        parser.error(f"--only: no part {', '.join(sorted(unknown))}")
    if given.tenants < 2:
        parser.error("--tenants: at least 2")
    return given


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    report = Report()
    with private_server() as server:
        report.about["postgresql"] = server.query("SHOW server_version")[0][0]
        report.about["processors"] = os.cpu_count()
        report.about["load before"] = os.getloadavg()[0]
        for name, value in report.about.items():
            report.note(f"{name}: {value}")
        for name in given.only:
            SECTIONS[name](report, server, given)
    report.about["load after"] = os.getloadavg()[0]
    report.summary()
    if given.json:
        report.write(given.json)
    return 1 if given.strict and report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
