"""The certificate of the emulator's encrypted ports: made at the start, for this machine's own names.

Belongs here: making it, and the file that clients trust. Not here: sockets (listening.py). Imports trustme.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_CA_FILE_NAME = "emulator-ca.pem"


class LocalCertificate:
    """A certificate for localhost, 127.0.0.1 and ::1 and the authority that signed it.

    The private keys stay in memory; only the authority's certificate is written to a file.
    """

    def __init__(self, folder: Path) -> None:
        """Make both, and write the authority to a PEM file in `folder`.

        Raises:
            OSError: the file can't be written.
        """
        authority = trustme.CA(organization_name="sf_pipelines emulator")
        self._leaf = authority.issue_cert(*LOCAL_NAMES)
        self.ca_file = folder / _CA_FILE_NAME
        self.ca_file.write_bytes(authority.cert_pem.bytes())

    @property
    def private_key_pem(self) -> bytes:
        """For servers that take PEM bytes, such as gRPC's."""
        return self._leaf.private_key_pem.bytes()

    @property
    def chain_pem(self) -> bytes:
        """The certificate, then what stands between it and the authority."""
        return b"".join(blob.bytes() for blob in self._leaf.cert_chain_pems)

    def server_context(self) -> ssl.SSLContext:
        """A TLS context for a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._leaf.configure_cert(context)
        return context
