from gradproto_fake_server import FakeHub, FakeHubServer
from gradproto_transports.sync import Client, duplicate

hub = FakeHub()  # stands in for huggingface.co; without hub_url= it is the real one
hub.add_user("me")
hub.add_token("hf_mine", user="me", role="write")
hub.add_space("owner/app", stage="SLEEPING")

with FakeHubServer(hub) as server:
    with Client("owner/app", hub_url=server.url, space_callback=lambda seen: print(seen.space, seen.stage)) as client:
        print(client.predict("Hello", api_name="/echo"))  # it was woken, and waited for
    with duplicate("owner/app", token="hf_mine", hub_url=server.url, secrets={"KEY": "value"}) as client:
        print(client.predict("Hello", api_name="/echo"), hub.space("me/app").private)
