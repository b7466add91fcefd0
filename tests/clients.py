"""Django's asynchronous test client, for several hosts."""

from django.test import AsyncClient


class AnyHost(AsyncClient):
    """Sends the host it is given only; Django's sends `testserver` beside it."""

    async def request(self, **request):
        """Answer the request, of two hosts by the last."""
        headers = request["headers"]
        hosts = [each for each in headers if each[0] == b"host"]
        rest = [each for each in headers if each[0] != b"host"]
        return await super().request(**{**request, "headers": [hosts[-1], *rest]})
