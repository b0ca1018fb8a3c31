"""Mutants of what a server says of itself, of files, logins, and calls past the queue."""

from __future__ import annotations

from typing import Any

from tests.conformance.bending import Edit, Headers, Rule, drop, header, put
from tests.conformance.mutating import Mutant, mutant

__all__ = ["MUTANTS"]


def _config(name: str, wrong: str, edit: Edit, fails: dict[str, str], **more: Any) -> Mutant:
    """Change the config, but for the first that is read: by that one the suite knows the server."""
    return Mutant(
        name=f"config: {name}", wrong=wrong, rules=(Rule(on="GET /config", skip=1, value=edit),), fails=fails, **more
    )


def _info(name: str, wrong: str, edit: Edit, fails: dict[str, str], **more: Any) -> Mutant:
    rule = Rule(on="GET */info*", value=edit)
    return Mutant(name=f"info: {name}", wrong=wrong, rules=(rule,), fails=fails, **more)


def _copy_an_endpoint(value: Any) -> Any:
    value["named_endpoints"]["/ghost"] = value["named_endpoints"]["/add"]
    return value


def _add_a_parameter(value: Any) -> Any:
    parameters = value["named_endpoints"]["/add"]["parameters"]
    parameters.append({**parameters[0], "parameter_name": "another"})
    return value


BASE = [
    mutant(
        "no prefix",
        "below the prefix that the config names there is nothing",
        Rule(on="GET /gradio_api/info", times=1, status={200: 404}),
        {"base-prefix": "404"},
    ),
    mutant(
        "a prefix in Gradio 4",
        "the config says that there is a prefix, if none",
        Rule(on="GET /config", value=put("api_prefix", False)),
        {"base-no-prefix": "false"},
        version="4.44.1",
    ),
    mutant(
        "a page for everything",
        "a path that is no route gives a page",
        Rule(on="GET /gradproto-*", status={404: 200}),
        {"base-unknown-path": "200"},
    ),
    mutant(
        "a wrong method is not found",
        "a known path with another method gives 404",
        Rule(on="POST /config", status={405: 404}),
        {"base-wrong-method": "404"},
    ),
    mutant(
        "no allowed methods",
        "a 405 does not say which methods there are",
        Rule(on="POST /config", headers=header("allow", None)),
        {"base-wrong-method": "null"},
    ),
    mutant(
        "another root",
        "the config names another address than was asked",
        Rule(on="GET /config", value=put("root", "http://inside.test:7860")),
        {"base-root": "inside.test"},
    ),
    mutant(
        "a root that is no path",
        "the config of Gradio 3 has an address for its root",
        Rule(on="GET /config", value=put("root", "http://inside.test:7860")),
        {"base-root-path": "inside.test"},
        version="3.50.2",
    ),
    mutant(
        "streams are called text",
        "the stream of an unknown session is called plain text",
        Rule(on="GET */queue/data*gradproto-nobody", headers=header("content-type", "text/plain")),
        {"base-stream-type": "text/plain"},
    ),
    mutant(
        "streams are compressed",
        "the stream of an unknown session is said to be compressed",
        Rule(on="GET */queue/data*gradproto-nobody", headers=header("content-encoding", "gzip")),
        {"base-stream-not-compressed": "gzip"},
    ),
]

