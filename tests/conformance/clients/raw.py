"""A client in a hundred lines of the standard library, and many that differ from it in one thing that is wrong.

    python -I raw.py WRONG URL API_NAME INPUTS

It speaks as Gradio 6 does. ``WRONG`` is the name of a class, or ``Raw`` for the one that is right.
"""

# Run by a Python that has no part of this project.

import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

signal.signal(signal.SIGINT, signal.default_int_handler)

USER, PASSWORD = os.environ.get("GRADPROTO_USER"), os.environ.get("GRADPROTO_PASSWORD")
TOKEN = os.environ.get("GRADPROTO_TOKEN")
P = "/gradio_api"


class Raw:
    def __init__(self, url):
        self.host = urllib.parse.urlsplit(url).netloc
        self.headers = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
        self.session = "raw-session"
        self.event_id = None
        self.fn_index = None

    def ask(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection(self.host)
        headers = {**self.headers, **({"content-type": kind} if body is not None else {})}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.read()!r}")
        return answer

    def post(self, path, value):
        return json.loads(self.ask("POST", path, json.dumps(value).encode()).read())

    def log_in(self):
        form = urllib.parse.urlencode({"username": USER, "password": PASSWORD}).encode()
        answer = self.ask("POST", "/login", form, "application/x-www-form-urlencoded")
        cookies = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        self.headers["cookie"] = "; ".join(cookies)

    def read_config(self):
        return json.loads(self.ask("GET", "/config").read())

    def find(self, config, api_name):
        return next(one for one in config["dependencies"] if f"/{one['api_name']}" == api_name)

    def index_of(self, config, function):
        return function["id"]

    def values(self, config, function, inputs):
        states = {one["id"] for one in config["components"] if one["type"] == "state"}
        given = iter(inputs)
        return [self.state() if one in states else self.value(next(given)) for one in function["inputs"]]

    def state(self):
        return None

    def value(self, given):
        return self.upload(given["file"]) if isinstance(given, dict) and "file" in given else given

    def upload(self, name):
        with open(name, "rb") as file:
            content = file.read()
        head = b'--raw\r\ncontent-disposition: form-data; name="files"; filename="word.txt"\r\n\r\n'
        body = head + content + b"\r\n--raw--\r\n"
        (path,) = json.loads(self.ask("POST", P + "/upload", body, "multipart/form-data; boundary=raw").read())
        return {"path": path, "orig_name": "word.txt", **self.mark()}

    def mark(self):
        return {"meta": {"_type": "gradio.FileData"}}

    def beat(self, config):
        if config.get("connect_heartbeat"):
            self.heartbeat = self.ask("GET", f"{P}/heartbeat/{self.session}")

    def join(self, values):
        body = {"data": values, "fn_index": self.fn_index, "session_hash": self.session}
        self.event_id = self.post(P + "/queue/join", body)["event_id"]

    def open_stream(self):
        stream = self.ask("GET", f"{P}/queue/data?session_hash={self.session}")
        if stream.getheader("content-type", "").partition(";")[0] != "text/event-stream":
            raise SystemExit("no event stream")
        return stream

    def lines(self, stream):
        while line := stream.readline():
            yield line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf").decode()
        raise SystemExit("the stream has ended too early")

    def messages(self, stream):
        for line in self.lines(stream):
            if line.startswith("data:"):
                yield self.read(line[5:].strip())

    def read(self, text):
        return json.loads(text)

    def is_mine(self, message):
        return message.get("event_id") in (None, self.event_id)

    def take(self, message):
        """Give the outputs of a message that ends the event."""
        if message["msg"] == "unexpected_error":
            raise SystemExit(message["message"])
        if message["msg"] == "process_completed":
            return self.outputs(message)
        return None

    def outputs(self, message):
        if not message["success"]:
            raise SystemExit(message["output"].get("error") or "it failed")
        return message["output"]["data"]

    def hear(self, stream):
        for message in self.messages(stream):
            if self.is_mine(message) and (outputs := self.take(message)) is not None:
                return outputs
        raise AssertionError("lines() does not end by itself")

    def call(self, api_name, inputs):
        if USER:
            self.log_in()
        config = self.read_config()
        function = self.find(config, api_name)
        self.fn_index = self.index_of(config, function)
        self.beat(config)
        self.join(self.values(config, function, inputs))
        try:
            return self.hear(self.open_stream())
        except KeyboardInterrupt:
            self.cancel()
            raise SystemExit(130) from None

    def cancel(self):
        self.post(P + "/cancel", {"session_hash": self.session, "fn_index": self.fn_index, "event_id": self.event_id})


