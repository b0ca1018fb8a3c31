"""AUTH: apps with a login."""

from __future__ import annotations

from urllib.parse import urlencode

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import Answer, ask

__all__ = ["REGISTRY", "cookies_of", "log_in"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

REFUSED = check("auth-refused", "An app with a login answers nobody else", "AUTH-1.1")
LOGIN = check("auth-login", "The login gives cookies", "AUTH-1.2")
OLD_LOGIN = check("auth-login-by-redirect", "The login leads to the page, and gives a cookie", "AUTH-1.3")
WRONG = check("auth-wrong", "Wrong credentials give 400, and no cookie", "AUTH-1.4")
COOKIES = check("auth-cookies", "With the cookies of the login everything is open", "AUTH-1.5")
PLAIN = check("auth-plain-http", "One cookie is for plain http, and is enough", "AUTH-1.6")
USER = check("auth-user", "One may ask who one is", "AUTH-2.1")

FORM = [("content-type", "application/x-www-form-urlencoded")]


async def log_in(judge: Judge, username: str, password: str) -> Answer:
    """Send the form of the login."""
    body = urlencode({"username": username, "password": password}).encode()
    return await ask(judge, "POST", "/login", body=body, headers=FORM, as_anybody=True)


def cookies_of(answer: Answer) -> list[tuple[str, str]]:
    """Give the cookies that an answer sets, each with all that was said of it; one that is not whole sets none."""
    headers = () if answer.status is None or answer.exchange is None else answer.exchange.headers
    found = [value for name, value in headers if name.lower() == "set-cookie"]
    return [(value.partition("=")[0].strip(), value) for value in found]


def _pair(cookie: str) -> str:
    return cookie.partition(";")[0]


def _attributes(cookie: str) -> list[str]:
    return [attribute.strip().lower() for attribute in cookie.split(";")[1:]]


@scenario(REFUSED, LOGIN, OLD_LOGIN, WRONG, COOKIES, PLAIN, USER, needs=["login"], effect=Effect.CALL)
async def auth_login(judge: Judge) -> None:
    """Try the doors without a login, with a wrong one, and with the right one."""
    for path in ("/config", "{P}/info"):
        if path == "{P}/info" and judge.target.version < (3, 26):
            continue
        answer = await ask(judge, "GET", path, as_anybody=True)
        if not judge.that(
            REFUSED, answer.status == 401, expected="status 401", got=answer.got, exchange=answer.exchange
        ):
            break

    username, password = judge.login
    wrong = await log_in(judge, username, password + "x")
    judge.that(
        WRONG,
        wrong.status == 400 and not cookies_of(wrong),
        expected="status 400, no cookie",
        got=f"{len(cookies_of(wrong))} cookies, {wrong.got}",
        exchange=wrong.exchange,
    )
    right = await log_in(judge, username, password)
    cookies = [(name, text) for name, text in cookies_of(right) if name.startswith("access-token")]
    judge.that(
        LOGIN,
        right.status == 200 and right.value == {"success": True} and bool(cookies),
        expected='status 200, {"success": true}, cookies whose names begin with access-token',
        got=f"cookies {[name for name, _ in cookies]}, {right.got}",
        exchange=right.exchange,
    )
    judge.that(
        OLD_LOGIN,
        right.status == 302 and bool(cookies),
        expected="status 302 and a cookie",
        got=f"{len(cookies)} cookies, {right.got}",
        exchange=right.exchange,
    )
    if not cookies:
        for one in (COOKIES, PLAIN, USER):
            judge.cannot(one, "the login gave no cookie")
        return
    all_of_them = [("cookie", "; ".join(_pair(text) for _, text in cookies))]
    inside = await ask(judge, "GET", "/config", headers=all_of_them, as_anybody=True)
    judge.that(COOKIES, inside.status == 200, expected="status 200", got=inside.got, exchange=inside.exchange)
    user = await ask(judge, "GET", "{P}/user", headers=all_of_them, as_anybody=True)
    judge.that(USER, user.value == username, expected="the name", got=user.got, exchange=user.exchange)

    plain = [text for name, text in cookies if "unsecure" in name and "secure" not in _attributes(text)]
    if judge.that(PLAIN, len(plain) == 1, expected="one cookie without Secure", got=[name for name, _ in cookies]):
        alone = [("cookie", _pair(plain[0]))]
        inside = await ask(judge, "GET", "/config", headers=alone, as_anybody=True)
        judge.that(PLAIN, inside.status == 200, expected="status 200", got=inside.got, exchange=inside.exchange)