CONFIG = [
    _config(
        "a list",
        "the config is a list",
        lambda _: [],
        {"config-is-json": "[]"},
        cuts=("config-document",),
        cut_off=frozenset({"between-same-app"}),
    ),
    _config("no version", "the config names no version", put("version", "new"), {"config-version": "new"}),
    _config(
        "a strange protocol",
        "the queue has a form of its own",
        put("protocol", "pigeon"),
        {"config-protocol": "pigeon"},
    ),
    _config(
        "a protocol in Gradio 3",
        "the config of Gradio 3 names a form of the queue",
        put("protocol", "sse"),
        {"config-no-protocol": "sse"},
        version="3.50.2",
    ),
    _config(
        "no outputs in Gradio 2",
        "the config of Gradio 2 does not list its outputs",
        drop("output_components"),
        {"config-gradio-2": '["input_components"]'},
        version="2.9.4",
    ),
    _config(
        "components without a type",
        "components have no type",
        drop("components.*.type"),
        {"config-components": "props"},
    ),
    _config(
        "components with one id",
        "two components have one id",
        put("components.1.id", 1),
        {"config-components": "id", "config-references": "[1]"},
    ),
    _config(
        "skipped in words",
        "a component is left out of the API in words",
        put("components.0.skip_api", "no"),
        {"config-skipped": '"no"'},
    ),
    _config(
        "inputs from nowhere",
        "an input is no component of the config",
        put("dependencies.0.inputs", [987654]),
        {"config-references": "987654"},
    ),
    _config("one id for all", "all dependencies have one id", put("dependencies.*.id", 7), {"config-ids": "7, 7"}),
    _config(
        "one name for all",
        "all dependencies have one name",
        put("dependencies.*.api_name", "it"),
        {"config-names": "it"},
    ),
    _config(
        "a strange visibility",
        "a dependency is secret",
        put("dependencies.0.api_visibility", "secret"),
        {"config-visibility": "secret"},
    ),
    _config(
        "no backend",
        "dependencies say in words whether there is a function",
        put("dependencies.*.backend_fn", "yes"),
        {"config-backend": "yes"},
    ),
    _config(
        "queued perhaps",
        "dependencies say in words whether they are queued",
        put("dependencies.*.queue", "perhaps"),
        {"config-queued": "perhaps"},
    ),
    _config(
        "no kinds",
        "dependencies do not say whether they are generators",
        drop("dependencies.*.types.generator"),
        {"config-kinds": '"types": {"cancel"'},
    ),
    _config(
        "no cancels",
        "dependencies do not say whether they cancel",
        drop("dependencies.*.types.cancel"),
        {"config-cancels": '"types": {"generator"'},
    ),
    _config("a run in words", "the run is no number", put("app_id", "first"), {"config-run": "first"}),
    _config(
        "a negative size", "files may have less than no bytes", put("max_file_size", -1), {"config-max-file-size": "-1"}
    ),
    _config(
        "a heartbeat perhaps",
        "the config says in words whether there are heartbeats",
        put("connect_heartbeat", "perhaps"),
        {"config-heartbeat": "perhaps"},
    ),
    _config("no pages", "the config does not list its pages", drop("pages"), {"config-pages": "nothing"}),
    _config("a numbered Space", "the Space is a number", put("space_id", 7), {"config-space": "7"}),
    _config("a numbered user", "the user is a number", put("username", 7), {"config-user": "7"}),
    mutant(
        "config: not in the page",
        "the page holds no config",
        Rule(on="GET /", body=lambda body: body.replace(b"gradio_config", b"configuration")),
        {"config-in-page": "no window.gradio_config"},
    ),
]

INFO = [
    _info(
        "no unnamed ones",
        "the description has no unnamed endpoints",
        drop("unnamed_endpoints"),
        {"info-is-there": "named_endpoints"},
        cuts=("info-document",),
    ),
    _info(
        "a ghost",
        "the description has an endpoint that the config has not",
        _copy_an_endpoint,
        {"info-names": "/ghost"},
        cut_off=frozenset({"info-parameter-count"}),
    ),
    _info(
        "a name in place of an index",
        "an unnamed endpoint is described by a name",
        put("unnamed_endpoints.it", {}),
        {"info-unnamed": "it"},
        version="3.50.2",
    ),
    _info(
        "parameters without a label",
        "parameters have no label",
        drop("named_endpoints./add.parameters.*.label"),
        {"info-parameters": "python_type"},
    ),
    _info(
        "a parameter too many", "there is a parameter that is no input", _add_a_parameter, {"info-parameter-count": "3"}
    ),
    _info(
        "one name for parameters",
        "two parameters have one name",
        put("named_endpoints./add.parameters.*.parameter_name", "it"),
        {"info-parameter-names": '"it", "it"'},
    ),
    _info(
        "results without a component",
        "results have no component",
        drop("named_endpoints./add.returns.*.component"),
        {"info-returns": "python_type"},
    ),
    _info(
        "examples of another type",
        "the example of a number is an object",
        put("named_endpoints./add.parameters.0.example_input", {}),
        {"info-examples": "{}"},
    ),
    _info(
        "files without a path",
        "the type of a file has no path",
        put("named_endpoints./file.parameters.0.type", {"type": "object"}),
        {"info-files": "object"},
    ),
    mutant(
        "info: fewer than some",
        "the description of all endpoints lacks one that that of some has",
        Rule(on="GET */info?all_endpoints=*", value=drop("named_endpoints./add")),
        {"info-all-endpoints": "/echo"},
    ),
    mutant(
        "info: an old OpenAPI",
        "the document is of OpenAPI 2",
        Rule(on="GET */openapi.json", value=put("openapi", "2.0")),
        {"info-openapi": "2.0"},
    ),
]


