"""The Pub/Sub API's messages: the `.proto`, the stubs generated from it at build, and how they are made.

Both ends of the wire read it, so it lies below rails and emulator, and holds no behaviour of either
(docs/adr/0005-one-proto-for-both-ends.md). Event schemas do not belong here: the org tells them at run time.
"""
