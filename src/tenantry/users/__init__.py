"""The people of tenants: members, confined users, staff; signing in and up.

What is where, each group on the one below it:

- pages: `urls`, `urls_shared`, `urls_signup`, `views`; `middleware`; `admin`; `checks`
- acting as a user: `impersonation`, `impersonated_sessions`, `recording`, `banner`
- signing up and closing: `signup`, `signup_forms`, `confirming`, `waiting`, `pending`,
  `deletion`, `closing`
- inviting: `invitations`, `invitation_forms`, `acceptance`, `joining`, `providers`,
  `mails`, `ending`
- signing in: `entry`, `login`, `sign_ins`, `sign_out`
- shared staff in tenants: `counterparts`, `rights`, `keeping`, `shared_backend`
- what a member is to Django: `seams` (`account_seams`, `sign_in_seams`,
  `choice_seams`), `flags`, `permissions`, `lookup`
- who is there: `people` over `shared` (`member_rows`, `members`) and `confined`
  (`own_users`, `own_roles`, `owners`); what both are: `base`, `roles`, `accounts`,
  `addresses`
- the app, where users are shared: `apps`, `models`
"""
