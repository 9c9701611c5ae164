"""A real Bolt server (ArcadeDB) for the graph suite: bolt_server.py HTTP_PORT BOLT_PORT FOLDER PASSWORD.

Says READY on its output once it answers, and ends when its input closes.
"""

import sys

from arcadedb_embedded.server import ArcadeDBServer


def main() -> None:
    http_port, bolt_port, folder, password = sys.argv[1:5]
    plugins = "Bolt:com.arcadedb.bolt.BoltProtocolPlugin"
    server = ArcadeDBServer(
        root_path=folder,
        root_password=password,
        config={"http_port": int(http_port), "server_plugins": plugins, "bolt_port": int(bolt_port)},
        jvm_kwargs={"heap_size": "512m"},
    )
    server.start()
    server.create_database("watchfloor")
    print("READY", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
