"""Asks the Docker Engine that the environment names (DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH) for its version.

Prints the version and exits 0; prints the chain of errors on stderr and exits 1 where it is not let in.
"""

import sys

import docker


def main() -> int:
    try:
        client = docker.from_env(timeout=20)
        if not client.ping():
            print("/_ping is not OK", file=sys.stderr)
            return 1
        print(client.version()["Version"])
    except (docker.errors.DockerException, OSError) as error:
        while error is not None:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            error = error.__cause__ or error.__context__
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
