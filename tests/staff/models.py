"""The users of the shared site, whose keys are no numbers."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.db import models


class StaffManager(BaseUserManager):
    """Makes staff."""

    def create_user(self, email, password=None, **fields):
        """Return a new one."""
        staff = self.model(email=email, **fields)
        staff.set_password(password)
        staff.save(force_insert=True)
        return staff


class Staff(AbstractBaseUser, PermissionsMixin):
    """Somebody who works for us."""

    code = models.CharField(max_length=20, primary_key=True)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=True)
    groups = models.ManyToManyField(Group, blank=True, related_name="staff")
    user_permissions = models.ManyToManyField(
        Permission, blank=True, related_name="staff"
    )

    objects = StaffManager()
    USERNAME_FIELD = "email"
