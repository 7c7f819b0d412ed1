"""Serves the Pub/Sub API on a loopback port, plain or encrypted.

Belongs here: gRPC's server, its threads. Not here: calls (service.py), which port (emulator/server.py).
Imports grpc, certificate, listening, service.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc

from sf_pipelines.emulator.certificate import LocalCertificate
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.listening import HOST, EmulatorError
from sf_pipelines.emulator.pubsub.service import MAX_STREAMS, PubSubService
from sf_pipelines.wire import pubsub_api_pb2_grpc as stubs

# Short calls still find a thread while all streams are open.
_SPARE_THREADS = 8
_OPTIONS = (
    # a port that is taken is refused, as it is for HTTP
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


def serve_pubsub(opened: ExitStack, surface: Surface, port: int, certificate: LocalCertificate | None) -> str:
    """Serve until `opened` closes; the address, host and port.

    Raises:
        EmulatorError: the port is taken.
    """
    pool = ThreadPoolExecutor(MAX_STREAMS + _SPARE_THREADS, thread_name_prefix="emulator-pubsub")
    opened.callback(pool.shutdown, wait=False)
    server = grpc.server(pool, options=_OPTIONS)
    stubs.add_PubSubServicer_to_server(PubSubService(surface), server)
    try:
        bound = _bind(server, f"{HOST}:{port}", certificate)
    except RuntimeError as error:
        raise EmulatorError(
            f"Port {port} can't be used on {HOST}: choose another one, or 0 for any."
        ) from error
    server.start()
    opened.callback(lambda: server.stop(None).wait())
    return f"{HOST}:{bound}"


def _bind(server: grpc.Server, address: str, certificate: LocalCertificate | None) -> int:
    if certificate is None:
        return server.add_insecure_port(address)
    pair = (certificate.private_key_pem, certificate.chain_pem)
    return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
