"""A session engine of a project's own, as Django's documentation lets one write it."""

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

STORED = {}


class SessionStore(SessionBase):
    """Keeps encoded sessions in a dictionary that all tenants share."""

    def load(self):
        try:
            return self.decode(STORED[self.session_key])
        except KeyError:
            self._session_key = None
            return {}

    def exists(self, session_key):
        return session_key in STORED

    def create(self):
        self._session_key = self._get_new_session_key()
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create=False):
        if self.session_key is None:
            self.create()
            return
        if must_create == (self.session_key in STORED):
            raise CreateError if must_create else UpdateError
        STORED[self.session_key] = self.encode(self._get_session(no_load=must_create))

    def delete(self, session_key=None):
        STORED.pop(session_key or self.session_key, None)

    @classmethod
    def clear_expired(cls):
        """Keep what is there."""
