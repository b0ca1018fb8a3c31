from gradproto import JobLogged, JobProgressed
from gradproto_transports.sync import Client, Retry

with Client("http://127.0.0.1:7860", retry=Retry(times=3, idempotent=["/echo"])) as client:
    for result in client.map([(1, 2), (3, 4), ("x", 5)], api_name="/add", concurrency=8):
        print(result)  # a call that failed has its error in its place
    with client.session() as chat:  # State of its own, over the same connections
        print(client.predict(api_name="/incr"), client.predict(api_name="/incr"), chat.predict(api_name="/incr"))
    for update in client.submit(2, api_name="/progress").updates():
        match update:
            case JobProgressed(units=[unit]):
                print(f"{unit.desc}: {unit.index} of {unit.length}")
            case JobLogged():
                print(update.level, update.message)
