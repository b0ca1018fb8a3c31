from pathlib import Path

from gradproto_transports.sync import Client, handle_file

with Client("http://127.0.0.1:7860") as client:
    print(client.predict("Hello", api_name="/echo"))
    print(client.predict(a=2, b=40, api_name="/add"))
    path = client.predict(handle_file("README.md"), api_name="/upper")
    print(Path(path).read_text().splitlines()[0])
    job = client.submit(3, api_name="/count")
    for output in job:  # as they come
        print(output)
