"""Every seam of people: what Django says of a user is said for the active tenant.

As those of `tenantry.seams`, each with its reason. They are in place where
`tenantry.users` is installed; `tests/users/members/test_seams.py` holds them in view.
"""

from __future__ import annotations

from django.db.models import Model

from tenantry.seams.substitution import INSTALLED
from tenantry.users import account_seams, choice_seams, sign_in_seams

SEAMS = (
    account_seams.users_are_what_their_membership_says,
    account_seams.forms_and_fixtures_have_what_is_stored,
    account_seams.users_are_read_and_checked_as_stored,
    account_seams.users_are_saved_as_stored,
    account_seams.tenants_change_no_columns_of_users,
    account_seams.permissions_are_the_memberships,
    choice_seams.forms_offer_members,
    choice_seams.the_admin_looks_up_members,
    sign_in_seams.members_are_authenticated,
    sign_in_seams.users_are_loaded_with_their_membership,
    sign_in_seams.sessions_end_with_the_membership,
)


def install() -> None:
    """Substitute all of them, once."""
    if not hasattr(Model.clean_fields, INSTALLED):
        for each in SEAMS:
            each()
