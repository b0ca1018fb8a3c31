import pytest

from gradproto import QueueFullError
from gradproto_fake_server import FakeServer, demo_app
from gradproto_transports.sync import Client


def test_what_is_served(fake_gradio: FakeServer) -> None:
    @fake_gradio.endpoint("/shout")
    def shout(text: str) -> str:
        return text.upper()

    with Client(fake_gradio.url) as client:
        assert client.predict("hello", api_name="/shout") == "HELLO"
    fake_gradio.assert_all_closed()


@pytest.mark.fake_gradio(app=demo_app, gradio_version="4.44.1")
def test_a_full_queue(fake_gradio: FakeServer) -> None:
    fake_gradio.run(lambda app: app.inject("queue full", times=1))
    with Client(fake_gradio.url) as client:
        with pytest.raises(QueueFullError):
            client.predict("hello", api_name="/echo")
        assert client.predict("hello", api_name="/echo") == "hello"