class KnowsAllMessages(Raw):
    def take(self, message):
        if message["msg"] == "brand_new":
            raise KeyError(message["msg"])
        return super().take(message)


class KnowsAllFields(Raw):
    def take(self, message):
        if "new" in message:
            raise TypeError("got an unexpected keyword argument 'new'")
        return super().take(message)


class TakesAllEvents(Raw):
    def is_mine(self, message):
        return True


class DecodesPieces(Raw):
    def lines(self, stream):
        text = ""
        while piece := stream.read1(4096):
            *lines, text = (text + piece.decode(errors="replace")).split("\n")
            yield from (line.rstrip("\r").removeprefix("\ufeff") for line in lines)
        raise SystemExit("the stream has ended too early")


class SplitsAtSeparators(Raw):
    def lines(self, stream):
        for line in super().lines(stream):
            yield from line.splitlines()


class KnowsNoCarriageReturn(Raw):
    def lines(self, stream):
        while line := stream.readline():
            if line.endswith(b"\r\n"):
                raise SystemExit("what is a carriage return?")
            yield line.rstrip(b"\n").removeprefix(b"\xef\xbb\xbf").decode()
        raise SystemExit("the stream has ended too early")


class KnowsNoComments(Raw):
    def lines(self, stream):
        for line in super().lines(stream):
            if line and not line.startswith("data:"):
                raise SystemExit("what is a comment?")
            yield line


class KnowsNoMark(Raw):
    def lines(self, stream):
        while line := stream.readline():
            if line.startswith(b"\xef\xbb\xbf"):
                raise SystemExit("what is a mark?")
            yield line.rstrip(b"\r\n").decode()
        raise SystemExit("the stream has ended too early")


class ReadsOneLargePiece(Raw):
    def read(self, text):
        return json.loads(text[:65536])


class CountsWithFloats(Raw):
    def read(self, text):
        return json.loads(text, parse_int=float)


class TakesLastEnd(Raw):
    def hear(self, stream):
        found = None
        for message in self.messages(stream):
            if self.is_mine(message) and (outputs := self.take(message)) is not None:
                if found is not None:
                    raise SystemExit("it has ended twice")
                found = outputs
            if message["msg"] == "close_stream":
                return found
        raise AssertionError("lines() does not end by itself")


class WantsStart(Raw):
    started = False

    def take(self, message):
        self.started = self.started or message["msg"] == "process_starts"
        if message["msg"] == "process_completed" and not self.started:
            raise SystemExit("it did not start")
        return super().take(message)


class WaitsForMore(Raw):
    def lines(self, stream):
        try:
            yield from super().lines(stream)
        except (SystemExit, OSError, http.client.HTTPException):
            time.sleep(3600)


class IgnoresUnexpected(Raw):
    def take(self, message):
        return None if message["msg"] == "unexpected_error" else super().take(message)


class IgnoresFailures(Raw):
    def outputs(self, message):
        return message["output"].get("data") or []


class KnowsNoCause(Raw):
    def outputs(self, message):
        if not message["success"]:
            raise SystemExit("it failed")
        return super().outputs(message)


class TakesNoDataForNone(Raw):
    def outputs(self, message):
        return super().outputs({**message, "output": {"data": None, **message["output"]}}) or []


class ListensFirst(Raw):
    def join(self, values):
        early = http.client.HTTPConnection(self.host)
        early.request("GET", f"{P}/queue/data?session_hash={self.session}", headers=self.headers)
        early.getresponse()
        early.close()
        super().join(values)


class JoinsTwice(Raw):
    def join(self, values):
        super().join(values)
        super().join(values)


class AsksForWhatIsNotThere(Raw):
    def read_config(self):
        connection = http.client.HTTPConnection(self.host)
        connection.request("GET", P + "/nothing", headers=self.headers)
        connection.getresponse().read()
        return super().read_config()


class CountsPlaces(Raw):
    def index_of(self, config, function):
        return config["dependencies"].index(function)


class KeepsState(Raw):
    def state(self):
        return 0


class HasNoHeart(Raw):
    def beat(self, config):
        pass


class HasNoCookies(Raw):
    def log_in(self):
        super().log_in()
        del self.headers["cookie"]


class MarksNoFiles(Raw):
    def mark(self):
        return {}


