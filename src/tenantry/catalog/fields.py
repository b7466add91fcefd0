"""Model fields that store a host and a path in their one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from tenantry.catalog.settings import masked
from tenantry.catalog.validators import (
    MAX_HOST_LENGTH,
    normalize_host,
    normalize_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class _NormalizedField(models.CharField):  # type: ignore[type-arg]
    """A CharField whose values are normalized on assignment to the database."""

    normalize: Callable[[str], str]
    """Returns the value's one form; raises `ValidationError`."""

    def to_python(self, value: Any) -> Any:
        """Return the one form, for forms and `full_clean`."""
        value = super().to_python(value)
        return self.normalize(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001
        """Normalize on the instance too, so that it shows what was stored."""
        value = self.to_python(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, value)
        return super().pre_save(model_instance, add)

    def get_prep_value(self, value: Any) -> Any:
        """Normalize what is looked up; what has no such form is found nowhere."""
        value = super().get_prep_value(value)
        try:
            return self.normalize(value) if isinstance(value, str) else value
        except ValidationError:
            return value


class HostField(_NormalizedField):
    """A host name or address, as `normalize_host` returns it."""

    normalize = staticmethod(normalize_host)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", MAX_HOST_LENGTH)
        super().__init__(*args, **kwargs)


class PathField(_NormalizedField):
    """A path prefix, as `normalize_path` returns it."""

    normalize = staticmethod(normalize_path)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(*args, **kwargs)


class SettingsField(models.JSONField):
    """A tenant's own values of settings; forms show no secret, and keep what it is."""

    def formfield(self, **kwargs: Any) -> Any:
        """Return a field of forms that shows secrets masked."""
        return super().formfield(**{"form_class": MaskedField, **kwargs})


class MaskedField(forms.JSONField):
    """JSON whose secrets are masked; a mask that is sent back means: as it was."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text to show."""
        return super().prepare_value(
            masked(value) if isinstance(value, dict) else value
        )
