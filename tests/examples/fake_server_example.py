from gradproto_fake_server import FakeApp, FakeServer
from gradproto_transports.sync import Client

app = FakeApp()


@app.endpoint("/greet")
def greet(name: str) -> str:
    return f"Hello {name}"


def test_greeting() -> None:
    with FakeServer(app) as server, Client(server.url) as client:
        assert client.predict("world", api_name="/greet") == "Hello world"
        assert [request.kind for request in server.requests if request.method == "POST"] == ["join"]
