"""Asks https://127.0.0.1:2376/_ping without pause, with the ca.pem, cert.pem and key.pem of a folder, until a file
appears; then prints the longest time between two answers, in milliseconds: longest_gap.py FOLDER FILE
"""

import http.client
import os
import ssl
import sys
import time


def main(folder: str, until: str) -> None:
    context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    longest, last = 0.0, time.monotonic()
    deadline = last + 60
    while time.monotonic() < deadline:
        over = os.path.exists(until)
        connection = http.client.HTTPSConnection("127.0.0.1", 2376, timeout=20, context=context)
        try:
            connection.request("GET", "/_ping")
            answered = connection.getresponse().read() == b"OK"
        except (OSError, http.client.HTTPException):
            answered = False
        finally:
            connection.close()
        if answered:
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            if over:
                print(f"{longest * 1000:.1f}")
                return
        time.sleep(0.002)
    sys.exit("no answer within a minute")


if __name__ == "__main__":
    main(*sys.argv[1:])
