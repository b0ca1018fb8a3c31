import json
import sys

from gradproto_transports.sync import Client

url, api_name, inputs = sys.argv[1:]
with Client(url, generator_result="last") as client:
    print(json.dumps(client.predict(*json.loads(inputs), api_name=api_name)))