def _the_first(value: Any) -> Any:
    return value[:1] if isinstance(value, list) else value


FILE = [
    mutant(
        "one path for two files",
        "two files that are uploaded get one path",
        Rule(on="POST */upload", times=1, value=_the_first),
        {"file-upload": "gradproto.txt"},
        cuts=("file-up-and-down",),
    ),
    mutant(
        "other bytes",
        "a file comes back with other bytes",
        Rule(on="GET */file=*gradproto.txt", times=1, body=bytes.upper),
        {"file-content": "GRADPROTO"},
    ),
    Mutant(
        name="another name",
        wrong="the path of an upload ends with another name",
        rules=(
            Rule(on="POST */upload", times=1, body=lambda body: body.replace(b"/gradproto.txt", b"/upload.bin")),
            Rule(on="* */file=*", target=lambda target: target.replace("/upload.bin", "/gradproto.txt")),
        ),
        fails={"file-name-kept": "upload.bin"},
    ),
    Mutant(
        name="no heads",
        wrong="the head of a file cannot be asked for alone",
        change=lambda app: app.fail("HEAD */file=*", status=405, times=None),
        fails={"file-head": "405"},
    ),
    Mutant(
        name="no parts",
        wrong="a part of a file cannot be asked for",
        change=lambda app: app.inject("ignored range", "GET */file=*", times=None),
        fails={"file-range": "200"},
    ),
    mutant(
        "names that climb",
        "a name leads out of the folder of uploads",
        Rule(on="POST */upload", skip=1, times=3, value=put("0", "/tmp/../gradproto.txt")),
        {"file-name-climbs": "/tmp/../"},
    ),
    mutant(
        "anything is a form",
        "an upload that is no form is taken",
        Rule(
            on="POST */upload",
            when=lambda exchange: "json" in exchange.headers.get("content-type", ""),
            status={400: 200},
        ),
        {"file-no-multipart": "200"},
    ),
    mutant(
        "progress without an end",
        "the end of an upload is not told to who watches it",
        Rule(on="GET */upload_progress*", tell=lambda message, _: [message] * (message["msg"] != "done")),
        {"file-upload-progress": "update"},
    ),
    mutant(
        "open files",
        "files of the server's are given",
        Rule(on="GET */file=/etc/passwd", status={403: 200}),
        {"file-forbidden": "200"},
    ),
    mutant(
        "paths that climb",
        "a path can climb out of what is served",
        Rule(on="GET */file=*gradio*etc/passwd", status={403: 200, 404: 200}),
        {"file-climbs": "200"},
    ),
]


def _all_secure(headers: Headers) -> Headers:
    return [(name, f"{value}; Secure" if name == "set-cookie" else value) for name, value in headers]


def _a_cookie(headers: Headers) -> Headers:
    return [*headers, ("set-cookie", "access-token=x")]


AUTH = [
    mutant(
        "open doors",
        "the config is for everybody",
        Rule(on="GET /config", when=lambda exchange: "cookie" not in exchange.headers, status={401: 200}),
        {"auth-refused": "200"},
        app="login",
    ),
    mutant(
        "a login without success",
        "a login does not say that it went well",
        Rule(on="POST /login", value=put("success", "yes")),
        {"auth-login": "access-token"},
        app="login",
    ),
    mutant(
        "a login without a way",
        "the login of old leads nowhere",
        Rule(on="POST /login", status={302: 200}),
        {"auth-login-by-redirect": "200"},
        app="login",
        version="3.4.1",
    ),
    mutant(
        "wrong credentials are 401",
        "wrong credentials give 401",
        Rule(on="POST /login", status={400: 401}),
        {"auth-wrong": "401"},
        app="login",
    ),
    mutant(
        "a cookie for strangers",
        "wrong credentials give a cookie",
        Rule(on="POST /login", skip=1, times=1, headers=_a_cookie),
        {"auth-wrong": "1 cookies"},
        app="login",
    ),
    mutant(
        "logins are forgotten",
        "the cookies of a login do not open the config",
        # The first login is the suite's own, and the second one is wrong.
        Rule(on="POST /login", skip=2, also=lambda app: app.fail("GET /config", status=401)),
        {"auth-cookies": "401"},
        app="login",
    ),
    mutant(
        "no cookie for plain http",
        "all cookies are for https",
        Rule(on="POST /login", headers=_all_secure),
        {"auth-plain-http": "access-token-unsecure"},
        app="login",
    ),
    mutant(
        "another user",
        "whoever asks is told that they are somebody else",
        Rule(on="GET */user", value=put("", "somebody")),
        {"auth-user": "200"},
        app="login",
    ),
]

