"""The HTTP face: webhooks in, health and figures out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from leanstage import __version__
from leanstage.trigger import metrics
from leanstage.trigger.loop import Loop
from leanstage.trigger.webhook import MAX_BYTES, RejectedError, Verifier, is_own_note

BODY_SECONDS = 10
STOP_SECONDS = 20
AT_ONCE = 512
"""Deliveries that are received at a time; probes and figures have no such limit."""


def make_app(loop: Loop, verifier: Verifier | None) -> FastAPI:
    """The service; without a verifier it takes no webhooks and only polls."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop.start()
        yield
        await asyncio.to_thread(loop.stop, STOP_SECONDS)

    app = FastAPI(
        title="leanstage trigger",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """The process works; Kubernetes restarts it otherwise."""
        return JSONResponse({"healthy": loop.healthy}, 200 if loop.healthy else 503)

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """MLflow and the backend were reached lately."""
        state = {"ready": loop.ready, "problem": loop.problem}
        return JSONResponse(state, 200 if loop.ready else 503)

    @app.get("/metrics")
    async def figures() -> Response:
        """For Prometheus."""
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")

    if verifier is not None:
        room = asyncio.Semaphore(AT_ONCE)

        @app.post("/webhooks/mlflow")
        async def webhook(request: Request) -> JSONResponse:
            """A signed delivery of MLflow; it only wakes the loop, which asks MLflow itself."""
            try:
                if room.locked():
                    raise RejectedError("busy", 503)
                async with room:
                    outcome = await _received(request, verifier, loop)
            except RejectedError as error:
                metrics.delivery(error.outcome)
                return JSONResponse({"outcome": error.outcome}, error.status)
            metrics.delivery(outcome)
            return JSONResponse({"outcome": outcome}, 202 if outcome == "accepted" else 200)

    return app


async def _received(request: Request, verifier: Verifier, loop: Loop) -> str:
    body = await _body(request)
    if not verifier.accept(request.headers, body):
        return "duplicate"
    if is_own_note(body):
        return "own"
    loop.wake()
    return "accepted"


async def _body(request: Request) -> bytes:
    """The raw body, which is never held beyond the limit, nor waited for without end."""
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > MAX_BYTES:
        raise RejectedError("oversized", 413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise RejectedError("oversized", 413)
    except TimeoutError:
        raise RejectedError("slow", 408) from None
    return bytes(body)
