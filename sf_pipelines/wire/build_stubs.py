"""Generates the stubs of the Pub/Sub API while the package is built; nothing at run time imports this module.

setuptools loads it by its file (`tool.setuptools.cmdclass` in pyproject.toml), so it must not import the
package.
"""

from importlib import resources
from pathlib import Path

from setuptools.command.build_py import build_py

PROTO = "sf_pipelines/wire/pubsub_api.proto"


class GenerateStubs(build_py):
    """`build_py` that first makes the modules of messages, their types and services beside the `.proto`."""

    def run(self) -> None:
        """Generates into the source tree, which an editable installation imports from.

        Raises:
            RuntimeError: the `.proto` does not compile.
        """
        generate_stubs()
        super().run()


def generate_stubs(root: Path = Path()) -> None:
    """Generates the stubs below `root`, the project's folder.

    Raises:
        RuntimeError: the `.proto` does not compile; protoc has printed where.
    """
    from grpc_tools import protoc

    included = resources.files("grpc_tools") / "_proto"
    outputs = [f"--{kind}_out={root}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"-I{root}", f"-I{included}", *outputs, str(root / PROTO)]):
        raise RuntimeError(f"{PROTO} does not compile: mend what protoc printed above and build again.")


if __name__ == "__main__":
    generate_stubs()
