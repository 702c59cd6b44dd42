"""Serves the safe page at the api's ports, and asks root's helper for what a technician wants.

Plain HTTP leads to HTTPS; where that cannot be had, the page can be read, and nobody can sign in.
"""

from __future__ import annotations

import os
import secrets
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, socket
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from gateway.errors import GatewayError, InvalidRequest
from gateway.files import write_whole
from gateway.host.notify import Notifier
from gateway.host.update_bundle import LARGEST_UPDATE
from gateway.host.update_install import UPLOADED
from gateway.host.update_request import SOCKET_NAME, UpdateRequest, ask_for_update
from gateway.safe.connections import LOOK_S, Connection, Connections
from gateway.safe.page import SafePageState, page
from gateway.safe.sign_in import SignIn, new_code
from gateway.safe.site import SafeSite, address
from gateway.safe.story import STORY, Story
from gateway.safe.words import language_of

CODE = Path("/run/gateway-safe-page/code")
SOCKET = Path("/run") / SOCKET_NAME
COOKIE = "safe_page"
IDLE_S = 30.0
LARGEST_HEAD = 16 * 1_024
"""Bytes of the first line and the headers of a request."""
_SMALL = 1_024
_CHUNK = 1 << 18
_STATIC = {"/safe.css": "text/css", "/safe.js": "text/javascript"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    # With `no-referrer` browsers send no usable Origin.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class SafePage:
    """The page of one site, at its addresses."""

    def __init__(
        self,
        site: SafeSite,
        data: Path,
        story: Path = STORY,
        ask: Callable[[UpdateRequest], None] = lambda it: ask_for_update(SOCKET, request=it),
    ) -> None:
        self.site = site
        self.code = new_code()
        self.sign_in = SignIn(self.code)
        self.run = secrets.token_hex(8)
        """Tells this run of the page from another."""
        self.ask = ask
        self.connections = Connections()
        self._story = story
        self._directory = data / "api"
        self.uploading = threading.Lock()
        self.tls = _tls(self._directory / "https.pem") if site.tls else None
        self.servers: list[_Server] = []
        with ExitStack() as opened:
            wanted = [(site.tls, self.tls)] if self.tls is not None else []
            for text, tls in [*wanted, (site.plain, None)]:
                if text is not None:
                    with suppress(OSError, ValueError, OverflowError):
                        server = _Server(address(text), self, tls)
                        self.servers.append(opened.enter_context(server))
            if not self.servers:
                raise InvalidRequest(f"nothing can listen at {site.plain} or {site.tls}")
            self._opened = opened.pop_all()

    @property
    def secure_port(self) -> int | None:
        """Where HTTPS is served."""
        return next((it.server_address[1] for it in self.servers if it.tls is not None), None)

    def story(self) -> Story:
        return Story.read(self._story)

    def serve(self, code_file: Path = CODE) -> None:
        """Until the process ends. The code goes to standard output, which systemd leads to the
        console, and to a file that root alone can come to."""
        if self.tls is not None:
            write_whole(code_file, f"{self.code}\n".encode())
            print(f"gateway: code of the safe page: {self.code}", flush=True)  # noqa: T201 - see above
        with self._opened:
            threads = [threading.Thread(target=it.serve_forever) for it in self.servers]
            for thread in threads:
                thread.start()
            Notifier().ready("the safe page")
            while any(thread.is_alive() for thread in threads):
                self.connections.end_slow()
                threads[0].join(LOOK_S)

    def close(self) -> None:
        """End `serve`."""
        for server in self.servers:
            server.shutdown()

    def keep(self, body: Iterator[bytes]) -> None:
        """Keep an uploaded update where the helper looks for it. Raises GatewayError, OSError."""
        path = self._directory / UPLOADED
        beside = path.with_name(f"{UPLOADED}.new")
        try:
            with beside.open("wb") as file:
                for part in body:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
        finally:
            beside.unlink(missing_ok=True)


class _Server(ThreadingHTTPServer):
    """One address."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, where: tuple[str, int], safe: SafePage, tls: ssl.SSLContext | None) -> None:
        self.safe = safe
        self.tls = tls
        if ":" in where[0]:
            self.address_family = AF_INET6
        super().__init__(where, BaseHTTPRequestHandler)  # `_serve_one` makes the handlers

    def process_request(self, request: Any, client_address: Any) -> None:
        place = self.safe.connections.admit(request, client_address[0])
        if place is None:
            self.shutdown_request(request)
            return
        try:
            threading.Thread(
                target=self._serve_one, args=(request, client_address, place), daemon=True
            ).start()
        except RuntimeError:  # no thread can be had
            self.safe.connections.gone(place)
            raise

    def _serve_one(self, request: socket, client_address: Any, place: Connection) -> None:
        try:
            request.settimeout(IDLE_S)
            if self.tls is not None:
                # Known before its handshake, which may be slow too.
                request = place.socket = self.tls.wrap_socket(
                    request, server_side=True, do_handshake_on_connect=False
                )
            _Handler(request, client_address, self, place)
        except Exception:  # noqa: BLE001 - as the base class
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            self.safe.connections.gone(place)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as its base
        """One line; a client that went away is none."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"gateway: safe page: {error!r}", file=sys.stderr)  # noqa: T201 - for systemd


class _Handler(BaseHTTPRequestHandler):
    """One connection, for one request."""

    server: _Server
    server_version = "gateway"
    sys_version = ""
    connection: socket
    _taken = 0
    """Bytes of the body that were read."""

    def __init__(
        self, request: socket, client_address: Any, server: _Server, place: Connection
    ) -> None:
        self._place = place
        super().__init__(request, client_address, server)

    def setup(self) -> None:
        super().setup()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.do_handshake()
        self.rfile: Any = _BoundedHead(self.rfile)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        safe = self.server.safe
        if self.server.tls is None and safe.secure_port is not None:
            self._lead_to_https()
        elif path == "/":
            self._page()
        elif path == "/safe-run":
            self._answer(HTTPStatus.OK, safe.run.encode(), "text/plain")
        elif path in _STATIC:
            content = Path(__file__).parent.joinpath("static", path[1:]).read_bytes()
            self._answer(HTTPStatus.OK, content, _STATIC[path])
        else:
            self._lead("/")

    def do_POST(self) -> None:
        self._answer_post()
        self._drain()

    def _answer_post(self) -> None:
        if self.server.tls is None or not self._of_this_page():
            self._tell(HTTPStatus.FORBIDDEN, "not from this page")
        elif self.path == "/sign-in":
            self._sign_in()
        elif not self._signed_in():
            self._tell(HTTPStatus.UNAUTHORIZED, "sign in first")
        elif self.path == "/update":
            self._update()
        elif self.path == "/go-back":
            self._ask(UpdateRequest.GO_BACK)
        elif self.path == "/try-again":
            self._ask(UpdateRequest.TRY_AGAIN)
        else:
            self._tell(HTTPStatus.NOT_FOUND, "no such address")

    def _page(self, *, wrong_code: bool = False) -> None:
        safe = self.server.safe
        shown = SafePageState(
            site=safe.site,
            story=safe.story(),
            language=language_of(self.headers.get("Accept-Language", "")),
            secure=self.server.tls is not None,
            signed_in=self._signed_in(),
            wrong_code=wrong_code,
        )
        status = HTTPStatus.UNAUTHORIZED if wrong_code else HTTPStatus.OK
        self._answer(status, page(shown).encode(), "text/html; charset=utf-8")

    def _sign_in(self) -> None:
        length = self._length(_SMALL)
        if length is None:
            return
        form = parse_qs(b"".join(self._body(length)).decode("ascii", errors="replace"))
        session = self.server.safe.sign_in.try_code(form.get("code", [""])[0])
        if session is None:
            self._page(wrong_code=True)
        else:
            words = f"{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Strict"
            self._lead("/", ("Set-Cookie", words))

    def _update(self) -> None:
        safe = self.server.safe
        length = self._length(LARGEST_UPDATE)
        if length is None:
            return
        if not safe.uploading.acquire(blocking=False):
            self._tell(HTTPStatus.CONFLICT, "another update is being sent")
            return
        self._place.lasting = True
        try:
            safe.keep(self._body(length))
            self._ask(UpdateRequest.INSTALL)
        except (GatewayError, OSError) as error:
            self._tell(HTTPStatus.BAD_REQUEST, str(error))
        finally:
            safe.uploading.release()

    def _ask(self, request: UpdateRequest) -> None:
        try:
            self.server.safe.ask(request)
        except GatewayError as error:
            self._tell(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._tell(HTTPStatus.ACCEPTED, "")

    def _length(self, most: int) -> int | None:
        """Bytes of the body; None after a refusal."""
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit()) or "Transfer-Encoding" in self.headers:
            self._tell(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        elif len(text) > len(str(most)) or int(text) > most:
            self._tell(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {most} bytes")
        else:
            return int(text)
        return None

    def _body(self, length: int) -> Iterator[bytes]:
        while length > 0:
            part = self.rfile.read(min(length, _CHUNK))
            if not part:
                raise InvalidRequest("the file was cut off")
            length -= len(part)
            self._taken += len(part)
            yield part

    def _drain(self) -> None:
        """Read what is left of a refused body: closed before, a connection loses the answer."""
        length = self.headers.get("Content-Length", "")
        most = LARGEST_UPDATE if self._signed_in() else _SMALL
        if most != _SMALL:
            self._place.lasting = True
        if len(length) <= len(str(most)) and length.isascii() and length.isdigit():
            with suppress(OSError, GatewayError):
                for _ in self._body(min(int(length), most) - self._taken):
                    pass

    def _signed_in(self) -> bool:
        if self.server.tls is None:
            return False
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self.server.safe.sign_in.is_in(cookie.value)

    def _of_this_page(self) -> bool:
        """Whether a browser says that the request is of a page of this address. Others say nothing,
        and have no cookie that they did not get here."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host", "")

    def _lead_to_https(self) -> None:
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        if not host or not all(it.isalnum() or it in ".-:" for it in host):
            self._tell(HTTPStatus.BAD_REQUEST, "Host is needed")
            return
        shown = f"[{host}]" if ":" in host else host
        port = self.server.safe.secure_port
        self._lead(f"https://{shown}/" if port == 443 else f"https://{shown}:{port}/")

    def _lead(self, where: str, *headers: tuple[str, str]) -> None:
        self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", ("Location", where), *headers)

    def _tell(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, text.encode(), "text/plain; charset=utf-8")

    def _answer(
        self, status: HTTPStatus, content: bytes, kind: str, *headers: tuple[str, str]
    ) -> None:
        self.close_connection = True
        self.send_response(status)
        given = {"Content-Type": kind, "Content-Length": str(len(content)), "Connection": "close"}
        for name, value in [*{**_HEADERS, **given}.items(), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class
        """Requests are not logged."""


class _BoundedHead:
    """What a client sends. Its lines may have LARGEST_HEAD bytes together: the base class would
    take 6 MB from each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = LARGEST_HEAD
        self.close = file.close
        self.read = file.read

    def readline(self, limit: int) -> bytes:
        """Raises OSError for one line too many, which ends the connection."""
        line = self._file.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the head of the request is too large")
        return line


def _tls(path: Path) -> ssl.SSLContext | None:
    """None where the certificate or its key cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(path)
    except (OSError, ValueError):
        return None
    return context
