"""Edges that commands take for a server that runs on a data folder."""

from serve.demo import demo_key_file, demo_operator_key_file
from serve.local.stack import DataFolder, Stack, write_private
from serve.settings import Settings
from tests.edges.edge_stack import Edges, operator_of


def published(folder: DataFolder, edges: Edges, grpc_target: str) -> None:
    """Let commands take the edges for a stack that runs on the folder, with alpha's keys for the demo's."""
    folder.secret("link")
    write_private(demo_key_file(folder.root), edges.keys["alpha"].encode())
    write_private(demo_operator_key_file(folder.root), edges.keys[operator_of("alpha")].encode())
    folder.publish(
        Stack(
            settings=Settings(data_dir=folder.root),
            pid=0,
            database_url="",
            redis_url="",
            http_url=edges.http_url,
            grpc_target=grpc_target,
        )
    )
