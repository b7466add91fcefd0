"""The names of what can be under way on a tenant, as the journal holds them."""

from __future__ import annotations

PROVISION = "provision"
ADOPT = "adopt"
DROP = "drop"
DROP_KEEPING = "drop, keep files"
TEMPLATE = "template"
