"""Requests that are odd in themselves, come from another site, or without the token."""

from __future__ import annotations

from tests.integration.server.attack import (
    BEARER,
    CLOSE,
    HOST,
    SEARCH,
    STATUS,
    TOKEN,
    Attack,
    ask,
    get,
    post,
    post_bytes,
    upload,
    wire,
)

HEADS = (
    Attack("two hosts", wire(f"GET {STATUS} HTTP/1.1", HOST, "Host: evil.example", CLOSE), (400,)),
    Attack("no host", wire(f"GET {STATUS} HTTP/1.1", CLOSE), (400,)),
    Attack("a rebound name", wire(f"GET {STATUS} HTTP/1.1", "Host: evil.example", CLOSE), (421,)),
    Attack(
        "our address as a prefix",
        wire(f"GET {STATUS} HTTP/1.1", "Host: 127.0.0.1.evil.example", CLOSE),
        (421,),
    ),
    Attack(
        "our address as a user",
        wire(f"GET {STATUS} HTTP/1.1", "Host: 127.0.0.1@evil.example", CLOSE),
        (400,),
    ),
    Attack("two ports", wire(f"GET {STATUS} HTTP/1.1", "Host: 127.0.0.1:80:80", CLOSE), (400,)),
    Attack(
        "a path for a host", wire(f"GET {STATUS} HTTP/1.1", "Host: 127.0.0.1/evil", CLOSE), (400,)
    ),
    Attack(
        "a proxy's target",
        wire("GET http://evil.example/api/v1/status HTTP/1.1", HOST, CLOSE),
        (400,),
    ),
    Attack("a tunnel", wire("CONNECT evil.example:443 HTTP/1.1", HOST, CLOSE), (400, 405)),
    Attack("a star for a target", wire("OPTIONS * HTTP/1.1", HOST, CLOSE), (400,)),
    Attack("a fragment in the target", get("/api/v1/status#/../x"), (200, 400, 404)),
    Attack("an echo of our headers", ask("TRACE", STATUS), (405,)),
    Attack("a made-up method", ask("PWN", STATUS), (400, 405)),
    Attack("a method in a header", ask("POST", STATUS, "X-HTTP-Method-Override: GET\r\n"), (405,)),
    Attack("a method in the query", get("/api/v1/jobs/none?_method=DELETE"), (404,)),
    Attack(
        "length and chunks at once",
        wire(
            f"POST {SEARCH} HTTP/1.1",
            HOST,
            "Content-Length: 4",
            "Transfer-Encoding: chunked",
            CLOSE,
            body=b"0\r\n\r\n",
        ),
        (400,),
    ),
    Attack(
        "two lengths",
        wire(
            f"POST {SEARCH} HTTP/1.1",
            HOST,
            "Content-Length: 2",
            "Content-Length: 40",
            CLOSE,
            body=b"{}",
        ),
        (400,),
    ),
    Attack(
        "a length with a sign",
        wire(f"POST {SEARCH} HTTP/1.1", HOST, "Content-Length: +2", CLOSE, body=b"{}"),
        (400,),
    ),
    Attack(
        "a negative length",
        wire(f"POST {SEARCH} HTTP/1.1", HOST, "Content-Length: -2", CLOSE, body=b"{}"),
        (400,),
    ),
    Attack(
        "chunks by another name",
        wire(f"POST {SEARCH} HTTP/1.1", HOST, "Transfer-Encoding: xchunked", CLOSE, body=b"{}"),
        (400, 501),
    ),
    Attack(
        "a chunk's size that is none",
        wire(
            f"POST {SEARCH} HTTP/1.1",
            HOST,
            "Transfer-Encoding: chunked",
            CLOSE,
            body=b"zz\r\n{}\r\n0\r\n\r\n",
        ),
        (400,),
    ),
    Attack("a folded header", wire(f"GET {STATUS} HTTP/1.1", HOST, "X-A: b", " c", CLOSE), (400,)),
    Attack(
        "a space before the colon",
        wire(f"GET {STATUS} HTTP/1.1", "Host : 127.0.0.1", CLOSE),
        (400,),
    ),
    Attack(
        "a header split by a bare carriage return",
        wire(f"GET {STATUS} HTTP/1.1", HOST, "X-A: b\rHost: evil", CLOSE),
        (400,),
    ),
    Attack("a NUL in a header", wire(f"GET {STATUS} HTTP/1.1", HOST, "X-A: b\0c", CLOSE), (400,)),
    Attack(
        "two content types",
        wire(
            f"POST {SEARCH} HTTP/1.1",
            HOST,
            "Content-Type: text/plain",
            "Content-Type: application/json",
            "Content-Length: 2",
            CLOSE,
            body=b"{}",
        ),
        (400,),
    ),
    Attack("one huge header", get(STATUS, f"X-A: {'a' * 40_000}\r\n"), (431,)),
    Attack("many headers", get(STATUS, "".join(f"X-{n}: a\r\n" for n in range(200))), (431,)),
    Attack("a huge query", get(f"{SEARCH}?q={'a' * 40_000}"), (431,)),
    Attack("HTTP 0.9", b"GET /\r\n\r\n", (400,)),
    Attack("HTTP 2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    Attack(
        "TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 60, (400,)
    ),
)
SITES = (
    Attack(
        "another site's form", post("/api/v1/jobs", {}, "Origin: http://evil.example\r\n"), (403,)
    ),
    Attack("a page without an origin", post("/api/v1/jobs", {}, "Origin: null\r\n"), (403,)),
    Attack(
        "our name on another port",
        post("/api/v1/jobs", {}, "Origin: http://127.0.0.1:1\r\n"),
        (403,),
    ),
    Attack(
        "another site's deletion",
        ask("DELETE", "/api/v1/jobs/x", "Sec-Fetch-Site: cross-site\r\n"),
        (403,),
    ),
    Attack(
        "a sibling site's form",
        post("/api/v1/remove", {"path": "/x"}, "Sec-Fetch-Site: same-site\r\n"),
        (403,),
    ),
    Attack(
        "another site's <img>",
        get(
            "/api/v1/media/1/thumbnail", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"
        ),
        (403,),
    ),
    Attack(
        "a preflight",
        ask(
            "OPTIONS",
            "/api/v1/jobs",
            "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n",
        ),
        (405,),
    ),
    Attack(
        "another site's login",
        post_bytes(
            "/login",
            b"token=x",
            "application/x-www-form-urlencoded",
            "Origin: http://evil.example\r\n",
        ),
        (403,),
    ),
)
TOKENS = (
    Attack("no token", get(STATUS), (401,), guarded=True),
    Attack("no token for the metrics", get("/metrics"), (401,), guarded=True),
    Attack("no token for the description", get("/api/v1/openapi.json"), (401,), guarded=True),
    Attack("a wrong token", get(STATUS, "Authorization: Bearer wrong\r\n"), (401,), guarded=True),
    Attack("the token's beginning", get(STATUS, f"{BEARER[:-1]}\r\n"), (401,), guarded=True),
    Attack("the token and more", get(STATUS, f"{BEARER}x\r\n"), (401,), guarded=True),
    Attack("an empty token", get(STATUS, "Authorization: Bearer\r\n"), (401,), guarded=True),
    Attack(
        "a token beyond ASCII",
        get(STATUS, "Authorization: Bearer \xe9\xff\r\n"),
        (401,),
        guarded=True,
    ),
    Attack(
        "a token of 20,000 letters",
        get(STATUS, f"Authorization: Bearer {'a' * 20_000}\r\n"),
        (401,),
        guarded=True,
    ),
    Attack(
        "the token by another scheme",
        get(STATUS, f"Authorization: Basic {TOKEN}\r\n"),
        (401,),
        guarded=True,
    ),
    Attack("the token in the query", get(f"{STATUS}?token={TOKEN}"), (401,), guarded=True),
    Attack(
        "two tokens", get(STATUS, f"{BEARER}\r\nAuthorization: Bearer x\r\n"), (400,), guarded=True
    ),
    Attack(
        "a forged cookie", get(STATUS, "Cookie: mmsearch_session=AAAA\r\n"), (401,), guarded=True
    ),
    Attack(
        "the token for a cookie",
        get(STATUS, f"Cookie: mmsearch_session={TOKEN}\r\n"),
        (401,),
        guarded=True,
    ),
    Attack(
        "another path in a header",
        get("/static/none", "X-Original-URL: /api/v1/status\r\n"),
        (404,),
        guarded=True,
    ),
    Attack(
        "a trusted address in a header",
        get(STATUS, "X-Forwarded-For: 127.0.0.1\r\n"),
        (401,),
        guarded=True,
    ),
    Attack("the API in capitals", get("/API/V1/STATUS"), (401,), guarded=True),
    Attack("a slash more", get("//api/v1/status"), (400,), guarded=True),
    Attack("out of what is open", get("/static/..%2fapi/v1/status"), (400,), guarded=True),
    Attack("an upload without a token", upload(b"x"), (401,), guarded=True),
    Attack("only the head", ask("HEAD", STATUS), (401,), guarded=True),
)
