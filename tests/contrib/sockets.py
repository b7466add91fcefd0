"""A client of websockets, in memory: Channels' own needs a server installed."""

import json

from asgiref.testing import ApplicationCommunicator

SECONDS = 5


class Socket(ApplicationCommunicator):
    """One connection to an ASGI application."""

    def __init__(self, application, path, headers=(), **scope):
        given = {"path": path, "headers": list(headers), "query_string": b"", **scope}
        super().__init__(application, {"type": "websocket", **given})

    async def connect(self):
        """Return whether it was accepted, and the protocol or the code of closing."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(SECONDS)
        if answer["type"] == "websocket.close":
            return False, answer.get("code", 1000)
        return True, answer.get("subprotocol")

    async def say(self, content):
        """Send JSON."""
        text = json.dumps(content)
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self):
        """Return the JSON that was sent."""
        return json.loads((await self.receive_output(SECONDS))["text"])

    async def disconnect(self):
        """Leave, and wait for the application to end."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(SECONDS)