_GONE_WRONG = put("data.0", "gone wrong")


def _echo_wrong(value: Any) -> Any:
    return put("data.0", "gone wrong")(value) if "direct" in str(value) else value


DIRECT = [
    mutant(
        "Gradio 2 gives something else",
        "the values of a call are others",
        Rule(on="POST /api/predict/", value=_GONE_WRONG),
        {"direct-gradio-2": "gone wrong"},
        version="2.9.4",
    ),
    mutant(
        "a call by name gives something else",
        "the values of a call by name are others",
        Rule(on="POST */run/echo", value=_GONE_WRONG),
        {"direct-by-name": "gone wrong"},
    ),
    mutant(
        "a call by index gives something else",
        "the values of a call by index are others",
        Rule(on="POST */api/predict", value=_echo_wrong),
        {"direct-by-index": "gone wrong"},
    ),
    mutant(
        "an error of something else",
        "a function that raises gives another text",
        Rule(on="POST */api/predict", value=lambda value: {"error": "something else"} if "error" in value else value),
        {"direct-error": "something else"},
    ),
    mutant(
        "any name will do",
        "a name that is not there is answered",
        Rule(on="POST */run/gradproto_nothing", status=dict.fromkeys((404, 422, 500), 200)),
        {"direct-unknown-name": "200"},
    ),
    mutant(
        "a generator gives its last value",
        "a direct call of a generator gives another value",
        Rule(
            on="POST */api/predict",
            value=lambda value: put("data.0", "2")(value) if value.get("data") == ["0"] else value,
        ),
        {"direct-generator": "2"},
    ),
]

CALL = [
    mutant(
        "a call without an id",
        "a call has no id",
        Rule(on="POST */call/echo", value=drop("event_id")),
        {"call-post": "{}"},
        cuts=("call-echo",),
    ),
    mutant(
        "a result by another name",
        "the result of a call is an event, done",
        Rule(on="GET */call/echo/*", times=1, body=lambda body: body.replace(b"event: complete", b"event: done")),
        {"call-result": "done"},
    ),
    mutant(
        "a result without an end",
        "the stream of a call goes on after its result",
        Rule(on="GET */call/echo/*", times=1, ending="open"),
        {"call-result": "no end"},
    ),
    mutant(
        "outputs as differences",
        "an output of a call is another",
        Rule(on="GET */call/count/*", body=lambda body: body.replace(b'["1"]', b"[[]]")),
        {"call-outputs": "[]"},
    ),
    mutant(
        "an error that is complete",
        "a call that fails is complete",
        Rule(on="GET */call/fail_value/*", body=lambda body: body.replace(b"event: error", b"event: complete")),
        {"call-error": "complete"},
    ),
    mutant(
        "an error without a text",
        "the event error has null",
        Rule(
            on="GET */call/fail_value/*",
            body=lambda body: b"event: error\ndata: null\n\n" if b"error" in body else body,
        ),
        {"call-error": "null"},
    ),
    mutant(
        "any call will do",
        "a call of a name that is not there is taken",
        Rule(on="POST */call/gradproto_nothing", status=dict.fromkeys((404, 422, 500), 200)),
        {"call-unknown-name": "200"},
    ),
    mutant(
        "a session for each call",
        "calls of one session have a State each",
        Rule(on="POST */call/state", sent=drop("session_hash")),
        {"call-state": "1"},
    ),
    mutant(
        "a call by name goes wrong",
        "parameters that are given by their names are refused",
        Rule(on="POST */call/v2/*", status={200: 422}),
        {"call-by-name": "422"},
    ),
]

MUTANTS = [*BASE, *CONFIG, *INFO, *FILE, *AUTH, *DIRECT, *CALL]