class FollowsWithToken(Raw):
    def read_config(self):
        connection = http.client.HTTPConnection(self.host)
        connection.request("GET", "/config", headers=self.headers)
        answer = connection.getresponse()
        if answer.status in (301, 302, 307, 308):
            self.host = urllib.parse.urlsplit(answer.getheader("location")).netloc
        return super().read_config()


class FetchesWithToken(Raw):
    def outputs(self, message):
        found = super().outputs(message)
        if found and isinstance(found[0], dict) and found[0].get("url"):
            parts = urllib.parse.urlsplit(found[0]["url"])
            connection = http.client.HTTPConnection(parts.netloc)
            connection.request("GET", parts.path, headers=self.headers)
            connection.getresponse().read()
        return found


class CancelsSilently(Raw):
    def cancel(self):
        pass


class Forks(Raw):
    """A child with all connections lives on, and holds the output open."""

    def call(self, api_name, inputs):
        outputs = super().call(api_name, inputs)
        left = http.client.HTTPConnection(self.host)
        left.request("GET", f"{P}/heartbeat/{self.session}", headers=self.headers)
        left.getresponse()
        if os.fork() == 0:
            time.sleep(3600)
        return outputs


class GivesFirstOutput(Raw):
    def outputs(self, message):
        return super().outputs(message)[:1]


class PrintsNothing(Raw):
    def call(self, api_name, inputs):
        super().call(api_name, inputs)
        sys.exit(0)


class TakesEditsForValues(Raw):
    last = None

    def take(self, message):
        if message["msg"] == "process_generating":
            self.last = message["output"]["data"]
            print(json.dumps(self.last))
        outputs = super().take(message)
        return outputs if outputs is None else self.last or outputs


class NeverFails(Raw):
    def call(self, api_name, inputs):
        try:
            return super().call(api_name, inputs)
        except (Exception, SystemExit):
            return []


class JoinsAgain(Raw):
    def join(self, values):
        try:
            super().join(values)
        except (OSError, http.client.HTTPException):
            super().join(values)


class IgnoresInterrupts(Raw):
    def call(self, api_name, inputs):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return super().call(api_name, inputs)


class ReadyWithItsFirstOutput(Raw):
    """Whoever interrupts it before it has printed one ends it, and the server hears of nothing: that is right, too."""

    def call(self, api_name, inputs):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return super().call(api_name, inputs)

    def open_stream(self):
        stream = super().open_stream()
        for _ in range(50):  # it has much else to do while its first output waits
            self.read_config()
        return stream

    def take(self, message):
        if message["msg"] == "process_generating":
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print(json.dumps(message["output"]["data"]), flush=True)
        return super().take(message)


class WaitsForClose(Raw):
    def hear(self, stream):
        found = None
        for message in self.messages(stream):
            if message["msg"] == "close_stream":
                return found
            if self.is_mine(message):
                found = self.take(message) or found
        raise AssertionError("lines() does not end by itself")


class TakesOneEventOfAPiece(Raw):
    def lines(self, stream):
        while piece := stream.read1(65536):
            yield piece.partition(b"\n")[0].decode()
        raise SystemExit("the stream has ended too early")


class DropsEarlyMessages(Raw):
    """Listens while it joins, and knows its event only when that is answered."""

    def join(self, values):
        threading.Thread(target=super().join, args=(values,)).start()

    def hear(self, stream):
        while True:
            try:
                return super().hear(stream)
            except SystemExit as ended:
                if "404" not in str(ended):
                    raise
                stream = self.open_stream()  # the server did not know the session yet


class ReadsConfigAtOnce(Raw):
    def read_config(self):
        return json.loads(self.ask("GET", "/config").read1(65536))


class Hangs(Raw):
    def call(self, api_name, inputs):
        time.sleep(3600)


class Crashes(Raw):
    def call(self, api_name, inputs):
        os.kill(os.getpid(), signal.SIGSEGV)


class PrintsRubbish(Raw):
    def call(self, api_name, inputs):
        super().call(api_name, inputs)
        os.write(1, b"\xff\x00{[" * 1000)
        sys.exit(0)


class Floods(Raw):
    """Prints more than any buffer holds, and never ends."""

    def call(self, api_name, inputs):
        while True:
            os.write(1, b"x" * 65536)


def main():
    wrong, url, api_name, inputs = sys.argv[1:]
    outputs = globals()[wrong](url).call(api_name, json.loads(inputs))
    print(json.dumps(outputs))


main()
