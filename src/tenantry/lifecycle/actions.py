"""The names of what can be done to a tenant, as the journal and signals have them."""

from __future__ import annotations

PROVISION = "provision"
ADOPT = "adopt"
DROP = "drop"
DROP_KEEPING = "drop, keep files"
TEMPLATE = "template"
SUSPEND = "suspend"
RESUME = "resume"
