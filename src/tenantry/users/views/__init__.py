"""The pages for people: signing in and up, members, invitations, impersonation."""
