"""Secrets are found in a text however it is cut, and nothing else is touched."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto_fake_server._secrets import SecretFilter
from tests.chunkings import chunkings

SECRET = "s3cr3t-Value.42"
TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"

# What is left of each is what stands around the secret.
HIDDEN = [
    (f"GET / HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nhost: a\r\n\r\n", ["Authorization: ", "\r\nhost: a\r\n"]),
    (f"GET / HTTP/1.1\r\nx-hf-authorization:{SECRET}\r\n\r\n", ["x-hf-authorization:", "\r\n\r\n"]),
    (f"GET / HTTP/1.1\r\nPROXY-AUTHORIZATION: {SECRET}\r\n\r\n", ["PROXY-AUTHORIZATION: "]),
    (f"GET / HTTP/1.1\r\nX-IP-Token: {SECRET}\r\nhost: a\r\n", ["X-IP-Token: ", "\r\nhost: a\r\n"]),
    (f"GET / HTTP/1.1\r\nx-zerogpu-token: {SECRET}\r\n", ["x-zerogpu-token: "]),
    (f"GET / HTTP/1.1\r\nx-api-key: {SECRET}\r\n", ["x-api-key: "]),
    (f"GET /?access-token={SECRET}&api-key={SECRET}&x=1 HTTP/1.1\r\n", ["?access-token=", "&api-key=", "&x=1 "]),
    (f'{{"accessToken": "{SECRET}", "apiKey": "{SECRET}"}}', ['{"accessToken": "', '", "apiKey": "']),
    (f"GET / HTTP/1.1\r\nCookie: a={SECRET}; b={SECRET}=\r\nx: y\r\n", ["Cookie: a=", "; b=", "\r\nx: y\r\n"]),
    (f"HTTP/1.1 200 OK\r\nset-cookie: access-token={SECRET}; Path=/\r\n", ["access-token=", "; Path=/\r\n"]),
    (f"GET /file?__sign={SECRET}&x=1 HTTP/1.1\r\n", ["GET /file?__sign=", "&x=1 HTTP/1.1\r\n"]),
    (f"location: http://a/?token={SECRET}#b", ["?token=", "#b"]),
    (f'{{"url": "/f?a=1\\u0026token={SECRET}", "x": 1}}', ["\\u0026token=", '", "x": 1}']),
    (f"username=ada&password={SECRET}", ["username=ada&password="]),
    (
        f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--\r\n',
        ['name="password"\r\n\r\n', "\r\n--b--\r\n"],
    ),
    (f'{{"access_token":"{SECRET}","a":"b"}}', ['{"access_token":"', '","a":"b"}']),
    (f'{{"Password" : "{SECRET}\\" still, \\\\", "a": 1}}', ['{"Password" : "', '", "a": 1}']),
    (json.dumps({"data": json.dumps({"token": SECRET + '"x', "a": 1})}), ['\\"token\\": \\"', '\\", \\"a\\": 1}"}']),
    (f"say {TOKEN}, please", ["say hf_", ", please"]),
    (f'data: ["Bearer {SECRET}"]', ['["Bearer ', '"]']),
    ("hf_token=" + SECRET + "&a=b", ["&a=b"]),
]
UNTOUCHED = [
    '{"token": null, "tokens": ["a"], "password_hint": "your dog"}',
    "from huggingface_hub import hf_hub_download; bearer of news, and more",
    '{"type": "password", "label": "Token", "value": "authorization"}',
    'data: {"msg":"estimation","event_id":"615b3f7d4e374ebe859a1d7d1a6f44ff"}\n\n',
]


@pytest.mark.parametrize(("text", "around"), HIDDEN)
def test_a_secret_is_hidden_however_the_text_is_cut(text: str, around: list[str]) -> None:
    for pieces in chunkings(text.encode()):
        hiding = SecretFilter()
        taken = [hiding.feed(piece) for piece in pieces]
        assert [len(piece) for piece in taken] == [len(piece) for piece in pieces]
        left = b"".join(taken).decode()
        assert SECRET not in left
        assert SECRET[2:8] not in left
        assert TOKEN[5:12] not in left
        if len(pieces) == 1:
            for expected in around:
                assert expected in left


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_no_secret_stays(text: str) -> None:
    assert SecretFilter().feed(text.encode()) == text.encode()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_pass_with_their_lengths(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, *cuts, 200})
    hiding = SecretFilter()
    for begin, end in itertools.pairwise(places):
        assert len(hiding.feed(data[begin:end])) == len(data[begin:end])


@given(st.lists(st.sampled_from(['"', "\\", "token", ":", "hf_", "=", "a1", "\r\n", "bearer ", "cookie:", ";"])))
def test_each_mix_of_beginnings_and_ends_is_gone_through(parts: list[str]) -> None:
    text = "".join(parts).encode()
    for pieces in chunkings(text):
        hiding = SecretFilter()
        assert sum(len(hiding.feed(piece)) for piece in pieces) == len(text)
