"""Asks the server of the online modes, several questions at a time.

The controller waits for no answer beyond its own deadline and serves other readers meanwhile, so
that a server can delay nobody but the person it is asked about.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog

from gateway.clock import Clock, DeviceTime
from gateway.commands.authorization import granted_openings
from gateway.commands.doors import groups_of
from gateway.errors import GatewayError, StorageError
from gateway.link.messages import AnswerQuestion, ServerQuestion
from gateway.settings import SiteFile
from gateway.store.objects.store import Store
from gateway.uplink.http_client import HttpAnswer, HttpClient
from gateway.uplink.http_clients import HttpClients
from gateway.uplink.online.answers import NO_DECISION, read_answer
from gateway.uplink.online.client import ControllerLink, OnlineClient
from gateway.uplink.online.messages import FORM, needs_secret, query_of, question_form
from gateway.uplink.online.target import OnlineTarget

MOST_AT_ONCE = 8
"""Questions that are asked at the same time."""
MOST_WAITING = 64
"""Questions that are taken: more readers than any controller has."""
AGAIN_S = 0.1
"""Pause between two tries of a question."""
MARGIN_NS = 250_000_000
"""How long before the controller's deadline a question is given up, at most."""
NO_TIME = "the server has not answered in time"
PLAIN = (
    "PINs and passwords go over https:// only: put it before the server's ip in devices, or set "
    "[servers] plain_secrets"
)

log = structlog.get_logger("online")


class QuestionWorkers:
    """Asks until closed. Any thread may call its methods."""

    def __init__(
        self,
        client: OnlineClient,
        store: Store,
        clock: Clock,
        device_time: DeviceTime,
        device_id: int,
        site: SiteFile,
        controller: ControllerLink,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._device_time = device_time
        self._device_id = device_id
        self._site = site
        self._controller = controller
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._clients = HttpClients(site.servers.ca_file)
        self._workers = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="question")
        self._stop = threading.Event()

    def close(self) -> None:
        """End running requests and wait for the threads. The client must be closed before."""
        self._stop.set()
        self._clients.abort()
        self._workers.shutdown(cancel_futures=True)
        self._clients.close()

    @property
    def waiting(self) -> int:
        """Questions without an answer yet."""
        return len(self._asked)

    def take(self, question: ServerQuestion) -> None:
        """Ask it, unless it is asked already."""
        with self._lock:
            if question.id in self._asked:
                return
            if len(self._asked) >= MOST_WAITING:
                log.error(
                    "too many questions wait; one is not asked", reader=question.identifier_id
                )
                return
            self._asked.add(question.id)
        self._workers.submit(self._work_on, question)

    def _work_on(self, question: ServerQuestion) -> None:
        try:
            answer = self._answer_to(question)
        except Exception:
            # It must not take a worker with it, nor leave the person waiting.
            log.exception("a question failed")
            answer = _undecided(question, "internal error")
        if answer.event is None:
            log.warning("a question has no answer", why=answer.why)
        try:
            self._controller.ask(answer)
        except GatewayError as error:
            log.warning("an answer did not reach the controller", why=str(error))
        finally:
            with self._lock:
                self._asked.discard(question.id)

    def _answer_to(self, question: ServerQuestion) -> AnswerQuestion:
        """Ask the server until it answers, has failed too often, or the time is over."""
        ends_ns = self._ends_ns(question)
        failures, why = 0, NO_TIME
        with self._clients.one() as http:
            while not self._stop.is_set():
                target, refusal = self._client.await_server(ends_ns)
                if target is None:
                    why = refusal or why
                    break
                if needs_secret(question) and not target.secrets:
                    return _undecided(question, PLAIN)
                answer = self._send(http, question, target, ends_ns)
                body = answer.body if answer.accepted else None
                if not self._client.settle(target, answer.fault if body is None else None):
                    continue  # whatever it answers, it is no longer the server that decides
                if body is not None:
                    return self._read(question, body)
                failures, why = failures + 1, answer.fault
                if failures >= target.attempts:
                    break
                self._stop.wait(min(AGAIN_S, max(0.0, self._left_s(ends_ns))))
        if self._client.reachable:
            # It answers others, so that nobody is let in by taking it for lost.
            return _undecided(question, why)
        return AnswerQuestion(question=question.id, why=why[:1_000])

    def _ends_ns(self, question: ServerQuestion) -> int:
        """When the question is given up: early enough for the controller to learn why."""
        left_ns = max(0, question.deadline_ns - self._clock.monotonic_ns())
        return question.deadline_ns - min(MARGIN_NS, left_ns // 10)

    def _send(
        self, http: HttpClient, question: ServerQuestion, target: OnlineTarget, ends_ns: int
    ) -> HttpAnswer:
        name, has_image = self._person(question.user_id)
        form = question_form(
            question.model_copy(update={"user_name": question.user_name or name}),
            self._device_id,
            self._device_time.stamp(datetime.fromtimestamp(question.at_utc_s, UTC)),
            has_image=has_image,
            secrets=target.secrets,
        )
        return http.request(
            target.address,
            target.address.target(form.topic, query_of(form.topic, self._device_id)),
            max(0.0, min(target.timeout_s, self._left_s(ends_ns))),
            content=form.content,
            kind=FORM,
        )

    def _read(self, question: ServerQuestion, body: bytes) -> AnswerQuestion:
        groups = groups_of(self._store)
        answer = read_answer(
            question.id, body, lambda items: granted_openings(self._site, items, groups)
        )
        if answer.why:
            log.warning("an answer of the server is unusable", why=answer.why)
        return answer

    def _person(self, user_id: int) -> tuple[str, bool]:
        """The name of somebody, and whether there is a photo."""
        request = {
            "object": "users",
            "fields": ["name", "image_timestamp"],
            "where": {"users": {"id": user_id}},
        }
        try:
            rows = list(self._store.load(request).rows) if user_id else []
        except StorageError:
            rows = []
        return next(((str(row["name"]), bool(row["image_timestamp"])) for row in rows), ("", False))

    def _left_s(self, ends_ns: int) -> float:
        return (ends_ns - self._clock.monotonic_ns()) / 1e9


def _undecided(question: ServerQuestion, why: str) -> AnswerQuestion:
    """The server is there, but does not decide on this one."""
    return AnswerQuestion(question=question.id, event=NO_DECISION, why=why[:1_000])
